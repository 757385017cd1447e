"""Prepares DAGSTER_HOME for `make ui`, `make demo` and the like: the project's dagster.yaml and the pool limits.

Dagster reads the file from DAGSTER_HOME and writes there, too; a copy keeps the project folder clean.

Commands such as `make proof` run assets in their own process. One that is killed with -9 leaves its pool slots taken,
and Dagster's daemon, which would free them, need not be running: the next command then waited for ever (measured). So
such runs name their process, and whoever prepares the instance ends those whose process is gone.
"""

import os
import shutil
from pathlib import Path

import dagster as dg

from prox_assets.lake.storage.host import boot_name, machine_name, process_is_gone
from prox_assets.machine.capacity import capacity

PROJECT_FILE = "dagster.yaml"
PROCESS_TAG = "prox/process"
"""Tag of runs that a command executes itself: the machine since its last boot, and the process."""


def prepare_instance(home: Path, configuration: Path) -> dg.DagsterInstance:
    """Copy the configuration into DAGSTER_HOME, set pool limits that are not set yet; return the instance.

    The limits are those that `prox machine` prints; `dagster instance concurrency set POOL N` sets another.

    Args:
        home: DAGSTER_HOME; created when missing.
        configuration: The dagster.yaml to use.
    """
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(configuration, home / PROJECT_FILE)
    os.environ["DAGSTER_HOME"] = str(home.resolve())
    instance = dg.DagsterInstance.get()
    limits = {limit.name: limit for limit in instance.event_log_storage.get_pool_limits()}
    for pool, limit in capacity().pools.items():
        if pool not in limits or limits[pool].from_default:
            instance.event_log_storage.set_concurrency_slots(pool, limit)
    end_runs_of_killed_commands(instance)
    return instance


def process_tag() -> dict[str, str]:
    """Return the tag of a run that this process executes."""
    return {PROCESS_TAG: f"{boot_name()} {os.getpid()}"}


def end_runs_of_killed_commands(instance: dg.DagsterInstance) -> None:
    """Fail the runs of commands whose process is gone, and free their pool slots."""
    for run_id in instance.event_log_storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        boot, _, process = (run.tags.get(PROCESS_TAG, "") if run else "").rpartition(" ")
        if run is None or boot.rpartition("/")[0] != machine_name():
            continue
        if boot != boot_name() or process_is_gone(int(process)):
            if not run.is_finished:
                instance.report_run_failed(run, "The process that executed this run was killed.")
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def default_home() -> Path:
    """Return DAGSTER_HOME, or `.dagster_home` in the working directory."""
    return Path(os.environ.get("DAGSTER_HOME") or ".dagster_home")


if __name__ == "__main__":
    prepare_instance(default_home(), Path(PROJECT_FILE))
