"""What the code location holds: a snapshot of every asset spec, and how light it is."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg

from prox_assets.orchestration.build import build_defs
from prox_assets.training.data.pages import PAGES_VARIABLE, SILVER_VARIABLE

SNAPSHOT = Path(__file__).parent / "snapshots" / "asset_specs.json"
UPDATE = "PROX_UPDATE_SNAPSHOTS"


def describe(assets: dg.AssetsDefinition, key: dg.AssetKey) -> dict[str, Any]:
    spec = assets.get_asset_spec(key)
    policy = assets.backfill_policy
    retry = assets.op.retry_policy
    schema = spec.metadata.get("dagster/column_schema")
    return {
        "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "group": spec.group_name,
        "owners": list(spec.owners),
        "tags": {name: value for name, value in sorted(spec.tags.items()) if not name.startswith("dagster/kind")},
        "kinds": sorted(spec.kinds),
        "partitions": spec.partitions_def.name
        if isinstance(spec.partitions_def, dg.DynamicPartitionsDefinition)
        else None,
        "code_version": spec.code_version,
        "description": spec.description,
        "columns": [column.name for column in schema.columns] if schema is not None else [],
        "pool": assets.op.pool,
        "op_tags": dict(sorted(assets.op.tags.items())),
        "shards_per_run": policy.max_partitions_per_run if policy else 1,
        "retries": retry.max_retries if retry else 0,
        "freshness": str(spec.freshness_policy) if spec.freshness_policy else None,
        "automation": spec.automation_condition is not None,
    }


def snapshot() -> dict[str, Any]:
    # The lab's versions name the pages of the environment, which are another machine's.
    elsewhere = {name: value for name, value in os.environ.items() if name not in (PAGES_VARIABLE, SILVER_VARIABLE)}
    with mock.patch.dict(os.environ, elsewhere, clear=True):
        definitions = build_defs()
    repository = definitions.get_repository_def()
    assets = {
        key.to_user_string(): describe(asset, key)
        for key, asset in repository.assets_defs_by_key.items()
        if asset.is_executable
    }
    checks = {
        check.key.to_user_string(): {
            "blocking": check.blocking,
            "description": check.description,
            "partitioned": check.partitions_def is not None,
        }
        for asset in repository.assets_defs_by_key.values()
        for check in asset.check_specs
    }
    jobs = sorted(name for name in repository.job_names if not name.startswith("__"))
    sensors = {sensor.name: str(sensor.default_status) for sensor in repository.sensor_defs}
    return {
        "assets": dict(sorted(assets.items())),
        "checks": dict(sorted(checks.items())),
        "jobs": jobs,
        "sensors": sensors,
        "schedules": {s.name: f"{s.cron_schedule} {s.default_status}" for s in repository.schedule_defs},
    }


def test_the_definitions_load_and_are_valid() -> None:
    dg.Definitions.validate_loadable(build_defs())


def test_every_asset_check_job_and_sensor_is_as_in_the_snapshot() -> None:
    """A change of anything users see or schedulers act on shows in review; PROX_UPDATE_SNAPSHOTS=1 accepts it."""
    found = snapshot()
    if os.environ.get(UPDATE):
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    assert found == json.loads(SNAPSHOT.read_text())


def test_the_code_server_imports_nothing_heavy() -> None:
    """Every Dagster process imports the definitions: torch alone would cost each of them seconds and 300 MB."""
    program = (
        "import sys, prox_assets.definitions as d; d.defs();"
        "print([m for m in ('torch', 'vllm', 'transformers', 'tokenizers') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_importing_the_package_does_not_import_dagster() -> None:
    program = "import sys, prox_assets, prox_assets.programs; print('dagster' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
