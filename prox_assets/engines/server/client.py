"""HTTP client for an OpenAI-compatible server: sends a request, with retries.

It makes the attempts, waits between them, and decides what each failure means. The API key comes from the environment,
is sent in a header, and appears in no message. Callers write the requests and read the answers; for engines, that is
queries.py.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import tenacity

from prox_assets.engines.config import ServerEngineConfig
from prox_assets.engines.protocol import EngineError, EngineStartError

# We retry the client errors that pass by themselves, and all server errors (gateways have their own, 520 to 530) except
# those for something that the server never does.
_PASSING_CLIENT_ERRORS = frozenset({408, 409, 425, 429})
_LASTING_SERVER_ERRORS = frozenset({501, 505})
_LONGEST_WAIT_SECONDS = 60.0
_EXCERPT_CHARACTERS = 300


class RequestRefusedError(Exception):
    """The server answered that it will not run this request; a retry is useless."""


class RequestFailedError(Exception):
    """Every attempt failed for a reason that might pass: a busy, broken or silent server."""


class _AttemptFailedError(Exception):
    def __init__(self, message: str, *, retry_after_seconds: float = 0.0, unreachable: bool = False) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.unreachable = unreachable


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The served model: its name and its context window in tokens."""

    name: str
    max_model_len: int


class CompletionsClient:
    """A client for one server; create, use and close it inside one event loop.

    Args:
        config: Where the server is, and its timeouts and retries.
        on_answer: Called whenever the server has answered a request successfully.
    """

    def __init__(self, config: ServerEngineConfig, on_answer: Callable[[], None]) -> None:
        self._config = config
        self._on_answer = on_answer
        self._slots = asyncio.Semaphore(config.concurrency)
        base = config.base_url.rstrip("/")
        self._base_url = base if base.endswith("/v1") else f"{base}/v1"
        self._key = os.environ.get(config.api_key_env) or None
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx.Timeout(config.request_timeout_seconds),
            limits=httpx.Limits(max_connections=config.concurrency, max_keepalive_connections=config.concurrency),
            # Bypass any internet proxy for a server on this machine.
            trust_env=urlsplit(base).hostname not in {"localhost", "127.0.0.1", "::1"},
        )

    async def served_model(self) -> ServedModel:
        """Return the configured model, or the only one served.

        Raises:
            EngineStartError: The server cannot be reached, does not serve the model, or states no context window.
        """
        name, entry = await self._listed_model()
        windows = [length for length in (entry.get("max_model_len"), self._config.max_model_len) if length is not None]
        if not windows:
            raise EngineStartError(f"{self._base_url} does not say how long its context window is; set max_model_len.")
        return ServedModel(name, min(windows))

    async def served_model_name(self) -> str:
        """Return the name of the configured model, or of the only one served; the context window may be unknown.

        Raises:
            EngineStartError: The server cannot be reached, or does not serve the model.
        """
        name, _ = await self._listed_model()
        return name

    async def complete(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the server's answer to one completions request, as decoded JSON.

        Raises:
            RequestRefusedError: The server will not run the request.
            RequestFailedError: Every attempt failed.
            EngineError: The server is unreachable or rejects the key, or base_url or the model is wrong.
        """
        return await self._request_with_retries("POST", "/completions", payload)

    async def chat(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the server's answer to one chat completions request, as decoded JSON; raises like `complete`."""
        return await self._request_with_retries("POST", "/chat/completions", payload)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _listed_model(self) -> tuple[str, dict[str, Any]]:
        try:
            listing = (await self._request_with_retries("GET", "/models", None))["data"]
            served = {entry["id"]: entry for entry in listing}
        except (EngineError, RequestRefusedError, RequestFailedError) as error:
            raise EngineStartError(f"Cannot list the models of {self._base_url}: {error}") from error
        except (KeyError, TypeError) as error:
            raise EngineStartError(f"{self._base_url}/models did not return a list of models.") from error
        name = self._config.model or (next(iter(served)) if len(served) == 1 else None)
        if name is None or name not in served:
            wanted = f"does not serve {name!r}" if name else "serves several models; set `model`"
            raise EngineStartError(f"{self._base_url} {wanted} (served: {', '.join(served) or 'none'}).")
        return name, served[name]

    async def _request_with_retries(self, method: str, path: str, payload: Mapping[str, Any] | None) -> dict[str, Any]:
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(_AttemptFailedError),
            stop=tenacity.stop_after_attempt(self._config.max_retries + 1),
            wait=_wait_seconds,
            sleep=asyncio.sleep,
            reraise=True,
        )
        try:
            return await retrying(self._attempt, method, path, payload)
        except _AttemptFailedError as error:
            message = f"{error} (attempts: {self._config.max_retries + 1})"
            if error.unreachable:
                raise EngineError(f"No server answers at {self._base_url}: {message}. Is it still running?") from error
            raise RequestFailedError(message) from error

    async def _attempt(self, method: str, path: str, payload: Mapping[str, Any] | None) -> dict[str, Any]:
        try:
            # A slot is held for one attempt only, so requests that wait to retry do not block others.
            async with self._slots, asyncio.timeout(self._config.request_timeout_seconds):
                response = await self._http.request(method, self._base_url + path, json=payload)
        except (TimeoutError, httpx.TimeoutException) as error:
            seconds = self._config.request_timeout_seconds
            raise _AttemptFailedError(f"no answer within {seconds:g} s") from error
        except httpx.ConnectError as error:
            raise _AttemptFailedError(f"cannot connect: {error}", unreachable=True) from error
        except httpx.TransportError as error:
            raise _AttemptFailedError(f"connection broken: {type(error).__name__}: {error}") from error
        except httpx.DecodingError as error:
            raise _AttemptFailedError(f"the answer cannot be decoded: {error}") from error
        answer = self._judged(response)
        self._on_answer()
        return answer

    def _judged(self, response: httpx.Response) -> dict[str, Any]:
        """Return the JSON object of a successful answer; raise the matching error for any other."""
        if _passes(response.status_code):
            raise _AttemptFailedError(self._describe(response), retry_after_seconds=_retry_after_seconds(response))
        if response.status_code in {401, 403}:
            raise EngineError(f"{self._describe(response)}. Put the key into the variable {self._config.api_key_env}.")
        if response.status_code in {404, 405}:
            raise EngineError(f"{self._describe(response)}. Is base_url right, and the model still served?")
        if response.is_error or response.is_redirect:
            raise RequestRefusedError(self._describe(response))
        try:
            answer = response.json()
        # Not JSON, not UTF-8, a number of thousands of digits, or brackets nested too deeply.
        except (ValueError, RecursionError) as error:
            raise _AttemptFailedError(f"the answer is not JSON: {self._excerpt(response)!r}") from error
        if not isinstance(answer, dict):
            raise _AttemptFailedError(f"the answer is not a JSON object: {self._excerpt(response)!r}")
        # A gateway that has already sent its status reports a later failure in the body.
        if answer.get("error") and not answer.keys() & {"choices", "data"}:
            raise _AttemptFailedError(f"an error instead of an answer: {self._excerpt(response)!r}")
        return answer

    def _describe(self, response: httpx.Response) -> str:
        return f"HTTP {response.status_code} from {response.url.path}: {self._excerpt(response)}"

    def _excerpt(self, response: httpx.Response) -> str:
        # Masked before it is cut, or a key across the cut would show its beginning.
        text = response.text.replace(self._key, "***") if self._key else response.text
        return text[:_EXCERPT_CHARACTERS]


def _passes(status: int) -> bool:
    """Return whether a request that got this HTTP status may succeed on a retry."""
    return status in _PASSING_CLIENT_ERRORS or (status >= 500 and status not in _LASTING_SERVER_ERRORS)


_backoff = tenacity.wait_random_exponential(multiplier=0.5, max=_LONGEST_WAIT_SECONDS)


def _wait_seconds(state: tenacity.RetryCallState) -> float:
    """Return exponential backoff with jitter, or the server's Retry-After if that is longer."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after_seconds if isinstance(error, _AttemptFailedError) else 0.0
    return max(_backoff(state), min(asked, _LONGEST_WAIT_SECONDS))


def _retry_after_seconds(response: httpx.Response) -> float:
    """Return the Retry-After header as seconds from now; 0 without one (RFC 9110, 10.2.3)."""
    header = response.headers.get("Retry-After", "")
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
