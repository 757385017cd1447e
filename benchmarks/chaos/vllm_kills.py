"""vLLM with its core in a process of its own: the run killed, the core killed, the core stopped.

Belongs here: faults of vLLM's processes. A run whose core dies or stalls must end by itself and say so; a run that is
killed must take its core along.
"""

import contextlib
import importlib.util
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks.chaos.refinements import Refinement
from benchmarks.chaos.verdicts import Finding
from benchmarks.chaos.world import CORPUS, SHARDS, WINDOW, Setting, Undisturbed, World, WorldError
from prox_assets.lake.lake import Lake

RUN, CORE, STALL = "kill -9 of prox refine with vLLM", "kill -9 of vLLM's core", "vLLM's core stops (SIGSTOP)"
# Each start of vLLM takes half a minute of a CPU: one fault of each kind for so many kills in all.
KILLS_PER_ROUND = 34
STALL_SECONDS = 5
# vLLM is through with the usual handful of pages in less time than it takes to look.
PAGES = 40
ATTEMPTS = 8
ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR", "TORCH_COMPILE_DISABLE": "1"}


def run(world: World) -> Iterator[Finding]:
    """Disturb one run in each way, a few times over."""
    if importlib.util.find_spec("vllm") is None:
        for fault in (RUN, CORE, STALL):
            yield Finding(fault, (), ("skipped: vLLM is not installed",), 0)
        return
    options = ["dtype=float32", "enforce_eager=true", "core_process=child", "max_num_seqs=1"]
    options.append(f"stall_timeout_seconds={STALL_SECONDS}")
    setting = Setting(
        "vllm",
        (
            *("--refiner", str(world.tiny_refiner()), "--engine", "vllm", "--window", str(WINDOW)),
            *(part for option in options for part in ("--engine-option", option)),
        ),
    )
    raw = world.write_raw(world.path("raw-vllm"), world.sample(SHARDS * PAGES))
    wanted = world.undisturbed(setting, raw=raw, environment=ENVIRONMENT)
    chance = world.chance("vllm")
    for _ in range(max(1, round(world.kills / KILLS_PER_ROUND))):
        for fault in (RUN, CORE, STALL):
            yield _disturb(world, setting, raw, wanted, fault, chance)


def _disturb(
    world: World, setting: Setting, raw: Path, wanted: Undisturbed, fault: str, chance: random.Random
) -> Finding:
    table = chance.choice(("doc_programs", "chunk_programs"))
    windows = chance.randint(1, 3)
    run, folder = _run_under_way(world, setting, raw, wanted, table, windows)
    lake = Lake(str(folder))
    problems: list[str] = []
    if fault == RUN:
        run.kill()
        seen = f"core and workers gone with it, in {table}"
    else:
        number = signal.SIGKILL if fault == CORE else signal.SIGSTOP
        for process in run.engine_processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        ended = run.wait(wanted.deadline)
        if ended.code == 0:
            return Finding(fault, ("the run ended as if nothing had happened",), (), 1)
        problems += ended.problems_of_a_failure(
            *(["exit code -9", "engine core"] if fault == CORE else [f"no progress for {STALL_SECONDS} s"])
        )
        seen = f"run failed and named it, in {table}"
    problems += run.survivors()
    problems += world.finish(lambda: world.start(setting, folder, raw=raw, environment=ENVIRONMENT), lake, wanted)
    return Finding(fault, tuple(problems), (seen,))


def _run_under_way(
    world: World, setting: Setting, raw: Path, wanted: Undisturbed, table: str, windows: int
) -> tuple[Refinement, Path]:
    """Return a run that has just finished so many windows of a table, and its lake."""
    for _ in range(ATTEMPTS):
        folder = world.path("vllm")
        ledgers = folder / "_resume" / CORPUS / table
        run = world.start(setting, folder, raw=raw, environment=ENVIRONMENT)
        while run.running and run.seconds < wanted.deadline:
            if len(list(ledgers.glob("*/*/*.parquet"))) >= windows and run.engine_processes():
                return run, folder
            time.sleep(0.01)
        # It was too fast to be caught: the next one is.
        run.wait(wanted.deadline)
    raise WorldError(f"of {ATTEMPTS} runs none could be caught after {windows} windows of {table}")
