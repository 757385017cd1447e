"""`prox refine`: files to refined shards, without Dagster."""

import uuid
from functools import partial
from typing import Annotated

import typer
from rich.markup import escape

from prox_assets.cli.console import console, errors, fail, plain_errors, say
from prox_assets.cli.options import LakeOption, sharing
from prox_assets.cli.plan_options import Planned, planned
from prox_assets.cli.views.outcomes import outcome_table, program_warning
from prox_assets.cli.views.progress import progress_on
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.stages.discovery import discover_shards
from prox_assets.stages.pipeline import PipelineResult, UnexpectedError, refine_shards
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
            min=1,
            help="Refine N shards at a time, each in its own process; for refiners without a model. To spread one "
            "large file, cut it with --rows-per-shard or --shard-bytes.",
        ),
    ] = 1,
) -> None:
    """Refine files into a lake, without Dagster.

    Results that are current are kept, and a killed run resumes where it stopped. Dagster's assets write the same lake.
    Exits with 1 if an input cannot be read or a shard fails; the other shards are finished all the same.
    """
    plan = given.plan
    if workers > 1 and plan.needs_engine:
        raise fail(
            f"--workers {workers} is for refiners without a model; {plan.refiners.name} has one, and its engine uses "
            "every core by itself"
        )
    run_id = f"prox-refine-{uuid.uuid4().hex[:12]}"
    opened = Lake(lake)
    # Two files with the same name belong to one corpus only if the user says so.
    found = discover_shards(opened, plan, run_id, may_move=given.is_named, whole=given.is_whole)
    for warning in found.warnings:
        errors.print(f"[bold yellow]warning:[/] {escape(warning)}", highlight=False, soft_wrap=True)
    if found.changed:
        say(f"changed since they were last read, so read again: {', '.join(found.changed)}")
    refine_all = refine_shards if workers == 1 else partial(refine_shards_in_processes, workers=workers)
    try:
        with progress_on(errors) as report:
            result = refine_all(opened, plan, found.shards, run_id, limit=limit, report=report)
    except KeyboardInterrupt:
        say("stopped; finished work is kept, and the same command resumes here")
        raise typer.Exit(130) from None
    _print_result(opened, plan.corpus, result)
    if result.errors or rejected_whole(result):
        raise typer.Exit(1)


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
    for shard, error in result.errors.items():
        fail(f"{shard}: {error}")
        if isinstance(error, UnexpectedError):
            errors.print(error.details, markup=False, highlight=False, soft_wrap=True)
    for shard in rejected_whole(result):
        fail(
            f"{shard}: every row was rejected; the table `rejects` says why. A likely cause is a wrong --format or "
            "--text-column."
        )
