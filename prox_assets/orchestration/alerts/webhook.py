"""Sends one message to a webhook within a time limit, and says why if that failed, without saying where.

The address and the headers of a webhook are secrets, so no error, log or answer is passed on as it is.
"""

import asyncio
import logging
from typing import Any

import httpx

from prox_assets.orchestration.alerts.settings import AlertSettings

# httpx logs the whole URL of every request at INFO.
logging.getLogger("httpx").setLevel(logging.WARNING)


def send(settings: AlertSettings, message: dict[str, Any]) -> str | None:
    """POST a message; return None if the webhook accepted it (2xx), else why not, in a few words.

    It returns after about `timeout_seconds` at most, however slowly the other side answers. Redirects are not
    followed, because the headers may hold a key for one host alone.
    """
    if settings.webhook is None:
        return None
    try:
        status = asyncio.run(_post(settings, settings.webhook, message))
    except TimeoutError:
        return f"no answer within {settings.timeout_seconds:g} s"
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        return "`webhook` is not an http:// or https:// URL"
    except (httpx.HTTPError, OSError, ValueError) as error:
        return f"no connection ({type(error).__name__})"
    return None if 200 <= status < 300 else f"it answered with status {status}"


async def _post(settings: AlertSettings, url: str, message: dict[str, Any]) -> int:
    """Return the status of the answer. httpx limits each wait; only a limit around all of them stops a slow drip."""
    async with (
        asyncio.timeout(settings.timeout_seconds),
        httpx.AsyncClient(timeout=settings.timeout_seconds) as client,
        client.stream("POST", url, json=message, headers=settings.headers) as response,
    ):
        return response.status_code
