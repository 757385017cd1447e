"""Stands in for a hub of data sets on loopback: endpoints that huggingface_hub calls to upload and download files.

It keeps what it is sent in memory. `HF_HUB_DISABLE_XET=1` makes the client send large files by Git LFS, which this
server speaks; `refuse` makes it fail as one likes.
"""

import asyncio
import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from prox_assets.testing.ports import free_port


@dataclass
class Repository:
    """A data set of the hub.

    Attributes:
        files: What the latest commit holds.
        large: Paths of files that came by LFS.
        commits: Message and changed paths of every commit.
        private: As it was made.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    large: set[str] = field(default_factory=set)
    commits: list[tuple[str, list[str]]] = field(default_factory=list)
    private: bool = False

    @property
    def revision(self) -> str:
        return hashlib.sha1(json.dumps(self.commits).encode(), usedforsecurity=False).hexdigest()


@dataclass
class HubStandIn:
    """A hub.

    Attributes:
        url: Its endpoint, for HF_ENDPOINT.
        token: The only token that it knows.
        repositories: By owner/name.
        objects: Contents of LFS objects, by SHA-256.
        received: Paths of all requests, in order, with their method.
        refuse: Given a request's method and path, tells whether it is answered with 403.
    """

    url: str = ""
    token: str = field(default_factory=lambda: f"hf_{secrets.token_hex(8)}")
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    received: list[str] = field(default_factory=list)
    refuse: Callable[[str, str], bool] = lambda method, path: False

    def app(self) -> Starlette:
        """Return the server's application."""
        hub = "/api/datasets/{owner}/{name}"
        app = Starlette(
            routes=[
                Route("/api/whoami-v2", self._whoami),
                Route("/api/repos/create", self._create, methods=["POST"]),
                Route("/api/validate-yaml", self._validate, methods=["POST"]),
                Route(f"{hub}/preupload/{{revision}}", self._preupload, methods=["POST"]),
                Route(f"{hub}/commit/{{revision}}", self._commit, methods=["POST"]),
                Route(f"{hub}/tree/{{revision}}", self._tree),
                Route(f"{hub}/revision/{{revision}}", self._info),
                Route(hub, self._info),
                Route("/datasets/{owner}/{name}.git/info/lfs/objects/batch", self._batch, methods=["POST"]),
                Route("/datasets/{owner}/{name}/resolve/{revision}/{path:path}", self._resolve),
                Route("/lfs/{oid}", self._put, methods=["PUT"]),
            ]
        )
        app.add_middleware(BaseHTTPMiddleware, dispatch=self._watch)
        return app

    async def _watch(self, request: Request, proceed: RequestResponseEndpoint) -> Response:
        place = f"{request.method} {request.url.path}"
        self.received.append(place)
        if not request.url.path.startswith("/lfs/") and request.headers.get("authorization") != f"Bearer {self.token}":
            return JSONResponse({"error": "Invalid username or password."}, 401)
        if self.refuse(request.method, request.url.path):
            return JSONResponse({"error": "not now"}, 403)
        return await proceed(request)

    def _of(self, request: Request) -> Repository:
        return self.repositories["{owner}/{name}".format(**request.path_params)]

    async def _whoami(self, request: Request) -> Response:
        return JSONResponse({"type": "user", "name": "tester", "auth": {"accessToken": {"role": "write"}}})

    async def _create(self, request: Request) -> Response:
        asked = await request.json()
        name = f"{asked.get('organization') or 'tester'}/{asked['name']}"
        if name in self.repositories:
            return JSONResponse({"error": "exists", "url": f"{self.url}/datasets/{name}"}, 409)
        self.repositories[name] = Repository(private=asked.get("visibility") == "private" or bool(asked.get("private")))
        return JSONResponse({"url": f"{self.url}/datasets/{name}"})

    async def _validate(self, request: Request) -> Response:
        asked = await request.json()
        if not asked["content"].startswith("---\n"):
            return JSONResponse({"errors": [{"message": "no metadata"}], "warnings": []}, 400)
        return JSONResponse({"errors": [], "warnings": []})

    async def _preupload(self, request: Request) -> Response:
        repository = self._of(request)
        answers = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(".parquet") else "regular",
                "shouldIgnore": False,
                "oid": _oid(repository, file["path"]),
            }
            for file in (await request.json())["files"]
        ]
        return JSONResponse({"files": answers})

    async def _batch(self, request: Request) -> Response:
        objects = [
            each
            if each["oid"] in self.objects
            else {**each, "actions": {"upload": {"href": f"{self.url}/lfs/{each['oid']}", "header": {}}}}
            for each in (await request.json())["objects"]
        ]
        return JSONResponse({"transfer": "basic", "objects": objects}, media_type="application/vnd.git-lfs+json")

    async def _put(self, request: Request) -> Response:
        data, oid = await request.body(), request.path_params["oid"]
        if hashlib.sha256(data).hexdigest() != oid:
            return JSONResponse({"error": "these are other bytes"}, 400)
        self.objects[oid] = data
        return Response()

    async def _commit(self, request: Request) -> Response:
        repository = self._of(request)
        lines = [json.loads(line) for line in (await request.body()).splitlines()]
        summary, changed = "", []
        for line in lines:
            value: dict[str, Any] = line["value"]
            match line["key"]:
                case "header":
                    summary = value["summary"]
                    continue
                case "file":
                    repository.files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    repository.files[value["path"]] = self.objects[value["oid"]]
                    repository.large.add(value["path"])
                case "deletedFile":
                    del repository.files[value["path"]]
            changed.append(value["path"])
        repository.commits.append((summary, changed))
        url = f"{self.url}/datasets/{request.path_params['owner']}/{request.path_params['name']}"
        return JSONResponse(
            {"success": True, "commitOid": repository.revision, "commitUrl": f"{url}/commit/{repository.revision}"}
        )

    async def _tree(self, request: Request) -> Response:
        repository = self._of(request)
        entries = [
            {"type": "file", "path": path, "size": len(data), "oid": _git_oid(data)}
            | (
                {"lfs": {"oid": _oid(repository, path), "size": len(data), "pointerSize": 130}}
                if path in repository.large
                else {}
            )
            for path, data in sorted(repository.files.items())
        ]
        return JSONResponse(entries)

    async def _resolve(self, request: Request) -> Response:
        repository = self._of(request)
        data = repository.files.get(request.path_params["path"])
        if data is None:
            return JSONResponse({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        return Response(data, headers={"X-Repo-Commit": repository.revision, "ETag": f'"{_git_oid(data)}"'})

    async def _info(self, request: Request) -> Response:
        repository = self._of(request)
        name = "{owner}/{name}".format(**request.path_params)
        return JSONResponse({"id": name, "sha": repository.revision, "private": repository.private, "siblings": []})


def _oid(repository: Repository, path: str) -> str | None:
    if path not in repository.files:
        return None
    data = repository.files[path]
    return hashlib.sha256(data).hexdigest() if path in repository.large else _git_oid(data)


def _git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@contextmanager
def hub_stand_in() -> Iterator[HubStandIn]:
    """Serve a hub on a free port of 127.0.0.1 until the block ends."""
    port = free_port()
    hub = HubStandIn(url=f"http://127.0.0.1:{port}")
    server = uvicorn.Server(uvicorn.Config(hub.app(), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            threading.Event().wait(0.01)
        yield hub
    finally:
        server.should_exit = True
        thread.join()
