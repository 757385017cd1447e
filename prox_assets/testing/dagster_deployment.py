"""A Dagster deployment like a user's: a project with corpora, an instance, webserver and daemon, driven by GraphQL.

It starts, queries and kills real processes. Everything listens on loopback and ends with the test.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import psutil
import yaml

from prox_assets.orchestration.instance import prepare_instance
from prox_assets.testing.ports import free_port

PROJECT_ROOT = Path(__file__).parent.parent.parent
LOCATION = "shop"
REPOSITORY = "__repository__"

DEFINITIONS = '''"""The code location."""

from pathlib import Path

import dagster as dg

from prox_assets.orchestration.build import build_defs


@dg.definitions
def defs() -> dg.Definitions:
    return build_defs(defs_folder=Path(__file__).parent / "defs")
'''

# Dagster's backfill daemon looks every 30 seconds, and nothing can be set: tests of backfills spent most of their time
# waiting for it. Python imports this file by itself in every process of the deployment.
SITE_CUSTOMIZE = '''"""Lets the daemon look for work every two seconds."""

import sys

if "dagster._daemon" in sys.orig_argv:
    import dagster._daemon.controller

    dagster._daemon.controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 2
'''

START_SECONDS = 120


@dataclass
class Deployment:
    """The running processes, and queries to them."""

    url: str
    lake: Path
    home: Path
    process: subprocess.Popen[bytes]
    log: Path

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Query the webserver; fail if it reports an error."""
        response = httpx.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60, trust_env=False
        )
        answer = response.json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def discover(self, corpus: str) -> list[str]:
        """Run the discovery job as the UI's launchpad does, and return the partition keys."""
        data = self.graphql(
            """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
                 __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }""",
            p={
                "selector": {
                    "repositoryLocationName": LOCATION,
                    "repositoryName": REPOSITORY,
                    "jobName": f"discover_{corpus}_shards",
                },
                "runConfigData": {},
            },
        )["launchRun"]
        assert data["__typename"] == "LaunchRunSuccess", data
        wait_for(lambda: self.run_status(data["run"]["runId"]) == "SUCCESS", 90, "the discovery job")
        return self.partition_keys(corpus)

    def partition_keys(self, corpus: str) -> list[str]:
        node = self.graphql(
            "query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode { partitionKeys } } }",
            k={"path": [corpus, "raw_shards"]},
        )["assetNodeOrError"]
        return node["partitionKeys"]

    def launch_backfill(self, corpus: str, assets: list[str], partitions: list[str]) -> str:
        """Launch a backfill as the UI's dialog does."""
        data = self.graphql(
            """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
                 __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
            p={
                "assetSelection": [{"path": [corpus, asset]} for asset in assets],
                "partitionNames": partitions,
                "title": "all shards",
            },
        )["launchPartitionBackfill"]
        assert data["__typename"] == "LaunchBackfillSuccess", data
        return data["backfillId"]

    def backfill_status(self, backfill: str) -> str:
        return self.graphql(
            """query($b: String!) { partitionBackfillOrError(backfillId: $b) {
                 ... on PartitionBackfill { status } } }""",
            b=backfill,
        )["partitionBackfillOrError"]["status"]

    def reload(self) -> None:
        """Reload the code location, as the UI's button does after a changed defs.yaml."""
        answer = self.graphql(
            """mutation($l: String!) { reloadRepositoryLocation(repositoryLocationName: $l) {
                 __typename ... on WorkspaceLocationEntry { locationOrLoadError { __typename
                   ... on PythonError { message } } } } }""",
            l=LOCATION,
        )["reloadRepositoryLocation"]
        loaded = answer.get("locationOrLoadError") or {}
        assert loaded.get("__typename") == "RepositoryLocation", answer

    def run_status(self, run: str) -> str:
        return self.graphql("query($r: ID!) { runOrError(runId: $r) { ... on Run { status } } }", r=run)["runOrError"][
            "status"
        ]

    def runs(self) -> list[dict[str, Any]]:
        return self.graphql(
            """query { runsOrError { ... on Runs { results {
                 runId status jobName tags { key value } } } } }"""
        )["runsOrError"]["results"]

    def partition_counts(self, corpus: str, asset: str) -> dict[str, int]:
        """Return the numbers that the partition bar of the asset page shows."""
        return self.graphql(
            """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode {
                 partitionStats { numMaterialized numFailed numPartitions } } } }""",
            k={"path": [corpus, asset]},
        )["assetNodeOrError"]["partitionStats"]

    def metadata(self, corpus: str, asset: str, partition: str) -> dict[str, Any]:
        """Return the latest materialization's metadata of a partition, as the UI reads it."""
        node = self.graphql(
            """query($k: AssetKeyInput!, $p: [String!]) { assetNodeOrError(assetKey: $k) { ... on AssetNode {
                 assetMaterializations(partitions: $p, limit: 1) { metadataEntries { __typename label
                   ... on IntMetadataEntry { intValue } ... on FloatMetadataEntry { floatValue }
                   ... on TextMetadataEntry { text } ... on MarkdownMetadataEntry { mdStr } } } } } }""",
            k={"path": [corpus, asset]},
            p=[partition],
        )["assetNodeOrError"]["assetMaterializations"][0]
        values: dict[str, Any] = {}
        for entry in node["metadataEntries"]:
            for field in ("intValue", "floatValue", "text", "mdStr"):
                if entry.get(field) is not None:
                    values[entry["label"]] = entry[field]
        return values

    def run_workers(self) -> list[psutil.Process]:
        """Return the processes that execute runs, one per run; the code server spawns them."""
        servers = [process for process in self._descendants() if _runs(process, "grpc")]
        return [child for server in servers for child in _spawned(server)]

    def step_processes(self) -> list[psutil.Process]:
        """Return the processes in which run workers execute steps."""
        return [child for worker in self.run_workers() for child in _spawned(worker)]

    def daemon(self) -> psutil.Process:
        """Return the daemon's process."""
        [daemon] = [process for process in self._descendants() if _runs(process, "dagster._daemon")]
        return daemon

    def engine_processes(self) -> list[psutil.Process]:
        """Return the processes of vLLM's engine cores and workers, found by the names that vLLM gives them."""
        return [process for process in self._descendants() if process.name().startswith("VLLM::")]

    def story(self) -> str:
        """Return what a failed test is to be understood by: every run with its errors, and the end of the log."""
        runs = self.graphql(
            """query { runsOrError { ... on Runs { results { runId status jobName tags { key value }
                 eventConnection(limit: 1000) { events { __typename ... on MessageEvent { timestamp message }
                   ... on ErrorEvent { error { message } } } } } } } }"""
        )["runsOrError"]["results"]
        lines: list[str] = []
        for run in runs:
            lines.append(f"run {run['runId']} {run['status']} {run['jobName']}")
            events = run["eventConnection"]["events"]
            lines += [
                f"  {event['timestamp']} {event['__typename']} {event['message'][:300]}" for event in events[-30:]
            ]
            lines += [f"  {event['error']['message'][:1000]}" for event in events if event.get("error")]
        log = [
            line
            for line in self.log.read_text(errors="replace").splitlines()
            if line.startswith("20") and "BackfillDaemon" not in line and "MonitoringDaemon" not in line
        ]
        return "\n".join([*lines, *log[-60:]])

    def _descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def _spawned(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child for child in process.children() if _runs(child, "spawn_main(")]
    return []


def _runs(process: psutil.Process, word: str) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return any(word in argument for argument in process.cmdline())
    return False


def wait_for(condition: Callable[[], Any], seconds: float, what: str, every: float = 0.5) -> Any:
    """Return a condition's first truthy value; fail if there is none in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(every)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def write_project(folder: Path, corpora: dict[str, dict[str, Any]]) -> None:
    """Write a Dagster project whose corpora are RefinedCorpus components with the given attributes."""
    package = folder / LOCATION
    package.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{LOCATION}"\nversion = "1"\n\n[tool.dg]\ndirectory_type = "project"\n\n'
        f'[tool.dg.project]\nroot_module = "{LOCATION}"\ncode_location_name = "{LOCATION}"\n'
    )
    (package / "__init__.py").write_text("")
    (package / "definitions.py").write_text(DEFINITIONS)
    (package / "defs").mkdir()
    (package / "defs" / "__init__.py").write_text("")
    for name, attributes in corpora.items():
        (package / "defs" / name).mkdir()
        write_corpus(folder, name, attributes)
    workspace = {"python_module": {"module_name": f"{LOCATION}.definitions", "location_name": LOCATION}}
    (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [workspace]}))
    (folder / "sitecustomize.py").write_text(SITE_CUSTOMIZE)


def write_corpus(folder: Path, name: str, attributes: dict[str, Any]) -> None:
    """Write a corpus's defs.yaml; nothing happens by itself unless the attributes say so."""
    component = {"type": "prox_assets.RefinedCorpus", "attributes": {"corpus": name, "automation": "off", **attributes}}
    (folder / LOCATION / "defs" / name / "defs.yaml").write_text(yaml.safe_dump(component))


def instance_configuration(folder: Path) -> Path:
    """Copy the project's dagster.yaml with the fastest run monitoring, so that tests do not wait for minutes."""
    settings = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())
    settings["run_monitoring"] |= {"poll_interval_seconds": 2, "free_slots_after_run_end_seconds": 1}
    path = folder / "test-dagster.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def create_deployment(folder: Path, corpora: dict[str, dict[str, Any]]) -> None:
    """Write a project with the given corpora and a new instance, which `serving` runs; DAGSTER_HOME stays."""
    write_project(folder, corpora)
    with patch.dict(os.environ):
        prepare_instance(folder / "home", instance_configuration(folder))


@contextlib.contextmanager
def running_deployment(folder: Path, corpora: dict[str, dict[str, Any]]) -> Iterator[Deployment]:
    """Create a project with the given corpora and an instance, and run them until the block ends."""
    create_deployment(folder, corpora)
    with serving(folder) as deployment:
        yield deployment


@contextlib.contextmanager
def serving(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Deployment]:
    """Run webserver, daemon and code server on an existing project until the block ends."""
    home, lake, log = folder / "home", folder / "lake", folder / "dagster.log"
    port = free_port()
    variables = {
        **os.environ,
        **(environment or {}),
        "DAGSTER_HOME": str(home),
        "PROX_LAKE": str(lake),
        "PYTHONPATH": os.pathsep.join((str(folder), str(PROJECT_ROOT))),
        "PYTHONWARNINGS": "ignore",
    }
    command = [shutil.which("dagster", path=str(Path(sys.executable).parent)) or "dagster", "dev"]
    command += ["-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=output, stderr=output, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(url, process), START_SECONDS, f"the webserver; see {log}")
        deployment = Deployment(url, lake, home, process, log)
        try:
            yield deployment
        except AssertionError as error:
            with contextlib.suppress(Exception):  # the test's own failure matters more
                error.add_note(deployment.story())
            raise
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            # Webserver and daemon end at once; what `dagster dev` then waits for is its code server's heartbeat.
            process.wait(timeout=5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "dagster dev ended"
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/server_info", trust_env=False).is_success
    return False
