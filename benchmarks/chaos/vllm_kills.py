"""vLLM with its core in a separate process: the run is killed, the core is killed, or the core is stopped."""

import importlib.util
from collections.abc import Iterator

from benchmarks.chaos.beside import STALL_SECONDS, Beside, disturb
from benchmarks.chaos.refinements import Refinement
from benchmarks.chaos.verdicts import Finding
from benchmarks.chaos.world import WINDOW, Setting, World

RUN, CORE, STALL = "kill -9 of prox refine with vLLM", "kill -9 of vLLM's core", "vLLM's core stops (SIGSTOP)"
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
    beside = Beside(
        *(RUN, CORE, STALL),
        setting,
        find=Refinement.engine_processes,
        causes_killed=("exit code -9", "engine core"),
        causes_stopped=(f"no progress for {STALL_SECONDS} s",),
        may_not_matter=False,
        environment=ENVIRONMENT,
    )
    yield from disturb(world, beside)
