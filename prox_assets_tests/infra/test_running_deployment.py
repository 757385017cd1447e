"""The deployment without its containers: the commands of compose.yaml, infra's configuration, a real PostgreSQL.

What only containers have is changed: host names become loopback, ports free ones, volumes temporary folders.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import httpx
import psycopg2
import pytest
import yaml

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.testing.dagster_deployment import Deployment, wait_for
from prox_assets.testing.ports import free_port
from prox_assets_tests.infra.deployment_files import INFRA, compose_services
from prox_assets_tests.infra.postgres_server import PostgresServer

CORPUS = "sample"
SHARD = "c4-00000"
POOLS = {"gpu": 1, "cpu": 3}
SERVED = ("code-location", "daemon", "webserver")


@dataclass
class Containers:
    """Runs services of compose.yaml as processes of this machine, all in one folder."""

    folder: Path
    postgres: PostgresServer
    ports: dict[str, str]

    def __post_init__(self) -> None:
        variables = {"DAGSTER_POSTGRES_PASSWORD": "replaced", "PROX_CPU_POOL": str(POOLS["cpu"])}
        self.services = compose_services(variables)
        (self.folder / "home").mkdir()
        shutil.copyfile(INFRA / "dagster.yaml", self.folder / "home" / "dagster.yaml")
        workspace = yaml.safe_load((INFRA / "workspace.yaml").read_text())
        workspace["load_from"][0]["grpc_server"] |= {"host": "127.0.0.1", "port": int(self.ports["4000"])}
        (self.folder / "workspace.yaml").write_text(yaml.safe_dump(workspace))

    def command(self, words: list[str]) -> list[str]:
        here = {"0.0.0.0": "127.0.0.1", **self.ports}  # noqa: S104 - what is replaced
        return [here.get(word, word) for word in words]

    def environment(self, service: str) -> dict[str, str]:
        given: dict[str, str] = {
            name: value for name, value in self.services[service]["environment"].items() if value is not None
        }
        changed: dict[str, str] = {**self.postgres.environment(), "PROX_LAKE": str(self.folder / "lake")}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        bare = {"PATH": path, "HOME": str(self.folder), "DAGSTER_HOME": str(self.folder / "home")}
        return {**bare, **{name: changed.get(name, value) for name, value in given.items()}}

    def start(self, service: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{service}.log").open("wb") as log:
            return subprocess.Popen(
                self.command(self.services[service]["command"]),
                cwd=self.folder,
                env=self.environment(service),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def healthy(self, service: str) -> bool:
        test = self.services[service]["healthcheck"]["test"]
        here = [word.replace(":3000/", f":{self.ports['3000']}/") for word in self.command(test[1:])]
        return not subprocess.run(here, env=self.environment(service), check=False, capture_output=True).returncode

    def query(self, sql: str) -> list[tuple[object, ...]]:
        access = self.postgres.environment()
        connection = psycopg2.connect(
            host=access["DAGSTER_POSTGRES_HOST"],
            port=access["DAGSTER_POSTGRES_PORT"],
            dbname=access["DAGSTER_POSTGRES_DB"],
            user=access["DAGSTER_POSTGRES_USER"],
            password=access["DAGSTER_POSTGRES_PASSWORD"],
        )
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Containers:
    """A folder and a database that `migrate` has prepared."""
    ports = {"3000": str(free_port()), "4000": str(free_port())}
    prepared = Containers(tmp_path_factory.mktemp("containers"), postgres, ports)
    migrate = prepared.start("migrate")
    assert migrate.wait(timeout=120) == 0, (prepared.folder / "migrate.log").read_text()
    return prepared


@pytest.fixture(scope="module")
def deployment(containers: Containers) -> Iterator[Deployment]:
    """Code location, daemon and webserver, started in the order of compose.yaml."""
    url = f"http://127.0.0.1:{containers.ports['3000']}"
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        running["code-location"] = containers.start("code-location")
        wait_for(lambda: containers.healthy("code-location"), 90, "the code location", every=1)
        for service in SERVED[1:]:
            running[service] = containers.start(service)
        wait_for(lambda: _answers(url), 90, "the webserver", every=1)
        yield Deployment(
            url,
            containers.folder / "lake",
            containers.folder / "home",
            running["webserver"],
            containers.folder / "webserver.log",
        )
    finally:
        for process in reversed(running.values()):
            process.terminate()
        until = time.monotonic() + 20
        for process in running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.1, until - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/server_info", trust_env=False).is_success
    return False


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
