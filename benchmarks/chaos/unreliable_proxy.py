"""An HTTP proxy in front of an object store that injects faults at random, from a seed."""

import http.client
import http.server
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

FAULTS = ("500", "500 after doing it", "503", "no answer", "no answer after doing it", "cut upload", "cut download")
_HOP = frozenset({"connection", "transfer-encoding", "content-length", "expect", "keep-alive"})
_SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>%s</Code><Message>out of luck</Message></Error>"


class UnreliableProxy(http.server.ThreadingHTTPServer):
    """Forwards requests to a store, and injects one of FAULTS into some of them.

    Args:
        target: URL of the store.
        rate: Share of requests with a fault.
        rng: Chooses the requests and faults.
        silence_seconds: How long to keep a connection open without answering.

    Attributes:
        injected: How often each fault was injected.
    """

    daemon_threads = True

    def __init__(self, target: str, rate: float, rng: random.Random, silence_seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        parts = urlsplit(target)
        self.target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.rate = rate
        self.silence_seconds = silence_seconds
        self.injected: Counter[str] = Counter()
        self._rng = rng
        self._lock = threading.Lock()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """The proxy's own URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def choose(self, has_body: bool) -> str | None:
        """Return the fault for the next request, or None."""
        with self._lock:
            if self._rng.random() >= self.rate:
                return None
            fault = self._rng.choice([fault for fault in FAULTS if has_body or fault != "cut upload"])
            self.injected[fault] += 1
            return fault

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (the base class's signature)
        """Ignore broken connections, which are the point."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: UnreliableProxy  # pyright: ignore[reportIncompatibleVariableOverride]

    def _forward(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        fault = self.server.choose(length > 0)
        if fault == "cut upload":
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if fault in ("500", "503"):
            self._refuse(int(fault))
        elif fault == "no answer":
            self._stay_silent()
        else:
            self._answer(body, fault)

    def _answer(self, body: bytes, fault: str | None) -> None:
        connection = http.client.HTTPConnection(*self.server.target, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        headers["Host"] = f"{self.server.target[0]}:{self.server.target[1]}"
        try:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if fault == "500 after doing it":
            self._refuse(500)
            return
        if fault == "no answer after doing it":
            self._stay_silent()
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP and name.lower() not in ("date", "server"):
                self.send_header(name, value)
        announced = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", announced or str(len(data)))
        self.end_headers()
        if fault == "cut download":
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        else:
            self.wfile.write(data)

    def _refuse(self, status: int) -> None:
        data = _SLOW_DOWN % (b"SlowDown" if status == 503 else b"InternalError")
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stay_silent(self) -> None:
        until = time.monotonic() + self.server.silence_seconds
        while time.monotonic() < until and not self.server.released.wait(0.2):
            continue
        self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815 (the base class's names)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Log nothing."""


@contextmanager
def unreliable_proxy(target: str, rate: float, rng: random.Random, silence_seconds: float) -> Iterator[UnreliableProxy]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    proxy = UnreliableProxy(target, rate, rng, silence_seconds)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.released.set()
        proxy.shutdown()
        thread.join()
        proxy.server_close()
