"""`prox refine`: files to refined shards, without Dagster."""

from typing import Annotated

import typer

from prox_assets.cli.console import console, errors, fail, plain_errors, say
from prox_assets.cli.options import ALL, LakeOption, number_or_all, sharing
from prox_assets.cli.plan_options import Planned, planned
from prox_assets.cli.refining import print_errors, refine_planned, rejected_whole
from prox_assets.cli.views.outcomes import outcome_table, program_warning
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.machine.capacity import capacity
from prox_assets.machine.devices import DECLARED_VARIABLE
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.running.pipeline import PipelineResult


@sharing(planned)
@plain_errors()
def refine(
    given: Planned,
    lake: LakeOption = "lake",
    limit: Annotated[int | None, typer.Option(min=1, help="Refine only the first N documents.")] = None,
    workers: Annotated[
        int,
        typer.Option(
            parser=number_or_all,
            metavar="N|all",
            help="Refine N shards at a time, each in its own process; for refiners without a model. `all`: as many as "
            "the machine has cores and memory for (`prox machine`). To spread one large file, cut it with "
            "--rows-per-shard or --shard-bytes.",
        ),
    ] = 1,
    gpus: Annotated[
        int | None,
        typer.Option(
            parser=number_or_all,
            metavar="N|all",
            help="Run engines on N devices at a time, each engine in its own process with devices of its own; for "
            "refiners with a model. `all`: every device of the machine. By default one engine. Devices in use are "
            "waited for.",
        ),
    ] = None,
) -> None:
    """Refine files into a lake, without Dagster.

    Results that are current are kept, and a killed run resumes where it stopped. Dagster's assets write the same lake.
    Exits with 1 if an input cannot be read or a shard fails; the other shards are finished all the same.
    """
    opened = Lake(lake)
    processes = _processes(given.plan, workers, gpus)
    given.plan.require_refiners()
    result = refine_planned(opened, given, limit, processes)
    _print_result(opened, given.plan.corpus, result)
    if result.errors or rejected_whole(result):
        raise typer.Exit(1)


def _processes(plan: RefinementPlan, workers: int, gpus: int | None) -> int:
    """Return how many processes --workers and --gpus ask for; 1 is this one."""
    name = plan.refiners.name
    if not plan.needs_engine:
        if gpus is not None:
            raise fail(f"--gpus is for refiners with a model; {name} has none: --workers spreads it over the cores")
        return capacity().workers if workers == ALL else workers
    if workers != 1:
        raise fail(
            f"--workers is for refiners without a model; {name} has one, and its engine uses every core by itself. "
            "--gpus spreads it over devices"
        )
    if gpus is None:
        return 1
    found, each = len(capacity().devices.usable), plan.devices()
    if each == 0:
        raise fail(
            f"--gpus: the engines of {name} use no device of this machine. `prox machine` says what it has; "
            f"{DECLARED_VARIABLE}=2 in the environment declares two, for engines on processors, too"
        )
    wanted = found if gpus == ALL else gpus
    if wanted > found:
        raise fail(f"--gpus {gpus}: this process may use {found} (`prox machine`)")
    if wanted < each:
        raise fail(f"--gpus {wanted}: an engine of {name} takes {each} devices")
    return wanted // each


def _print_result(lake: Lake, corpus: str, result: PipelineResult) -> None:
    if result.metrics:
        console.print(outcome_table(result.metrics))
        warning = program_warning(result.metrics.values())
        if warning:
            errors.print(f"[bold yellow]warning:[/] {warning}", highlight=False, soft_wrap=True)
        if len(result.unchanged) == len(result.metrics):
            say("everything was current; there was nothing to do")
        first = next(iter(result.metrics))
        say(f"refined text: {lake.uri(corpus, Table.REFINED, first).rpartition('/')[0]}/*.parquet")
    print_errors(result)
