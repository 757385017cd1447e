"""The services of compose.yaml as processes of this machine: its commands, infra's configuration, a real PostgreSQL.

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

import httpx
import psycopg2
import yaml

from prox_assets.testing.dagster_deployment import Deployment, wait_for
from prox_assets.testing.ports import free_port
from prox_assets_tests.infra.deployment_files import INFRA, PROJECT_ROOT, compose_services
from prox_assets_tests.infra.postgres_server import PostgresServer

POOLS = {"gpu": 1, "cpu": 3}
SERVED = ("code-location", "daemon", "webserver")


@dataclass
class Containers:
    """Runs services of compose.yaml, all in one folder, whose packages they can import.

    Attributes:
        folder: The folder.
        postgres: The server that holds Dagster's history.
        location: Name of the code location, and of the package that its definitions are in.
    """

    folder: Path
    postgres: PostgresServer
    location: str = "prox_assets"

    def __post_init__(self) -> None:
        self.ports = {"3000": str(free_port()), "4000": str(free_port())}
        variables = {"DAGSTER_POSTGRES_PASSWORD": "replaced", "PROX_CPU_POOL": str(POOLS["cpu"])}
        self.services = compose_services(variables)
        (self.folder / "home").mkdir()
        shutil.copyfile(INFRA / "dagster.yaml", self.folder / "home" / "dagster.yaml")
        workspace = yaml.safe_load((INFRA / "workspace.yaml").read_text())
        here = {"host": "127.0.0.1", "port": int(self.ports["4000"]), "location_name": self.location}
        workspace["load_from"][0]["grpc_server"] |= here
        (self.folder / "workspace.yaml").write_text(yaml.safe_dump(workspace))
        migrate = self.start("migrate")
        assert migrate.wait(timeout=120) == 0, (self.folder / "migrate.log").read_text()

    def command(self, words: list[str]) -> list[str]:
        here = {
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - what is replaced
            "prox_assets.definitions": f"{self.location}.definitions",
            **self.ports,
        }
        return [here.get(word, word) for word in words]

    def environment(self, service: str) -> dict[str, str]:
        given: dict[str, str] = {
            name: value for name, value in self.services[service]["environment"].items() if value is not None
        }
        changed: dict[str, str] = {**self.postgres.environment(), "PROX_LAKE": str(self.folder / "lake")}
        bare = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "DAGSTER_HOME": str(self.folder / "home"),
            "PYTHONPATH": os.pathsep.join((str(self.folder), str(PROJECT_ROOT))),
        }
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

    @contextlib.contextmanager
    def serving(self) -> Iterator[Deployment]:
        """Run code location, daemon and webserver, started in the order of compose.yaml, until the block ends."""
        url = f"http://127.0.0.1:{self.ports['3000']}"
        running: dict[str, subprocess.Popen[bytes]] = {}
        try:
            running["code-location"] = self.start("code-location")
            wait_for(lambda: self.healthy("code-location"), 90, "the code location", every=1)
            for service in SERVED[1:]:
                running[service] = self.start(service)
            wait_for(lambda: _answers(url), 90, "the webserver", every=1)
            log = self.folder / "webserver.log"
            yield Deployment(url, self.folder / "lake", self.folder / "home", running["webserver"], log)
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


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/server_info", trust_env=False).is_success
    return False
