"""What `prox refine` and `prox compare` have in common: refining a corpus with its progress shown, and its errors."""

import uuid
from functools import partial

import typer
from rich.markup import escape

from prox_assets.cli.console import errors, fail, say
from prox_assets.cli.plan_options import Planned
from prox_assets.cli.views.progress import progress_on
from prox_assets.lake.lake import Lake
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.running.pipeline import PipelineResult, UnexpectedError, refine_shards
from prox_assets.stages.running.worker_processes import refine_shards_in_processes


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


def rejected_whole(result: PipelineResult) -> list[str]:
    """Return the shards in which every row was rejected."""
    return [shard for shard, row in result.metrics.items() if row["rows_rejected"] and not row["documents_in"]]


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
