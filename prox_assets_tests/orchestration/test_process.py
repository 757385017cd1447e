"""Steps die with their run worker."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from prox_assets.testing.dagster_deployment import wait_for

STEP = """
import time
from prox_assets.orchestration.process import die_with_run_worker
die_with_run_worker()
open({started!r}, "w").write(str(__import__("os").getpid()))
time.sleep(120)
"""
WORKER = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); time.sleep(120)"


def step_of_a_killed_worker(tmp_path: Path, *worker_arguments: str) -> psutil.Process:
    started = tmp_path / "pid"
    command = [sys.executable, "-c", WORKER, STEP.format(started=str(started)), *worker_arguments]
    worker = subprocess.Popen(command)
    step = psutil.Process(int(wait_for(lambda: started.exists() and started.read_text(), 30, "the step", every=0.05)))
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    return step


def test_a_step_process_dies_when_its_run_worker_is_killed(tmp_path: Path) -> None:
    step = step_of_a_killed_worker(tmp_path)
    step.wait(timeout=10)
    assert not step.is_running()


def test_a_run_that_executes_its_own_steps_outlives_its_code_server(tmp_path: Path) -> None:
    step = step_of_a_killed_worker(tmp_path, "api", "grpc")
    try:
        assert step.is_running()
    finally:
        step.kill()
