"""Prompt worker processes: the run is killed, the workers are killed, or they are stopped."""

from collections.abc import Iterator

from benchmarks.chaos.refinements import Refinement
from benchmarks.chaos.subprocess_faults import STALL_SECONDS, SubprocessFaults, disturb
from benchmarks.chaos.verdicts import Verdict
from benchmarks.chaos.world import BUNDLED, Setting, World, engine_options

RUN = "kill -9 of prox refine with processes for prompts"
PROMPTS, STALL = "kill -9 of the processes that make prompts", "processes that make prompts stop (SIGSTOP)"


def run(world: World) -> Iterator[Verdict]:
    """Inject each fault a few times."""
    options = engine_options("prompt_processes=2", f"stall_timeout_seconds={STALL_SECONDS}")
    faults = SubprocessFaults(
        *(RUN, PROMPTS, STALL),
        Setting("prompts", (*BUNDLED.arguments, *options)),
        find=Refinement.prompt_processes,
        causes_killed=("exit code -9",),
        causes_stopped=(f"neither read nor sent anything for {STALL_SECONDS} s",),
        success_allowed=True,
        environment={},
    )
    yield from disturb(world, faults)
