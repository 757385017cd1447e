"""A real S3 server on loopback, in its own process.

It cannot be a thread of the test process: the server imports Flask, and when vLLM starts in the same process it looks
at every object of every module, at which Flask's context locals raise "Working outside of application context"
(measured).
"""

import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from urllib.parse import urlsplit

import pytest

from prox_assets.testing.ports import free_port

_START_SECONDS = 60
_REQUEST_LINE_END = b" HTTP/1.1\r\n"
S3_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def running_s3_server() -> Iterator[str]:
    """Yield the endpoint of an empty S3 server that runs until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    try:
        _wait_for_port(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


class CountingProxy(socketserver.ThreadingTCPServer):
    """Passes every byte on to a store and back, and counts requests and bytes.

    Attributes:
        requests: Requests so far.
        bytes_sent: Bytes of answers so far, including headers.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _CountedConnection)
        parts = urlsplit(target)
        self.target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.requests = self.bytes_sent = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The proxy's own URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def reset(self) -> None:
        """Set both counts to zero."""
        with self._lock:
            self.requests = self.bytes_sent = 0

    def count(self, requests: int, bytes_sent: int) -> None:
        """Add to the counts."""
        with self._lock:
            self.requests += requests
            self.bytes_sent += bytes_sent


class _CountedConnection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        proxy = cast("CountingProxy", self.server)
        with socket.create_connection(proxy.target) as store:
            answers = threading.Thread(target=self._answer, args=(proxy, store), daemon=True)
            answers.start()
            seen = b""
            while data := self.request.recv(1 << 16):
                seen = seen[-len(_REQUEST_LINE_END) + 1 :] + data
                proxy.count(seen.count(_REQUEST_LINE_END), 0)
                store.sendall(data)
            store.shutdown(socket.SHUT_WR)
            answers.join()

    def _answer(self, proxy: CountingProxy, store: socket.socket) -> None:
        while data := store.recv(1 << 16):
            proxy.count(0, len(data))
            self.request.sendall(data)


@contextmanager
def counting_proxy(target: str) -> Iterator[CountingProxy]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    with CountingProxy(target) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The endpoint of a running S3 server."""
    with running_s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def s3_endpoint(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The endpoint, with credentials in the environment as in a deployment."""
    for name, value in S3_CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return s3_server


def _wait_for_port(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the S3 server did not start (exit code {process.poll()})")
