"""kill -9 in a running Dagster deployment: a step process, a run worker, the daemon, and vLLM's core under a step.

Dagster retries. The backfill must end with the same lake as an undisturbed `prox refine` of the same pages.
"""

import contextlib
import importlib.util
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.chaos.verdicts import Verdict
from benchmarks.chaos.vllm_kills import ENVIRONMENT
from benchmarks.chaos.world import CORPUS, SHARDS, Setting, Undisturbed, World, engine_options, finished_windows
from prox_assets.lake.lake import Lake
from prox_assets.testing.dagster_deployment import Deployment, create_deployment, serving, wait_for

STEP, WORKER, DAEMON, CORE = (
    f"Dagster: kill -9 of {victim}" for victim in ("a step", "a run worker", "the daemon", "vLLM's core")
)
ROUNDS = 2
PAGES = 40
WINDOW = 4
ASSETS = ["raw_shards", "doc_programs", "chunk_programs", "refined_shards", "quality_metrics"]
BACKFILL_SECONDS = 900
TRANSFORMERS = {"kind": "transformers", "device": "cpu", "batch_size": 1, "look_ahead": 2, "threads": 1}
VLLM = {"kind": "vllm", "dtype": "float32", "enforce_eager": True, "core_process": "child", "max_num_seqs": 1}


def run(world: World) -> Iterator[Verdict]:
    """Run backfills; kill a step, a worker and the daemon in each, and vLLM's core in another."""
    raw = world.write_raw(world.path("raw-dagster"), world.sample(SHARDS * PAGES))
    rng = world.rng("dagster")
    for _ in range(ROUNDS):
        yield from _disturb(world, raw, TRANSFORMERS, (STEP, WORKER, DAEMON), rng)
    if importlib.util.find_spec("vllm") is None:
        yield Verdict(CORE, (), ("skipped: vLLM is not installed",), 0)
    else:
        yield from _disturb(world, raw, VLLM, (CORE,), rng)


def setting(world: World, engine: dict[str, Any]) -> Setting:
    """Return how `prox refine` infers with a tiny model on an engine."""
    options = [f"{name}={yaml.safe_dump(value).split()[0]}" for name, value in engine.items() if name != "kind"]
    refiner = ("--refiner", str(world.tiny_refiner()), "--engine", engine["kind"], "--window", str(WINDOW))
    return Setting(f"dagster-{engine['kind']}", (*refiner, *engine_options(*options)))


def attributes(world: World, raw: Path, engine: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a corpus that does the same under Dagster."""
    path = world.tiny_refiner()
    return {
        "urls": [str(raw)],
        "refiners": {"name": path.stem, **yaml.safe_load(path.read_text(encoding="utf-8"))},
        "engine": engine,
        "window_documents": WINDOW,
        "shards_per_run": SHARDS,
    }


def _disturb(
    world: World, raw: Path, engine: dict[str, Any], faults: tuple[str, ...], rng: random.Random
) -> Iterator[Verdict]:
    wanted = world.undisturbed(setting(world, engine), raw=raw, environment=ENVIRONMENT)
    folder = world.path("dagster")
    folder.mkdir()
    create_deployment(folder, {CORPUS: attributes(world, raw, engine)})
    environment = {**ENVIRONMENT, "TMPDIR": str(world.temporary), "OMP_NUM_THREADS": "1"}
    observed: list[str] = []
    try:
        problems = _backfill(folder, environment, faults, rng, observed)
    except AssertionError as error:  # raised by wait_for on a timeout
        problems = [str(error)]
    problems += compare(world, folder, wanted)
    for number, fault in enumerate(faults):
        # The faults share a lake: report its problems in full only once.
        shown = problems if number == 0 else problems[:1]
        yield Verdict(fault, tuple(shown), tuple(observed[number : number + 1]))


def _backfill(
    folder: Path, environment: dict[str, str], faults: tuple[str, ...], rng: random.Random, observed: list[str]
) -> list[str]:
    with contextlib.ExitStack() as stack:
        deployment = stack.enter_context(serving(folder, environment))
        backfill = deployment.launch_backfill(CORPUS, ASSETS, deployment.discover(CORPUS))
        for fault in faults:
            table = rng.choice(("doc_programs", "chunk_programs")) if len(faults) == 1 else _table(fault)
            observed.append(_kill(deployment, fault, table))
            if fault == DAEMON:
                # `dagster dev` exits when its daemon dies; an operator or a container runtime restarts it.
                with contextlib.suppress(Exception):
                    deployment.process.wait(60)
                stack.close()
                deployment = stack.enter_context(serving(folder, environment))
        wait_for(
            lambda: deployment.backfill_status(backfill).startswith(("COMPLETED", "FAILED", "CANCELED")),
            BACKFILL_SECONDS,
            "the backfill",
            every=2,
        )
        status = deployment.backfill_status(backfill)
        return [] if status == "COMPLETED_SUCCESS" else [f"the backfill ended with {status}"]


def _table(fault: str) -> str:
    """Return the asset during which to kill a victim; one backfill has a step and then a worker to kill."""
    return "doc_programs" if fault == STEP else "chunk_programs"


def _kill(deployment: Deployment, fault: str, table: str) -> str:
    victims: dict[str, Callable[[], list[psutil.Process]]] = {
        STEP: deployment.step_processes,
        WORKER: deployment.run_workers,
        DAEMON: lambda: [deployment.daemon()],
        CORE: deployment.engine_processes,
    }

    def found() -> list[psutil.Process]:
        return victims[fault]() if fault == DAEMON or finished_windows(deployment.lake, table) else []

    for process in wait_for(found, BACKFILL_SECONDS, f"{fault} during {table}", every=0.02):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    return "backfill went on after a restart" if fault == DAEMON else f"during {table}, retried"


def compare(world: World, folder: Path, wanted: Undisturbed) -> list[str]:
    """Return how a deployment's lake differs from an undisturbed one, and what is left of the deployment."""
    problems = world.compare(Lake(str(folder / "lake")), wanted)
    until = time.monotonic() + 60
    while (alive := _processes_of(folder)) and time.monotonic() < until:
        time.sleep(0.5)
    return problems + [f"process {process.pid} outlives the deployment" for process in alive]


def _processes_of(folder: Path) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            if process.environ().get("DAGSTER_HOME") == str(folder / "home"):
                found.append(process)
    return found
