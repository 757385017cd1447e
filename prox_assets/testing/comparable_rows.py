"""Rows of a lake that two runs over the same corpus must agree on."""

from collections.abc import Iterator
from typing import Any

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table

OF_THE_RUN = frozenset(
    {
        *("run_id", "execution_id", "measured_at"),
        *("doc_engine_seconds", "chunk_engine_seconds", "prompt_tokens_per_second"),
    }
)
"""Columns that say which run wrote a row and how long it took."""


def comparable_rows(lake: Lake, corpus: str, table: Table, shard: str) -> Iterator[dict[str, Any]]:
    """Yield a shard's rows without the columns OF_THE_RUN."""
    for row in lake.rows(corpus, table, shard):
        yield {name: value for name, value in row.items() if name not in OF_THE_RUN}
