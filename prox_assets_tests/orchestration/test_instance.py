"""The instance of commands that run assets themselves: what a killed one leaves behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from prox_assets.orchestration.instance import PROCESS_TAG, PROJECT_FILE, prepare_instance
from prox_assets.testing.dagster_deployment import PROJECT_ROOT

PROGRAM = """
import sys, time
from pathlib import Path
import dagster as dg
from prox_assets.orchestration.instance import prepare_instance, process_tag

@dg.asset(pool="cpu_model")
def slow():
    Path(sys.argv[3]).write_text("begun")
    time.sleep(600)

job = dg.Definitions(assets=[slow]).resolve_implicit_global_asset_job_def()
job.execute_in_process(instance=prepare_instance(Path(sys.argv[1]), Path(sys.argv[2])), tags=process_tag())
"""


def test_the_slot_of_a_killed_command_is_free_for_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    home, configuration, begun = tmp_path / "home", PROJECT_ROOT / PROJECT_FILE, tmp_path / "begun"
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(home), str(configuration), str(begun)])
    try:
        while not begun.exists():
            assert process.poll() is None
            time.sleep(0.1)
        with prepare_instance(home, configuration) as instance:
            [run] = instance.get_runs()
            assert run.tags[PROCESS_TAG].endswith(f" {process.pid}")
            assert instance.event_log_storage.get_concurrency_run_ids() == {run.run_id}, "it is alive"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with prepare_instance(home, configuration) as instance:
        assert instance.event_log_storage.get_concurrency_run_ids() == set()
        assert [each.status for each in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
