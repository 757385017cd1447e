"""A small completions server that misbehaves on command."""

import http.server
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Behaviour = Callable[["Handler", int], None]
"""Handles a completions request, given how often the same prompt was seen before."""


class MoodyServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour: Behaviour = lambda handler, _: handler.answer_well()
        self.max_model_len = 100
        self.seen: Counter[int] = Counter()
        self.arrivals: list[float] = []
        self.authorizations: set[str | None] = set()
        self.running = 0
        self.most_running = 0
        self.lock = threading.Lock()
        self.released = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: broken connections are the point."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: MoodyServer  # pyright: ignore[reportIncompatibleVariableOverride]
    payload: dict[str, Any]

    def do_GET(self) -> None:
        self.server.authorizations.add(self.headers["Authorization"])
        self.send_json(200, {"data": [{"id": "tiny", "max_model_len": self.server.max_model_len}]})

    def do_POST(self) -> None:
        self.payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            first_token = self.payload["prompt"][0]
            before = server.seen[first_token]
            server.seen[first_token] += 1
            server.arrivals.append(time.monotonic())
            server.running += 1
            server.most_running = max(server.most_running, server.running)
        try:
            server.behaviour(self, before)
        finally:
            with server.lock:
                server.running -= 1

    def answer_well(self) -> None:
        choice = {"text": "ok", "token_ids": [7, 1], "finish_reason": "stop"}
        self.send_json(200, {"choices": [choice]})

    def send_json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self.send_bytes(status, json.dumps(body).encode(), headers)

    def send_bytes(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def say_nothing(self) -> None:
        self.server.released.wait(30)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Print nothing."""


@contextmanager
def moody_server() -> Iterator[MoodyServer]:
    """Serve on a free port of 127.0.0.1 until the `with` block ends."""
    server = MoodyServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
