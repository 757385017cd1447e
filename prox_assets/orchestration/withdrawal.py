"""Shards whose file has left the source: telling so in Dagster, and deleting the partition of a withdrawn one.

A partition is never deleted under a run that may still be working on it.
"""

from collections.abc import Iterator

import dagster as dg

from prox_assets.orchestration.corpus import CorpusSettings, shard_partitions
from prox_assets.stages import raw_shards
from prox_assets.stages.discovery import Discovery
from prox_assets.stages.run import StageError

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_RECENT_BACKFILLS = 100


class WorkUnderWayError(StageError):
    """Runs or backfills of the corpus are under way; the message names them."""


def vanishings(settings: CorpusSettings, found: Discovery) -> list[dg.AssetObservation]:
    """Return an observation of `raw_shards` for each shard that a listing was the first to miss.

    It shows among the partition's events, and changes nothing about what is stale.
    """
    return [
        dg.AssetObservation(
            settings.key(raw_shards.ASSET),
            partition=shard,
            description="The raw file has left the source. The shard's results stay until it is withdrawn: "
            "prox withdraw-shard (docs/monitoring.md).",
            metadata={"in_source": False},
        )
        for shard in found.vanished
    ]


def require_idle(instance: dg.DagsterInstance, corpus: str) -> None:
    """Make sure that no run or backfill of a corpus is under way: a run whose partition is deleted loses its work.

    Raises:
        WorkUnderWayError: One is.
    """
    busy = [f"run {run.run_id}" for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)) if _of(run, corpus)]
    busy += [f"backfill {backfill}" for backfill in _backfills(instance, corpus)]
    if busy:
        raise WorkUnderWayError(
            f"corpus {corpus!r} is being worked on by {', '.join(busy)}. Wait for it, or cancel it, and try again."
        )


def _of(run: dg.DagsterRun, corpus: str) -> bool:
    """Tell whether a run may touch a corpus; one that names no assets runs a job, which its tag tells."""
    if run.asset_selection:
        return any(key.path[0] == corpus for key in run.asset_selection)
    return run.tags.get("prox/corpus", corpus) == corpus


def _backfills(instance: dg.DagsterInstance, corpus: str) -> Iterator[str]:
    for backfill in instance.get_backfills(limit=_RECENT_BACKFILLS):
        assets = backfill.asset_selection or ()
        if backfill.status.value in ("REQUESTED", "CANCELING") and any(key.path[0] == corpus for key in assets):
            yield backfill.backfill_id


def delete_partition(instance: dg.DagsterInstance, corpus: str, shard: str) -> bool:
    """Delete a shard's partition; return whether there was one. What Dagster recorded about it stays in its log."""
    name = shard_partitions(corpus).name or ""
    there = instance.has_dynamic_partition(name, shard)
    if there:
        instance.delete_dynamic_partition(name, shard)
    return there
