"""A real Ray cluster on this machine, as small as it gets, with GPUs that it is only told of."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from prox_assets.testing.ports import free_port

_START_SECONDS = 120
# The smallest object store that Ray takes: jobs exchange nothing through it.
_OBJECT_STORE_BYTES = 78643200


@dataclass
class RayCluster:
    """A running head, which is also the only node.

    Attributes:
        address: Its dashboard.
        process: What `ray start --block` has become; its children are the cluster.
    """

    address: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Kill everything at once, as when the head's machine goes away; jobs die with their raylet."""
        with contextlib.suppress(psutil.NoSuchProcess):
            tree = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            for process in tree:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait()


@contextlib.contextmanager
def ray_cluster(cpus: int = 2, gpus: int = 2, dashboard_port: int | None = None) -> Iterator[RayCluster]:
    """Run a cluster until the block ends.

    Args:
        cpus: Logical cores.
        gpus: Logical GPUs; each job that asks for one sees another CUDA_VISIBLE_DEVICES.
        dashboard_port: Where jobs are submitted; a free port if None.
    """
    port = dashboard_port or free_port()
    # Ray's sockets lie in it, and the path of a socket may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    ray = shutil.which("ray", path=str(Path(sys.executable).parent)) or "ray"
    command = [ray, "start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={free_port()}"]
    command += [f"--num-cpus={cpus}", f"--num-gpus={gpus}", f"--object-store-memory={_OBJECT_STORE_BYTES}"]
    command += [f"--dashboard-port={port}", "--dashboard-host=127.0.0.1", "--disable-usage-stats"]
    command += [f"--temp-dir={folder}"]
    variables = {**os.environ, "RAY_DISABLE_DOCKER_CPU_WARNING": "1", "RAY_ADDRESS": ""}
    with (folder / "start.log").open("wb") as log:
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log, start_new_session=True)
    cluster = RayCluster(f"http://127.0.0.1:{port}", process)
    try:
        until = time.monotonic() + _START_SECONDS
        while not _takes_jobs(cluster.address):
            assert process.poll() is None, (folder / "start.log").read_text()
            assert time.monotonic() < until, (folder / "start.log").read_text()
            time.sleep(0.2)
        yield cluster
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        cluster.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _takes_jobs(address: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{address}/api/jobs/", trust_env=False, timeout=10).is_success
    return False
