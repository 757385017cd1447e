"""A stand-in for the API of Kubernetes that takes Jobs and runs their pods as processes of this machine.

It knows what the project asks of it: creating, listing, reading and deleting Jobs, plain and indexed, and of a pod its
command, its variables and what becomes of it: exit codes by the Job's pod failure policy, evictions, failures.
"""

import http.server
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml


class KubernetesStandIn(http.server.ThreadingHTTPServer):
    """The server; `manifests` are the Jobs that it was given, in their order."""

    daemon_threads = True

    def __init__(self, log: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.log = log
        self.manifests: list[dict[str, Any]] = []
        self.statuses: dict[str, dict[str, Any]] = {}
        self.pods: dict[tuple[str, int], subprocess.Popen[bytes]] = {}
        self.evicted: set[tuple[str, int]] = set()
        self.is_away = False
        self.lock = threading.Lock()

    def write_kubeconfig(self, path: Path) -> None:
        """Write a kubeconfig whose current context is this server."""
        name = {"name": "stand-in"}
        url = f"http://127.0.0.1:{self.server_address[1]}"
        configuration = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{**name, "cluster": {"server": url}}],
            "users": [{**name, "user": {}}],
            "contexts": [{**name, "context": {"cluster": "stand-in", "user": "stand-in"}}],
            "current-context": "stand-in",
        }
        path.write_text(yaml.safe_dump(configuration))

    def evict(self, name: str, index: int = 0) -> None:
        """Take a pod from its node, as a drain does: SIGTERM; the Job replaces it."""
        with self.lock:
            self.evicted.add((name, index))
            self.pods[name, index].send_signal(signal.SIGTERM)

    def create(self, job: dict[str, Any]) -> None:
        """Take a Job, and start its pods."""
        name = job["metadata"]["name"]
        self.manifests.append(job)
        self.statuses[name] = {"startTime": "2026-01-01T00:00:00Z", "active": job["spec"].get("completions", 1)}
        threading.Thread(target=self._run, args=(job,), daemon=True).start()

    def _run(self, job: dict[str, Any]) -> None:
        indexes = range(job["spec"].get("completions", 1))
        reasons: list[str | None] = [None] * len(indexes)

        def pod(index: int) -> None:
            reasons[index] = self._run_pod(job, index)

        threads = [threading.Thread(target=pod, args=(index,), daemon=True) for index in indexes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        failed = next((reason for reason in reasons if reason is not None), None)
        kind = "Complete" if failed is None else "Failed"
        condition = {"type": kind, "status": "True", "reason": failed or "", "message": f"{failed or 'all is done'}"}
        self.statuses[job["metadata"]["name"]] = {"conditions": [condition]}

    def _run_pod(self, job: dict[str, Any], index: int) -> str | None:
        """Run a pod until it succeeds, or fails for good; return the reason."""
        name, spec = job["metadata"]["name"], job["spec"]
        [container] = spec["template"]["spec"]["containers"]
        variables = {**os.environ, **_variables(container["env"], index)}
        failures = 0
        while True:
            with self.log.open("ab") as log, self.lock:
                process = self.pods[name, index] = subprocess.Popen(
                    container["command"], env=variables, stdout=log, stderr=log, start_new_session=True
                )
            code = process.wait()
            if code == 0:
                return None
            with self.lock:
                if (name, index) in self.evicted:
                    self.evicted.remove((name, index))
                    continue
            for rule in spec.get("podFailurePolicy", {}).get("rules", []):
                if code in rule.get("onExitCodes", {}).get("values", []):
                    return "PodFailurePolicy"
            failures += 1
            if failures > spec.get("backoffLimitPerIndex", spec["backoffLimit"]) or name not in self.statuses:
                return "BackoffLimitExceeded"

    def delete(self, name: str) -> None:
        """Forget a Job, and end its pods."""
        self.statuses.pop(name, None)
        with self.lock:
            for (job, _), process in self.pods.items():
                if job == name and process.poll() is None:
                    process.terminate()

    def job(self, name: str) -> dict[str, Any]:
        """Return a Job as it stands."""
        [manifest] = [each for each in self.manifests if each["metadata"]["name"] == name]
        return {**manifest, "status": self.statuses[name]}


def _variables(env: list[dict[str, Any]], index: int) -> Mapping[str, str]:
    """Return the variables of a pod; the only field that this knows is the number in an indexed Job."""
    path = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    values: dict[str, str] = {}
    for variable in env:
        if "valueFrom" in variable:
            assert variable["valueFrom"] == {"fieldRef": {"fieldPath": path}}
            values[variable["name"]] = str(index)
        else:
            values[variable["name"]] = variable["value"]
    return values


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: KubernetesStandIn  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        *_, last = parts = where.path.strip("/").split("/")
        if last == "jobs":
            [selector] = parse_qs(where.query)["labelSelector"]
            label, _, value = selector.partition("=")
            jobs = [self.server.job(name) for name in list(self.server.statuses)]
            chosen = [job for job in jobs if job["metadata"]["labels"].get(label) == value]
            self._send(200, {"apiVersion": "batch/v1", "kind": "JobList", "metadata": {}, "items": chosen})
            return
        name = parts[6]  # .../namespaces/{namespace}/jobs/{name}/status
        if name in self.server.statuses:
            self._send(200, self.server.job(name))
        else:
            self._send(404, {"kind": "Status", "code": 404})

    def do_POST(self) -> None:
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.create(job)
        self._send(201, job)

    def do_DELETE(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.delete(self.path.partition("?")[0].rpartition("/")[2])
        self._send(200, {"kind": "Status", "status": "Success"})

    def _send(self, code: int, body: Any) -> None:
        if self.server.is_away:
            code, body = 500, {"kind": "Status", "code": 500, "message": "etcdserver: no leader"}
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Print nothing."""


@contextmanager
def kubernetes_stand_in(log: Path) -> Iterator[KubernetesStandIn]:
    """Serve on a free port of 127.0.0.1 until the `with` block ends; what pods print goes to a file."""
    server = KubernetesStandIn(log)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        for name in list(server.statuses):
            server.delete(name)
        server.shutdown()
        thread.join()
        server.server_close()
