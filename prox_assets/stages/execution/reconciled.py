"""Execution and metrics of shards whose tables add up: what does not add up is executed again, and never measured."""

from dataclasses import replace
from typing import Any

from prox_assets.monitoring.metrics.reconciliation import reconcile, schema_problems
from prox_assets.stages.execution.refined_shards import RefinementSummary, refine_shard
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.run import ShardRun, StageError


class UnreconciledError(StageError):
    """A shard's tables do not add up, so it is not measured."""


def refine_until_it_adds_up(run: ShardRun) -> RefinementSummary:
    """Execute a shard's programs as `refine_shard` does, also where the published execution does not add up.

    Nobody would execute a shard whose tables do not add up in order to keep them.
    """
    summary = refine_shard(run)
    return refine_shard(replace(run, force=True)) if summary.reused and _problems(run) else summary


def measure_what_adds_up(run: ShardRun) -> dict[str, Any]:
    """Measure a refined shard as `measure_shard` does.

    Raises:
        UnreconciledError: Its tables do not add up, or have not the lake's schema.
    """
    if problems := _problems(run):
        raise UnreconciledError(f"{run.shard} is not measured: {'; '.join(problems)}")
    return measure_shard(run)


def _problems(run: ShardRun) -> tuple[str, ...]:
    found = schema_problems(run.lake, run.corpus, run.shard)
    return tuple(found) or reconcile(run.lake, run.corpus, run.shard).problems
