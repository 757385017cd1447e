"""The processes that make prompts for a run: the run is killed, they are killed, or they are stopped."""

from collections.abc import Iterator

from benchmarks.chaos.beside import STALL_SECONDS, Beside, disturb
from benchmarks.chaos.refinements import Refinement
from benchmarks.chaos.verdicts import Finding
from benchmarks.chaos.world import BUNDLED, Setting, World

RUN = "kill -9 of prox refine with processes for prompts"
PROMPTS, STALL = "kill -9 of the processes that make prompts", "processes that make prompts stop (SIGSTOP)"


def run(world: World) -> Iterator[Finding]:
    """Disturb one run in each way, a few times over."""
    options = ["prompt_processes=2", f"stall_timeout_seconds={STALL_SECONDS}"]
    setting = Setting(
        "prompts", (*BUNDLED.arguments, *(part for option in options for part in ("--engine-option", option)))
    )
    beside = Beside(
        *(RUN, PROMPTS, STALL),
        setting,
        find=Refinement.prompt_processes,
        causes_killed=("exit code -9",),
        causes_stopped=(f"took or sent nothing for {STALL_SECONDS} s",),
        may_not_matter=True,
        environment={},
    )
    yield from disturb(world, beside)
