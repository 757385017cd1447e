"""A webhook on loopback that can be slow, broken or gone."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


class WebhookServer(http.server.ThreadingHTTPServer):
    """Keeps what it is sent; `answer` decides what the sender hears."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answer: Callable[[Handler], None] = lambda handler: handler.reply(200)
        self.messages: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/services/secret-part"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: broken connections are the point."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: WebhookServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.append(json.loads(body))
        self.server.headers.append(dict(self.headers))
        self.server.paths.append(self.path)
        self.server.answer(self)

    def reply(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def drip(self) -> None:
        """Send headers for ever, each sooner than any read would time out."""
        with suppress(OSError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.server.released.wait(0.05):
                self.wfile.write(b"X-More: 1\r\n")
                self.wfile.flush()

    def hang(self) -> None:
        """Take the request and never answer."""
        self.server.released.wait(60)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class calls it so)
        """Print nothing."""


@contextmanager
def webhook_server(port: int = 0) -> Iterator[WebhookServer]:
    """Run a webhook until the block ends."""
    with WebhookServer(port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
