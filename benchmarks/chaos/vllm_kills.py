"""vLLM with its core in a separate process: the run is killed, the core is killed, or the core is stopped."""

import importlib.util
from collections.abc import Iterator

from benchmarks.chaos.refinements import Refinement
from benchmarks.chaos.subprocess_faults import STALL_SECONDS, SubprocessFaults, disturb
from benchmarks.chaos.verdicts import Verdict
from benchmarks.chaos.world import WINDOW, Setting, World, engine_options

RUN, CORE, STALL = "kill -9 of prox refine with vLLM", "kill -9 of vLLM's core", "vLLM's core stops (SIGSTOP)"
ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR", "TORCH_COMPILE_DISABLE": "1"}


def run(world: World) -> Iterator[Verdict]:
    """Inject each fault a few times."""
    if importlib.util.find_spec("vllm") is None:
        for fault in (RUN, CORE, STALL):
            yield Verdict(fault, (), ("skipped: vLLM is not installed",), 0)
        return
    stall = f"stall_timeout_seconds={STALL_SECONDS}"
    options = engine_options("dtype=float32", "enforce_eager=true", "core_process=child", "max_num_seqs=1", stall)
    refiner = ("--refiner", str(world.tiny_refiner()), "--engine", "vllm", "--window", str(WINDOW))
    faults = SubprocessFaults(
        *(RUN, CORE, STALL),
        Setting("vllm", (*refiner, *options)),
        find=Refinement.engine_processes,
        causes_killed=("exit code -9", "engine core"),
        causes_stopped=(f"no progress for {STALL_SECONDS} s",),
        success_allowed=False,
        environment=ENVIRONMENT,
    )
    yield from disturb(world, faults)
