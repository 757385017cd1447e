"""Leases of devices between real processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from prox_assets.machine.devices import DeviceError, find_devices
from prox_assets.machine.leases import Holder, holders, lease_devices
from prox_assets.testing.dagster_deployment import wait_for
from prox_assets_tests.declared_devices import holding

pytestmark = pytest.mark.usefixtures("two_devices")

# Holds a device, starts a guarded process, says its id, and waits to be killed.
RUN_WITH_A_CORE = """
import subprocess, time
from prox_assets.engines.orphan_guard import OrphanGuard
from prox_assets.machine.leases import lease_devices, leased_files
lease_devices(1)
core = subprocess.Popen(["sh", "-c", "trap '' TERM; while true; do sleep 1; done"], start_new_session=True)
OrphanGuard(keep_open=leased_files()).watch(core.pid)
print(core.pid, flush=True)
time.sleep(600)
"""


def leased() -> dict[str, Holder]:
    return {device.name: holder for device, holder in holders(find_devices()).items() if holder is not None}


def test_each_process_has_a_device_of_its_own_and_a_third_waits_until_one_is_free() -> None:
    with holding(1) as first, holding(1) as second:
        seen = {process.pid: process.sees() for process in (first, second)}
        assert sorted(map(sorted, seen.values())) == [["0"], ["1"]]
        assert {name: holder.pid for name, holder in leased().items()} == {
            name: pid for pid, names in seen.items() for name in names
        }
        with holding(1) as third:
            waits = third.line_with("waits for a device")
            assert f"process {first.pid} (" in waits
            assert f"process {second.pid} (" in waits
            assert "holder.py 1" in waits
            second.ends()
            assert third.sees() == seen[second.pid]


def test_kill_9_frees_a_device_at_once_and_leaves_nothing_to_clean_up() -> None:
    with holding(2) as victim:
        assert victim.sees() == {"0", "1"}
        victim.process.send_signal(signal.SIGKILL)
        victim.process.wait()
        assert leased() == {}
    with holding(2) as next_one:
        assert next_one.line_with("") == "leased 2 of 2 devices: 0 (declared), 1 (declared)", "it did not wait"


def test_a_model_over_two_devices_waits_for_both_and_is_not_overtaken() -> None:
    with holding(1) as one, holding(1) as other:
        assert one.sees() | other.sees() == {"0", "1"}
        with holding(2) as both:
            both.line_with("waits for 2 devices")
            one.ends()
            wait_for(
                lambda: both.pid in {holder.pid for holder in leased().values()}, 30, "the first of two", every=0.1
            )
            with holding(1) as late:
                assert f"process {both.pid} (" in late.line_with("waits before it")
                other.ends()
                assert both.sees() == {"0", "1"}
                both.ends()
                late.sees()


def test_two_that_need_both_devices_take_turns() -> None:
    with holding(2) as one, holding(2) as other:
        holder = wait_for(lambda: leased().get("0"), 30, "the first")
        first, second = (one, other) if holder.pid == one.pid else (other, one)
        assert first.sees() == {"0", "1"}
        second.line_with("waits for 2 devices")
        first.ends()
        assert second.sees() == {"0", "1"}


def test_a_device_stays_leased_until_the_engine_of_a_killed_run_is_gone() -> None:
    run = subprocess.Popen([sys.executable, "-c", RUN_WITH_A_CORE], stdout=subprocess.PIPE)
    assert run.stdout is not None
    core = psutil.Process(int(run.stdout.readline()))
    run.kill()
    run.wait()
    assert core.is_running()
    assert leased(), "the guard has yet to end the core"
    core.wait(timeout=30)
    wait_for(lambda: not leased(), 30, "the lease to end with the core", every=0.05)


def test_processes_in_jobs_lease_the_devices_of_their_jobs_among_all_of_the_machine() -> None:
    with holding(1, visible="1") as job, holding(1) as outside:
        assert job.sees() == {"1"}
        assert outside.sees() == {"0"}, "the device of the job is leased"
        assert {name: holder.pid for name, holder in leased().items()} == {"0": outside.pid, "1": job.pid}
        with holding(1, visible="1") as same:
            waits = same.line_with("waits for a device")
            assert f"device 1 by process {job.pid} (" in waits
            assert str(outside.pid) not in waits, "device 0 is not its own"
            job.ends()
            assert same.sees() == {"1"}


@pytest.mark.parametrize(
    ("visible", "message"),
    [("1", r"2 devices are needed. .* is 1: .* leases 1 of 2"), ("", r"are needed. .* is empty: .* leases none of 2")],
)
def test_a_job_with_too_few_devices_says_what_its_launcher_has_left_it(
    monkeypatch: pytest.MonkeyPatch, visible: str, message: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(DeviceError, match=message + r".*ask its launcher for more"):
        lease_devices(2)


def test_a_process_that_is_interrupted_while_it_waits_holds_nothing() -> None:
    def interrupted(seconds: float) -> None:
        assert seconds > 0
        raise KeyboardInterrupt

    with holding(1) as one:
        one.sees()
        with pytest.raises(KeyboardInterrupt):
            lease_devices(2, pause=interrupted)
        assert len(leased()) == 1
        assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_more_devices_than_there_are_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DeviceError, match=r"3 devices are needed, and this machine has 2 devices .*PROX_DEVICES"):
        lease_devices(3)


def test_a_process_cannot_see_more_than_it_has_leased() -> None:
    program = "from prox_assets.machine.leases import lease_devices as l; l(1); print(l(1)[0].name); l(2)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "0\n"
    assert "has leased 1 of the 2 devices" in done.stderr


def test_a_folder_that_cannot_hold_locks_is_named(two_devices: Path) -> None:
    two_devices.write_text("a file")
    with pytest.raises(DeviceError, match=r"device-locks.*PROX_DEVICE_LOCKS"):
        lease_devices(1)


def test_no_link_is_followed_to_a_file_of_somebody_else(two_devices: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    two_devices.mkdir()
    (two_devices / "declared-0").symlink_to(precious)
    with pytest.raises(DeviceError, match="declared-0"):
        lease_devices(1)
    assert precious.read_text() == "keep me"


def test_nothing_is_leased_nor_hidden_where_nothing_is_asked_for() -> None:
    program = (
        "import os; from prox_assets.machine.leases import lease_devices;"
        "print(lease_devices(0), 'CUDA_VISIBLE_DEVICES' in os.environ)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "() False\n"
