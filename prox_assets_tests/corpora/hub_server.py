"""A Hugging Face hub on loopback with one dataset: the few endpoints that its file system asks."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import xxhash

_COMMIT = "0" * 40


class _Handler(BaseHTTPRequestHandler):
    server: "_Hub"  # pyright: ignore[reportIncompatibleVariableOverride] - always made by _Hub

    def do_GET(self) -> None:
        # Unquoted only after splitting: a revision may hold a quoted slash.
        path = urlsplit(self.path).path
        repo, files = self.server.repo, self.server.files
        api, resolve = f"/api/datasets/{repo}", f"/datasets/{repo}/resolve/"
        if path == api or path.startswith(f"{api}/revision/"):
            self._json({"_id": "1", "id": repo, "sha": _COMMIT, "siblings": [], "tags": []})
        elif path.startswith(f"{api}/tree/"):
            self._tree(unquote(path.removeprefix(f"{api}/tree/").partition("/")[2]))
        elif path.startswith(resolve):
            self._content(files.get(unquote(path.removeprefix(resolve).partition("/")[2])))
        else:
            self._json({"error": "not found"}, 404, {"X-Error-Code": "RepoNotFound"})

    def _tree(self, folder: str) -> None:
        below = {
            name: data for name, data in self.server.files.items() if name.startswith(f"{folder}/" if folder else "")
        }
        if not below:
            self._json({"error": "no such entry"}, 404, {"X-Error-Code": "EntryNotFound"})
            return
        entries = {}
        for name, data in below.items():
            inside = name[len(folder) + 1 if folder else 0 :]
            head, _, deeper = inside.partition("/")
            place = f"{folder}/{head}".lstrip("/")
            oid = xxhash.xxh3_128_hexdigest(b"" if deeper else data)
            kind = {"type": "directory", "size": 0} if deeper else {"type": "file", "size": len(data)}
            entries[place] = {"path": place, "oid": oid, **kind}
        self._json(list(entries.values()))

    def _content(self, data: bytes | None) -> None:
        if data is None:
            self._json({"error": "no such entry"}, 404, {"X-Error-Code": "EntryNotFound"})
            return
        wanted = self.headers.get("Range")
        start, stop = 0, len(data)
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last) + 1, len(data)) if last else len(data)
        part = data[start:stop]
        headers = {"X-Repo-Commit": _COMMIT, "ETag": f'"{xxhash.xxh3_128_hexdigest(data)}"'}
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        self._send(206 if wanted else 200, "application/octet-stream", part, headers)

    def _json(self, value: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(status, "application/json", json.dumps(value).encode(), headers or {})

    def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Keep quiet."""


class _Hub(ThreadingHTTPServer):
    def __init__(self, repo: str, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repo = repo
        self.files = files


@contextmanager
def serve_dataset(repo: str, files: dict[str, bytes]) -> Iterator[str]:
    """Serve files as the dataset repository `repo` ("owner/name") and yield the endpoint's URL."""
    server = _Hub(repo, files)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
