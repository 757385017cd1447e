"""The guard that ends marked processes when their parent dies."""

import os
import signal
import subprocess
import sys
import time

import psutil

from prox_assets.engines.orphan_guard import OrphanGuard, end_trees, start_time

# Starts a child and a grandchild that ignore SIGTERM, has them guarded, says their ids, and waits to be killed.
_PARENT = """
import subprocess, time
from prox_assets.engines.orphan_guard import OrphanGuard
child = subprocess.Popen(
    ["sh", "-c", "trap '' TERM; sleep 600 & echo $!; wait"], stdout=subprocess.PIPE, start_new_session=True
)
OrphanGuard().watch(child.pid)
print(child.pid, int(child.stdout.readline()), flush=True)
time.sleep(600)
"""


def _gone(pid: int, within_seconds: float) -> bool:
    until = time.monotonic() + within_seconds
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_a_watched_process_and_its_children_end_when_the_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child, grandchild = map(int, parent.stdout.readline().split())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert _gone(child, within_seconds=15)
    assert _gone(grandchild, within_seconds=15)


def test_a_released_guard_leaves_processes_alone_and_ends() -> None:
    guard = OrphanGuard()
    child = subprocess.Popen(["sleep", "600"])
    try:
        guard.watch(child.pid)
        guard.release()
        guard.release()
        assert guard._process.poll() is not None
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_a_process_that_only_has_the_same_id_is_left_alone() -> None:
    child = subprocess.Popen(["sleep", "600"])
    try:
        end_trees({child.pid: "1"}, grace_seconds=0)
        assert child.poll() is None
        end_trees({child.pid: start_time(child.pid)}, grace_seconds=0)
        assert child.wait(timeout=5) == -signal.SIGKILL
        assert start_time(child.pid) is None
    finally:
        child.kill()
