"""The server as an ASGI application: its routes, what every answer says to the browser, and who may ask."""

from collections.abc import Sequence

import duckdb
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prox_assets.browser import comparing, corpora, judging, reading
from prox_assets.browser.filters import FilterError
from prox_assets.browser.settings import Browser
from prox_assets.browser.templating import page, script, style_sheet
from prox_assets.lake.errors import LakeError
from prox_assets.monitoring.drift.judge import DriftError
from prox_assets.overview.page import sort_script

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

# Nothing in a document runs or is fetched: scripts and styles come from this server's own files only.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class _Guard:
    """Refuses writes that another site causes, and gives every answer the headers that keep it to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["method"] not in ("GET", "HEAD") and not _is_own(headers):
            refused = PlainTextResponse("only the pages of this server may write judgements", 403)
            await refused(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = MutableHeaders(scope=message)
                said.setdefault("Content-Security-Policy", POLICY)
                said["X-Content-Type-Options"] = "nosniff"
                said["X-Frame-Options"] = "DENY"
                # With no-referrer, browsers would send a form with the origin "null".
                said["Referrer-Policy"] = "same-origin"
                said["Cross-Origin-Resource-Policy"] = "same-origin"
                said["Cross-Origin-Opener-Policy"] = "same-origin"
                said["Cache-Control"] = "no-store"
            await send(message)

        await self._app(scope, receive, guarded)


def _is_own(headers: Headers) -> bool:
    """Tell whether a request comes from one of our pages; browsers send Origin with every POST."""
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    # Behind a proxy that speaks TLS the schemes differ, and the host still has to be ours.
    return headers.get("origin", "").partition("://")[2] == headers.get("host")


def browser_app(browser: Browser, hosts: Sequence[str] = LOOPBACK) -> Starlette:
    """Return the application.

    Args:
        browser: What it shows.
        hosts: Names by which it may be asked; "*" for any. A page elsewhere that makes its own name point here
            (DNS rebinding) is refused, because its name is not among them.
    """
    app = Starlette(
        routes=[
            Route("/static/style.css", lambda _: Response(style_sheet(), media_type="text/css")),
            Route("/static/keys.js", lambda _: Response(script(), media_type="text/javascript")),
            Route("/static/sort.js", lambda _: Response(sort_script(), media_type="text/javascript")),
            Route("/favicon.ico", lambda _: Response(status_code=204)),
            *corpora.ROUTES,
            *reading.ROUTES,
            *judging.ROUTES,
            *comparing.ROUTES,
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
            Middleware(_Guard),
        ],
        exception_handlers={
            HTTPException: _http_error,
            FilterError: _bad_filter,
            LakeError: _unreadable,
            DriftError: _unreadable,
            duckdb.Error: _unreadable,
        },
    )
    app.state.browser = browser
    return app


def _http_error(request: Request, error: Exception) -> Response:
    status, said = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    return page(request, "message.html", status, title=said, detail="")


def _bad_filter(request: Request, error: Exception) -> Response:
    return page(request, "message.html", 400, title="This address asks for something that is not there", detail=error)


def _unreadable(request: Request, error: Exception) -> Response:
    return page(request, "message.html", 500, title="The lake cannot be read", detail=error)
