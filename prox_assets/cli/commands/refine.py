"""`prox refine`: files to refined shards, without Dagster."""

import uuid
from functools import partial
from typing import Annotated

import typer
from rich.markup import escape

from prox_assets.cli.console import console, errors, fail, plain_errors, say
from prox_assets.cli.options import ALL, LakeOption, number_or_all, sharing
from prox_assets.cli.plan_options import Planned, planned
from prox_assets.cli.views.outcomes import outcome_table, program_warning
from prox_assets.cli.views.progress import progress_on
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.machine.capacity import capacity
from prox_assets.machine.devices import DECLARED_VARIABLE
from prox_assets.stages.discovery import discover_shards
from prox_assets.stages.pipeline import PipelineResult, UnexpectedError, refine_shards
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.worker_processes import refine_shards_in_processes


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
    result = refine_planned(opened, given, limit, _processes(given.plan, workers, gpus))
    _print_result(opened, given.plan.corpus, result)
    if result.errors or rejected_whole(result):
        raise typer.Exit(1)


def refine_planned(lake: Lake, given: Planned, limit: int | None, processes: int = 1) -> PipelineResult:
    """Refine a corpus, show progress, and return what became of its shards.

    Args:
        lake: The lake.
        given: The plan.
        limit: Refine only the first so many documents.
        processes: Processes at a time; 1 is this one.

    Raises:
        Exit: Somebody stopped it.
    """
    plan = given.plan
    run_id = f"prox-refine-{uuid.uuid4().hex[:12]}"
    # Two files with the same name belong to one corpus only if the user says so.
    found = discover_shards(lake, plan, run_id, may_move=given.is_named, whole=given.is_whole)
    for warning in found.warnings:
        errors.print(f"[bold yellow]warning:[/] {escape(warning)}", highlight=False, soft_wrap=True)
    if found.changed:
        say(f"changed since they were last read, so read again: {', '.join(found.changed)}")
    refine_all = refine_shards
    if processes > 1:
        devices = plan.devices() if plan.needs_engine else 0
        refine_all = partial(refine_shards_in_processes, workers=processes, devices=devices)
    try:
        with progress_on(errors) as report:
            return refine_all(lake, plan, found.shards, run_id, limit=limit, report=report)
    except KeyboardInterrupt:
        say("stopped; finished work is kept, and the same command resumes here")
        raise typer.Exit(130) from None


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


def rejected_whole(result: PipelineResult) -> list[str]:
    """Return the shards in which every row was rejected."""
    return [shard for shard, row in result.metrics.items() if row["rows_rejected"] and not row["documents_in"]]


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


def print_errors(result: PipelineResult) -> None:
    """Say which shards failed, and why."""
    for shard, error in result.errors.items():
        fail(f"{shard}: {error}")
        if isinstance(error, UnexpectedError):
            errors.print(error.details, markup=False, highlight=False, soft_wrap=True)
    for shard in rejected_whole(result):
        fail(
            f"{shard}: every row was rejected; the table `rejects` says why. A likely cause is a wrong --format or "
            "--text-column."
        )
