"""A real Ray cluster on this machine: a head that runs no jobs, and nodes with a logical GPU each.

`ray start` would run a server for Ray's interactive clients, too, which on a loaded machine gives up after 30 seconds
and takes the head with it (measured with 2.60).
"""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import httpx
import psutil
from tenacity import retry, stop_after_attempt

from prox_assets.testing.ports import free_port

if TYPE_CHECKING:
    from ray._private.node import Node
    from ray.cluster_utils import Cluster

_START_SECONDS = 120
_LOOPBACK = "127.0.0.1"
# The smallest object store that Ray takes: jobs exchange nothing through it.
_OBJECT_STORE_BYTES = 78643200


class RayCluster:
    """A running cluster.

    Args:
        cluster: Ray's own, for tests.
        port: Of its dashboard.
    """

    def __init__(self, cluster: "Cluster", port: int) -> None:
        self._cluster = cluster
        self._nodes: dict[int, Node] = {}
        self.address = f"http://{_LOOPBACK}:{port}"
        self._add(num_cpus=0, num_gpus=0, include_dashboard=True, dashboard_host=_LOOPBACK, dashboard_port=port)

    def add_node(self, device: int) -> None:
        """Start a node of one core, whose jobs see one device."""
        # Ray numbers the GPUs of each node from 0, unless it is told which ones there are.
        self._nodes[device] = self._add(num_cpus=1, num_gpus=1, env_vars={"CUDA_VISIBLE_DEVICES": str(device)})

    def kill_raylet(self, device: int) -> None:
        """Kill the raylet of a device's node with -9; the node's jobs die with it."""
        self._nodes.pop(device).kill_raylet()

    def _add(self, **arguments: Any) -> "Node":
        return self._cluster.add_node(
            node_ip_address=_LOOPBACK,
            object_store_memory=_OBJECT_STORE_BYTES,
            include_log_monitor=False,
            no_monitor=True,
            **arguments,
        )


@contextlib.contextmanager
def ray_cluster(devices: int = 2, dashboard_port: int | None = None) -> Iterator[RayCluster]:
    """Run a cluster until the block ends.

    Args:
        devices: Nodes with a logical GPU each.
        dashboard_port: Where jobs are submitted; a free port if None.
    """
    # Ray's sockets lie in it, and the path of a socket may have 107 characters.
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    on_sigterm = signal.getsignal(signal.SIGTERM)
    settings = {
        "RAY_TMPDIR": folder,
        "RAY_DISABLE_DOCKER_CPU_WARNING": "1",
        # Else Ray takes this machine's address in the network for 127.0.0.1, and listens there.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    }
    with patch.dict(os.environ, settings):
        try:
            yield _started(devices, dashboard_port or free_port())
        finally:
            _kill_all(folder)
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray's own drains a cluster that is gone
            shutil.rmtree(folder, ignore_errors=True)


# A node gives up after 30 seconds, too few on a loaded machine.
@retry(stop=stop_after_attempt(3), before_sleep=lambda _: _kill_all(os.environ["RAY_TMPDIR"]), reraise=True)
def _started(devices: int, port: int) -> RayCluster:
    from ray.cluster_utils import Cluster

    # The kernel ends its processes with this one.
    cluster = RayCluster(Cluster(shutdown_at_exit=True), port)
    for device in range(devices):
        cluster.add_node(device)
    until = time.monotonic() + _START_SECONDS
    while not _takes_jobs(cluster.address):
        assert time.monotonic() < until, "the dashboard does not answer"
        time.sleep(0.2)
    return cluster


def _kill_all(folder: str) -> None:
    """Kill the processes whose commands name a folder, and those that they have started."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(folder in word for word in process.cmdline()):
                _kill_tree(process)


def _kill_tree(process: psutil.Process) -> None:
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def _takes_jobs(address: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{address}/api/jobs/", trust_env=False, timeout=10).is_success
    return False
