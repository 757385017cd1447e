"""Rows of a lake that two runs over the same corpus must agree on, and how two lakes differ in them."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, Table

OF_THE_RUN = frozenset(
    {
        *("run_id", "execution_id", "measured_at"),
        *("doc_engine_seconds", "chunk_engine_seconds", "prompt_tokens_per_second"),
    }
)
"""Columns that say which run wrote a row and how long it took."""

PROBABILITY_TOLERANCE = 1e-5
"""Batches form by arrival time, and float32 sums depend on the batch: measured differences stay below 1e-6."""

COMPARED = tuple(table for table in SCHEMAS if table is not Table.COMPUTE)
"""The tables that two runs of one thing write alike; `compute` says what each has cost."""

_METRICS = (Table.SHARD_METRICS, Table.SHARD_METRICS_HISTORY)


@dataclass
class Comparison:
    """What a comparison of two lakes has found.

    Attributes:
        rows: Rows that were compared, by table.
        differences: The first difference of each file; empty if the lakes hold the same rows.
    """

    rows: dict[Table, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


def comparable_rows(lake: Lake, corpus: str, table: Table, shard: str) -> Iterator[dict[str, Any]]:
    """Yield a shard's rows without the columns OF_THE_RUN."""
    for row in lake.rows(corpus, table, shard):
        yield {name: value for name, value in row.items() if name not in OF_THE_RUN}


def compare_lakes(
    found: Lake, wanted: Lake, corpus: str, *, tolerance: float = 0.0, excluded: Collection[str] = ()
) -> Comparison:
    """Compare every table of two lakes, row by row and in order; but for what their runs have cost.

    Args:
        found: The lake to check.
        wanted: The lake that it should be equal to.
        corpus: The corpus in both.
        tolerance: How far floats may be apart.
        excluded: Doc ids to ignore. If there are any, metrics are ignored too, because they count all documents.
    """
    comparison = Comparison()
    for table in COMPARED:
        if excluded and table in _METRICS:
            continue
        have, want = found.shards(corpus, table), wanted.shards(corpus, table)
        if have != want:
            comparison.differences.append(f"{table} has the shards {have} instead of {want}")
            continue
        comparison.rows[table] = 0
        for shard in want:
            try:
                here, there = (
                    [row for row in comparable_rows(lake, corpus, table, shard) if row.get("doc_id") not in excluded]
                    for lake in (found, wanted)
                )
            except LakeError as error:
                comparison.differences.append(str(error))
                continue
            comparison.rows[table] += len(there)
            if different := _first_difference(here, there, tolerance):
                comparison.differences.append(f"{table} of {shard} {different}")
    return comparison


def alike(here: Any, there: Any, tolerance: float = 0.0) -> bool:
    """Tell whether two values are equal: floats within a tolerance, everything else exactly."""
    if isinstance(here, float) and isinstance(there, float):
        return here == there or math.isclose(here, there, rel_tol=0, abs_tol=tolerance)
    if isinstance(here, dict) and isinstance(there, dict):
        return here.keys() == there.keys() and all(alike(item, there[name], tolerance) for name, item in here.items())
    if isinstance(here, list) and isinstance(there, list):
        return len(here) == len(there) and all(alike(*pair, tolerance) for pair in zip(here, there, strict=True))
    return here == there


def _first_difference(have: list[dict[str, Any]], want: list[dict[str, Any]], tolerance: float) -> str | None:
    if len(have) != len(want):
        return f"has {len(have)} rows instead of {len(want)}"
    for number, (here, there) in enumerate(zip(have, want, strict=True)):
        for column, value in there.items():
            if not alike(here[column], value, tolerance):
                return f"differs from row {number} on, in {column}: {here[column]!r} instead of {value!r}"
    return None
