"""Counts of a shard's chunk programs by the executor's verdict, read from `chunk_outcomes`.

Verdicts are never derived from edits: what an edit's status means for its program depends on the mode and limits of the
execution, and the executor has recorded the verdict.
"""

from collections import Counter

import polars as pl

from prox_assets.lake.schemas import Table
from prox_assets.monitoring.metrics.shard_tables import ShardTables
from prox_assets.programs import Verdict


def program_counts(tables: ShardTables) -> dict[str, int | None]:
    """Count a shard's chunk programs.

    Returns:
        The columns `programs_executed`, `programs_failed`, `programs_no_op` and `documents_reverted` of
        `shard_metrics`; all of them None where an earlier release executed the shard, which wrote no verdicts.
    """
    if Table.CHUNK_OUTCOMES not in tables.files:
        return dict.fromkeys(("programs_executed", "programs_failed", "programs_no_op", "documents_reverted"))
    counts: Counter[Verdict] = Counter()
    reverted: set[str] = set()
    for frame in tables.frames(Table.CHUNK_OUTCOMES, ["doc_id", "verdict"]):
        reverted.update(frame.filter(pl.col("verdict") == Verdict.REVERTED)["doc_id"])
        counts.update({Verdict(verdict): count for verdict, count in frame.group_by("verdict").len().iter_rows()})
    return {
        "programs_executed": sum(count for verdict, count in counts.items() if verdict is not Verdict.SKIPPED),
        "programs_failed": sum(count for verdict, count in counts.items() if verdict.is_refusal),
        "programs_no_op": counts[Verdict.NO_CHANGE],
        "documents_reverted": len(reverted),
    }
