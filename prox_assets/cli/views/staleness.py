"""How out-of-date shards are shown: one paragraph per stage."""

from collections.abc import Mapping

from rich.text import Text

from prox_assets.cli.console import console
from prox_assets.lake.chain import State
from prox_assets.stages.states.shard_states import STAGES
from prox_assets.stages.states.staleness import COSTS, Staleness, summarize


def print_staleness(found: Mapping[str, Mapping[str, Staleness]]) -> bool:
    """Print for each stage how many shards are done, and why the others are not; return whether all are done."""
    complete = True
    for stage in STAGES:
        stages = [shard[stage] for shard in found.values()]
        done = all(each.state is State.DONE for each in stages)
        complete &= done
        line = Text.assemble((stage, "bold"), ": ", (summarize(stages), "green" if done else "yellow"))
        console.print(line, soft_wrap=True)
        if not done:
            console.print(Text(f"  to make them: {COSTS[stage]}", style="dim"), soft_wrap=True)
    return complete
