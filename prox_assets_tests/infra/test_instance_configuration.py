"""The two dagster.yaml files: the same settings, both accepted by Dagster."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from prox_assets_tests.infra.deployment_files import INFRA, PROJECT_ROOT

LOCAL = PROJECT_ROOT / "dagster.yaml"
SHARED = INFRA / "dagster.yaml"


def settings(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def test_a_deployment_has_the_settings_of_the_local_instance_but_for_its_storage() -> None:
    shared = settings(SHARED)
    assert list(shared.pop("storage")) == ["postgres"]
    assert shared == settings(LOCAL)


@pytest.mark.parametrize("path", [LOCAL, SHARED], ids=["local", "shared"])
def test_dagster_accepts_the_file(path: Path) -> None:
    # The check that DagsterInstance makes of the file; the public way would also connect to the database.
    config, custom_class = dagster_instance_config(str(path.parent), path.name)
    assert custom_class is None
    assert config["concurrency"]["pools"]["granularity"] == "op"
    assert config["run_monitoring"]["free_slots_after_run_end_seconds"] > 0


def test_where_the_database_is_and_its_password_come_from_the_environment() -> None:
    database = settings(SHARED)["storage"]["postgres"]["postgres_db"]
    assert database.pop("scheme") == "postgresql+psycopg2"
    assert set(database) == {"hostname", "port", "db_name", "username", "password"}
    assert all(list(value) == ["env"] for value in database.values())
