"""Chunk programs of a shard by the executor's verdict.

Belongs here: reading `chunk_outcomes`. What became of a program is never concluded from its edits: what their
statuses mean for it depends on the mode and the limits of the execution, and the executor has said it.
"""

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.programs import Verdict


def program_counts(lake: Lake, corpus: str, shard: str) -> dict[str, int | None]:
    """Count a shard's chunk programs.

    Returns:
        The columns `programs_executed`, `programs_failed` and `programs_no_op` of `shard_metrics`; all of them None
        where an earlier release executed the shard, which wrote no verdicts.
    """
    counts = _by_verdict(lake, corpus, shard)
    if counts is None:
        return dict.fromkeys(("programs_executed", "programs_failed", "programs_no_op"))
    return {
        "programs_executed": sum(count for verdict, count in counts.items() if verdict is not Verdict.SKIPPED),
        "programs_failed": sum(count for verdict, count in counts.items() if verdict.is_refusal),
        "programs_no_op": counts.get(Verdict.NO_CHANGE, 0),
    }


def _by_verdict(lake: Lake, corpus: str, shard: str) -> dict[Verdict, int] | None:
    info = lake.info(corpus, Table.CHUNK_OUTCOMES, shard)
    # A shard without documents has no row that could name its execution.
    if info is None or info.notes.get("execution_id") != lake.execution(corpus, shard):
        return None
    counts = lake.scan(corpus, Table.CHUNK_OUTCOMES, [shard]).group_by("verdict").len().collect(engine="streaming")
    return {Verdict(verdict): count for verdict, count in counts.iter_rows()}
