"""Ends engine processes when this process dies, even if it is killed with -9.

A guard process ends the process trees when its parent dies. vLLM's engine core does not notice that its parent is gone,
and would keep the GPU forever. The kernel's own parent-death signal does not help: the child has to request it, and it
fires as soon as the thread that started the child ends.

This file is also the guard's program, run by path, so it imports only the standard library.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path

_GRACE_SECONDS = 5.0
_RELEASED = "released"


class OrphanGuard:
    """Ends the watched processes and their descendants if this process dies before `release` is called.

    Args:
        keep_open: File descriptors that the guard holds, too, until it ends: locks on them outlive this process as long
            as a watched process may still be alive.
    """

    def __init__(self, keep_open: Collection[int] = ()) -> None:
        # The guard reads its standard input, which ends when this process closes it or dies. The guard has its own
        # session, so that a signal that kills this process's group leaves it running.
        self._process = subprocess.Popen(  # noqa: S603 (this file)
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=keep_open,
            text=True,
        )

    def watch(self, pid: int) -> None:
        """Start guarding a running process."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{pid}\n")
            self._process.stdin.flush()

    def release(self) -> None:
        """End the guard; safe to call twice."""
        if self._process.poll() is None:
            self._process.communicate(f"{_RELEASED}\n")


def start_time(pid: int) -> str | None:
    """Return when a process started, in clock ticks since boot, or None if it is gone.

    A process id may be reused later; together with the start time it identifies a process permanently.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # Skip the program's name, which is in parentheses and may contain anything: proc(5), fields 3 (state) and 22.
    fields = status.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def end_trees(roots: Mapping[int, str | None], grace_seconds: float) -> None:
    """Ask processes and their descendants to end, then kill those that remain.

    Args:
        roots: Process ids with their start times; processes that are gone are skipped.
        grace_seconds: Time between SIGTERM and SIGKILL; 0 kills at once.
    """
    tree: dict[int, str] = {}
    todo = [pid for pid, started in roots.items() if started is not None and start_time(pid) == started]
    while todo:
        pid = todo.pop()
        started = start_time(pid)
        if started is not None and pid not in tree:
            tree[pid] = started
            todo += _children(pid)
    if grace_seconds > 0:
        _send(tree, signal.SIGTERM)
        until = time.monotonic() + grace_seconds
        while _alive(tree) and time.monotonic() < until:
            time.sleep(0.1)
    _send(tree, signal.SIGKILL)


def _alive(tree: Mapping[int, str]) -> list[int]:
    return [pid for pid, started in tree.items() if start_time(pid) == started]


def _send(tree: Mapping[int, str], number: signal.Signals) -> None:
    for pid in _alive(tree):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += map(int, listing.read_text().split())
        except OSError:  # the thread has ended
            continue
    return children


def _guard() -> None:
    watched: dict[int, str | None] = {}
    for line in sys.stdin:
        if line.strip() == _RELEASED:
            return
        watched[int(line)] = start_time(int(line))
    end_trees(watched, _GRACE_SECONDS)


if __name__ == "__main__":
    _guard()
