"""Leases: one live writer, dead ones replaced, losers told before they publish."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from prox_assets.lake.errors import LakeError, LeaseHeldError, LeaseLostError, RetryableLakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.lease import Lease
from prox_assets.lake.storage.storage import TEMPORARY
from prox_assets_tests.lake.rows import STAMP
from prox_assets_tests.lakes import lake_at

PATH = "_leases/pages/doc_programs/a.json"


def lease(lake: Lake, run_id: str = "run-1", asset: str = "doc_programs", **times: float) -> Lease:
    settings = {"ttl_seconds": 1.0, "heartbeat_seconds": 0.1, **times}
    return Lease(lake.storage, "pages", asset, "a", run_id, **settings)


def silent_holder(lake: Lake, **changes: object) -> None:
    """A record that nobody renews, of a machine that cannot be asked."""
    record = {"owner": "somebody", "beat": 7, "run_id": "run-0", "host": "elsewhere", "pid": 1, **changes}
    lake.storage.write_bytes(PATH, json.dumps(record).encode())


def test_a_second_holder_is_refused_while_the_first_lives(lake):
    with lease(lake) as first:
        with pytest.raises(LeaseHeldError, match=r"written by run run-1 \(process \d+"), lease(lake, "run-2"):
            pytest.fail("two holders")
        first.check()
    with lease(lake, "run-2") as second:
        second.check()
    assert lake.storage.read_bytes(PATH) is None


def test_assets_of_a_shard_do_not_exclude_one_another(lake):
    with lease(lake), lease(lake, "run-2", asset="chunk_programs") as other:
        other.check()


def test_a_waiting_run_gets_the_lease_when_the_first_is_done(lake):
    with lease(lake):
        got = threading.Event()

        def wait() -> None:
            with lease(lake, "run-2", wait_seconds=30):
                got.set()

        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(0.5)
        assert not got.is_set()
    waiter.join(timeout=20)
    assert got.is_set()


HOLD = """
import sys, time
from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.lease import Lease
with Lease(Lake(sys.argv[1]).storage, "pages", "doc_programs", "a", "run-0", heartbeat_seconds=0.1):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("reaped", [True, False])
def test_a_killed_process_is_replaced_at_once(tmp_path, reaped):
    lake = lake_at(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLD, lake.url], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LeaseHeldError, match="run-0"), lease(lake, ttl_seconds=8):
            pytest.fail("the holder is alive")
        os.kill(holder.pid, signal.SIGKILL)
        if reaped:
            holder.wait()
        else:
            os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        started = time.monotonic()
        with lease(lake, ttl_seconds=60) as taken:
            taken.check()
        assert time.monotonic() - started < 5


def test_a_holder_elsewhere_is_replaced_once_it_has_been_silent_for_long_enough(lake):
    silent_holder(lake)
    started = time.monotonic()
    with lease(lake) as taken:
        taken.check()
        assert time.monotonic() - started >= 1.0
        assert json.loads(lake.storage.read_bytes(PATH) or b"")["run_id"] == "run-1"


def test_wall_clocks_do_not_matter(tmp_path, monkeypatch):
    lake = lake_at(tmp_path)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    with lease(lake):
        monkeypatch.setattr(time, "time", lambda: 1e12)
        with pytest.raises(LeaseHeldError), lease(lake, "run-2"):
            pytest.fail("a clock that jumps is no death")
        record = json.loads(lake.storage.read_bytes(PATH) or b"")
        assert set(record) == {"owner", "beat", "run_id", "host", "pid"}, "no time in it to compare"


def test_a_run_that_was_taken_for_dead_publishes_nothing(tmp_path):
    lake = lake_at(tmp_path)
    with lease(lake) as loser:
        silent_holder(lake, owner="the winner")
        with (
            pytest.raises(LeaseLostError, match=r"taken over pages/doc_programs/a.*publishes nothing"),
            lake.write("pages", "a", [Table.REJECTS], STAMP, loser.check),
        ):
            pass
    assert lake.info("pages", Table.REJECTS, "a") is None
    assert json.loads(lake.storage.read_bytes(PATH) or b"")["owner"] == "the winner", "the loser leaves it alone"


def test_of_several_that_find_a_dead_holder_one_wins_and_the_others_wait_their_turn(tmp_path):
    lake = lake_at(tmp_path)
    silent_holder(lake)
    inside = 0
    most = 0
    lock = threading.Lock()
    failures: list[Exception] = []

    def work(number: int) -> None:
        nonlocal inside, most
        try:
            with lease(lake, f"run-{number}", wait_seconds=30):
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.3)
                with lock:
                    inside -= 1
        except LakeError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert most == 1


@pytest.mark.local_lake  # unfinished files of an object store are the store's
def test_whoever_takes_a_lease_removes_what_the_dead_have_left(tmp_path):
    lake = lake_at(tmp_path)
    with subprocess.Popen([sys.executable, "-c", WRITE_AND_DIE, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        writer.wait(timeout=60)
    assert len(list((tmp_path / TEMPORARY).iterdir())) == 1
    with lease(lake):
        assert list((tmp_path / TEMPORARY).glob(f"prox-*-{writer.pid}-*")) == []


WRITE_AND_DIE = """
import os, signal, sys
from prox_assets.lake.storage.storage import Storage
with Storage(sys.argv[1]).new_files(["t/file"]) as [temporary]:
    temporary.write_bytes(b"half of the ne")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_damaged_lease_file_says_so(tmp_path):
    lake = lake_at(tmp_path)
    lake.storage.write_bytes(PATH, b"{")
    with pytest.raises(LakeError, match=r"a\.json is damaged; remove it"), lease(lake):
        pytest.fail("held")


def asked(lake: Lake, monkeypatch: pytest.MonkeyPatch, contradictions: int) -> list[float]:
    """Let the store say so often that there is a record and that there is none; return when it was asked."""
    times: list[float] = []
    create = lake.storage.create_exclusively

    def contradict(path: str, data: bytes) -> bool:
        times.append(time.monotonic())
        return len(times) > contradictions and create(path, data)

    monkeypatch.setattr(lake.storage, "create_exclusively", contradict)
    return times


@pytest.mark.timeout(30)
def test_a_record_that_is_there_and_is_not_is_asked_for_with_pauses_and_not_for_ever(lake, monkeypatch):
    times = asked(lake, monkeypatch, 1_000_000)
    with (
        pytest.raises(RetryableLakeError, match=r"lease file .*a\.json can be neither made nor read"),
        lease(lake, wait_seconds=0.5),
    ):
        pytest.fail("two answers, and none of them a lease")
    assert 1 <= times[-1] - times[0] < 20, "as long as a holder is waited for, and as long as a silent one is watched"
    assert len(times) <= 20


def test_a_record_that_has_just_gone_is_made_anew(lake, monkeypatch):
    times = asked(lake, monkeypatch, 3)
    with lease(lake) as held:
        held.check()
    assert len(times) == 4
