"""The deployment without its containers: the services of compose.yaml as processes, with a real PostgreSQL."""

from collections.abc import Iterator

import dagster as dg
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.testing.dagster_deployment import Deployment, wait_for
from prox_assets_tests.infra.containers import POOLS, SERVED, Containers
from prox_assets_tests.infra.postgres_server import PostgresServer

CORPUS = "sample"
SHARD = "c4-00000"


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Containers:
    return Containers(tmp_path_factory.mktemp("containers"), postgres)


@pytest.fixture(scope="module")
def deployment(containers: Containers) -> Iterator[Deployment]:
    with containers.serving() as running:
        yield running


@pytest.mark.slow
def test_the_init_service_prepares_an_empty_database_and_sets_the_limits_of_the_pools(
    containers: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in containers.postgres.environment().items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.from_config(str(containers.folder / "home")) as instance:
        limits = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
        assert limits == POOLS
        assert type(instance.run_storage).__name__ == "PostgresRunStorage"
        assert instance.run_retries_enabled
        assert instance.run_monitoring_enabled
    again = containers.start("migrate")
    assert again.wait(timeout=120) == 0  # every later start runs it on a database that has everything


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_raw_shards_of_the_sample_go_through_code_location_daemon_and_webserver_into_lake_and_postgres(
    deployment: Deployment, containers: Containers
) -> None:
    # Nobody asks for it: the daemon runs the sensors, which discover shards and have them read, in the code location.
    shards = wait_for(lambda: deployment.partition_keys(CORPUS), 120, "the sensor's partitions", every=2)
    assert SHARD in shards

    def read() -> int:
        return deployment.partition_counts(CORPUS, "raw_shards")["numMaterialized"]

    wait_for(lambda: read() == len(shards), 300, "the raw shards", every=2)

    documents = Lake(str(deployment.lake)).scan(CORPUS, Table.DOCUMENTS, [SHARD]).collect()
    assert deployment.metadata(CORPUS, "raw_shards", SHARD)["documents"] == documents.height > 0
    assert containers.query("select status from runs where status = 'FAILURE'") == []
    assert list(deployment.home.rglob("*.db")) == []  # nothing fell back to SQLite
    for service in SERVED:
        assert containers.healthy(service), service
