"""Prepares DAGSTER_HOME for `make ui` and `make demo`: the project's dagster.yaml and the pool limits.

Dagster reads the file from DAGSTER_HOME and writes there, too; a copy keeps the project folder clean.
"""

import os
import shutil
from pathlib import Path

import dagster as dg

from prox_assets.machine.capacity import capacity

PROJECT_FILE = "dagster.yaml"


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
    return instance


def default_home() -> Path:
    """Return DAGSTER_HOME, or `.dagster_home` in the working directory."""
    return Path(os.environ.get("DAGSTER_HOME") or ".dagster_home")


if __name__ == "__main__":
    prepare_instance(default_home(), Path(PROJECT_FILE))
