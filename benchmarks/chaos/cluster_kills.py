"""kill -9 on a Ray cluster: jobs and nodes die at random moments of a backfill, and the nodes come back.

The cluster is a real one on this machine, of a head and two nodes with a logical GPU each. The backfill must end with
the lake of an undisturbed `prox refine`, and with one event for each asset and shard.
"""

import importlib.util
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import psutil

from benchmarks.chaos.dagster_kills import ASSETS, BACKFILL_SECONDS, attributes, compare, setting
from benchmarks.chaos.kills import Changes, doing
from benchmarks.chaos.refinements import GONE_SECONDS, ROOT
from benchmarks.chaos.verdicts import Verdict
from benchmarks.chaos.world import CORPUS, SHARDS, Undisturbed, World, WorldError
from benchmarks.support.commands import PROX
from prox_assets.machine.devices import DECLARED_VARIABLE, VISIBLE_VARIABLE, find_devices
from prox_assets.machine.leases import FOLDER_VARIABLE, holders
from prox_assets.testing.clusters.ray_cluster import RayCluster, ray_cluster
from prox_assets.testing.clusters.stage_processes import MARK, stages_of
from prox_assets.testing.dagster_deployment import create_deployment, serving, wait_for

JOB, NODE = "Ray: kill -9 of a job", "Ray: kill -9 of a node"
KILLS = 20
NODES = 2
PAGES = 40
# Without a device: each job takes the one that Ray gives it.
ENGINE = {"kind": "transformers", "batch_size": 1, "look_ahead": 2, "threads": 1}
# A job takes about five seconds to start; the rest of them is inference.
MOST_SECONDS = 10.0
MOST_WRITES = 40
POLL_SECONDS = 0.1

Killed = list[tuple[str, str]]


def run(world: World) -> Iterator[Verdict]:
    """Disturb a backfill, and another one if it ends before there were enough kills."""
    if importlib.util.find_spec("ray") is None:
        for fault in (JOB, NODE):
            yield Verdict(fault, (), ("skipped: Ray is not installed",), 0)
        return
    raw = world.write_raw(world.path("raw-cluster"), world.sample(SHARDS * PAGES))
    wanted = world.undisturbed(setting(world, {**ENGINE, "device": "cpu"}), raw=raw)
    rng = world.rng("cluster")
    done = 0
    while done < KILLS:
        killed: Killed = []
        problems = _disturb(world, raw, wanted, rng, KILLS - done, killed)
        if not killed:
            raise WorldError("; ".join(problems) or "the backfill ended before anything could be killed")
        done += len(killed)
        for fault in dict(killed):
            moments = tuple(moment for victim, moment in killed if victim == fault)
            yield Verdict(fault, tuple(problems), moments, len(moments))
            # The faults share a lake: report its problems in full only once.
            problems = problems[:1]


def _disturb(world: World, raw: Path, wanted: Undisturbed, rng: random.Random, kills: int, killed: Killed) -> list[str]:
    folder = world.path("cluster")
    folder.mkdir()
    environment = {
        # Everything that Dagster and Ray start inherits it, and is found by it.
        "DAGSTER_HOME": str(folder / "home"),
        "NO_PROXY": "127.0.0.1",
        "TMPDIR": str(world.temporary),
        "OMP_NUM_THREADS": "1",
        DECLARED_VARIABLE: str(NODES),
        FOLDER_VARIABLE: str(folder / "device-locks"),
    }
    with patch.dict(os.environ, environment):
        try:
            problems = _backfill(world, folder, raw, rng, kills, killed)
        except AssertionError as error:  # raised by wait_for on a timeout
            problems = [str(error)]
        held = [
            f"device {device.name} is held by {holder}" for device, holder in holders(find_devices()).items() if holder
        ]
    return [*problems, *held, *compare(world, folder, wanted)]


def _backfill(world: World, folder: Path, raw: Path, rng: random.Random, kills: int, killed: Killed) -> list[str]:
    lake = folder / "lake"
    with ray_cluster(NODES) as nodes:
        corpus = {
            **attributes(world, raw, ENGINE),
            "window_documents": 1,
            "placement": _placements(nodes.address, lake),
        }
        create_deployment(folder, {CORPUS: corpus})
        with serving(folder) as deployment:
            shards = deployment.discover(CORPUS)
            backfill = deployment.launch_backfill(CORPUS, ASSETS, shards)

            def ended() -> bool:
                return deployment.backfill_status(backfill).startswith(("COMPLETED", "FAILED", "CANCELED"))

            while len(killed) < kills and _wait_for_a_moment(lake, ended, rng):
                killed += _kill(nodes, lake, rng)
            wait_for(ended, BACKFILL_SECONDS, "the backfill", every=2)
            status = deployment.backfill_status(backfill)
            wait_for(lambda: not stages_of(lake), GONE_SECONDS, "the last job to end")
    ended_badly = [] if status == "COMPLETED_SUCCESS" else [f"the backfill ended with {status}"]
    return [*ended_badly, *_wrong_events(folder / "home", shards)]


def _placements(address: str, lake: Path) -> dict[str, Any]:
    """Return placements by which every step has a job for each shard, started again after each kill."""
    placement: dict[str, Any] = {
        "kind": "ray",
        "address": address,
        "command": list(PROX),
        "shards_per_job": 1,
        "restarts": KILLS,
        "environment": {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", MARK: str(lake)},
        "poll_seconds": 0.5,
    }
    return {"raw_shards": placement, "programs": {**placement, "gpus": 1}, "refinement": placement}


def _wait_for_a_moment(lake: Path, ended: Callable[[], bool], rng: random.Random) -> bool:
    """Wait for a random moment after a job has begun; return whether there was one before the backfill ended.

    Half of the moments are spread over time, half over writes to the lake.
    """
    over_time, after = rng.random() < 0.5, rng.random()
    while not stages_of(lake):
        if ended():
            return False
        time.sleep(POLL_SECONDS)
    if over_time:
        time.sleep(after * MOST_SECONDS)
        return True
    changes, until = Changes(lake), time.monotonic() + 3 * MOST_SECONDS
    while changes.count() < after * MOST_WRITES and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    return True


def _kill(nodes: RayCluster, lake: Path, rng: random.Random) -> Killed:
    """Kill a job or its node, which is then replaced; return what was killed and when, or nothing if no job runs."""
    fault, choice = rng.choice((JOB, NODE)), rng.random()
    jobs = sorted(stages_of(lake), key=lambda process: process.pid)
    if not jobs:
        return []
    moment, job = doing(lake), jobs[int(choice * len(jobs))]
    try:
        if fault == JOB:
            job.kill()
            return [(fault, moment)]
        visible = job.environ().get(VISIBLE_VARIABLE, "")
    except psutil.NoSuchProcess:
        return []
    # Jobs without a GPU do not tell their node.
    device = int(visible) if visible.isdigit() else int(choice * NODES)
    nodes.kill_raylet(device)
    nodes.add_node(device)
    return [(fault, moment)]


def _wrong_events(home: Path, shards: list[str]) -> list[str]:
    """Return the assets that do not have one event for each shard."""
    problems: list[str] = []
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for asset in ASSETS:
            records = instance.fetch_materializations(dg.AssetKey([CORPUS, asset]), limit=1000).records
            found = sorted(record.partition_key or "" for record in records)
            if found != sorted(shards):
                problems.append(f"{asset} has events of {found} instead of {sorted(shards)}")
    return problems
