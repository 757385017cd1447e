"""A stand-in for the Jobs API of a Ray cluster that runs entrypoints as processes of this machine.

Jobs that ask for GPUs wait until as many are free, and see only theirs. `ray_cluster.py` runs a real cluster, which
takes the packages of `ray[default]` and half a minute; with this one, the real client is tested without either.
"""

import http.server
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_TERMINAL = ("SUCCEEDED", "FAILED", "STOPPED")


class RayStandIn(http.server.ThreadingHTTPServer):
    """The server; `jobs` are those that it was given, by submission id."""

    daemon_threads = True

    def __init__(self, logs: Path, gpus: int, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.logs = logs
        self.jobs: dict[str, dict[str, Any]] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.devices: dict[str, list[int]] = {}
        self.free = list(range(gpus))
        self.changed = threading.Condition()

    @property
    def address(self) -> str:
        """Where jobs are submitted."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def submit(self, given: dict[str, Any]) -> None:
        """Take a job, which waits for its GPUs and then runs."""
        name = given["submission_id"]
        self.jobs[name] = {"type": "SUBMISSION", "status": "PENDING", "message": "waiting", **given}
        threading.Thread(target=self._run, args=(name,), daemon=True).start()

    def _run(self, name: str) -> None:
        job = self.jobs[name]
        count = int(job.get("entrypoint_num_gpus") or 0)
        with self.changed:
            self.changed.wait_for(lambda: len(self.free) >= count)
            taken = self.devices[name] = [self.free.pop(0) for _ in range(count)]
            if job["status"] == "STOPPED":
                self.free += taken
                return
            variables = {**os.environ, **job["runtime_env"].get("env_vars", {})}
            if count:
                variables["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, taken))
            with (self.logs / f"{name}.log").open("wb") as log:
                process = self.processes[name] = subprocess.Popen(
                    ["/bin/sh", "-c", job["entrypoint"]],
                    env=variables,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            job |= {"status": "RUNNING", "message": "running"}
        code = process.wait()
        with self.changed:
            self.free += taken
            self.changed.notify_all()
            if job["status"] == "RUNNING":
                ended = "SUCCEEDED" if code == 0 else "FAILED"
                job |= {"status": ended, "message": f"Job entrypoint command ended with exit code {code}"}

    def stop(self, name: str) -> None:
        """Stop a job as Ray does: SIGTERM, and soon after SIGKILL."""
        with self.changed:
            if self.jobs[name]["status"] in _TERMINAL:
                return
            self.jobs[name] |= {"status": "STOPPED", "message": "Job was intentionally stopped."}
            self.changed.notify_all()
        process = self.processes.get(name)
        for number, seconds in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 0.0)):
            if process is not None and process.poll() is None:
                os.killpg(process.pid, number)
                time.sleep(seconds)

    def kill(self, name: str) -> None:
        """Kill a job's process with -9."""
        os.killpg(self.processes[name].pid, signal.SIGKILL)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RayStandIn  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        *_, last = parts = self.path.strip("/").split("/")
        if self.path == "/api/version":
            self._send(200, {"version": "4", "ray_version": "2.60.0", "ray_commit": "stand-in"})
        elif last == "jobs":
            self._send(200, list(self.server.jobs.values()))
        elif parts[2] not in self.server.jobs:
            self._send(404, f"Job {parts[2]} does not exist")
        elif last == "logs":
            log = self.server.logs / f"{parts[2]}.log"
            self._send(200, {"logs": log.read_text() if log.exists() else ""})
        else:
            self._send(200, self.server.jobs[last])

    def do_POST(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if self.path.endswith("/stop"):
            self.server.stop(self.path.split("/")[3])
            self._send(200, {"stopped": True})
        elif given["submission_id"] in self.server.jobs:
            self._send(500, f"Job with submission_id {given['submission_id']} already exists.")
        else:
            self.server.submit(given)
            self._send(200, {"submission_id": given["submission_id"], "job_id": given["submission_id"]})

    def _send(self, code: int, body: Any) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Print nothing."""


@contextmanager
def ray_stand_in(logs: Path, gpus: int = 2, port: int = 0) -> Iterator[RayStandIn]:
    """Serve on 127.0.0.1 until the `with` block ends; then whatever still runs is killed, as with a real cluster."""
    server = RayStandIn(logs, gpus, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        for process in server.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
