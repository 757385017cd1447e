"""What a corpus's metrics leave out: shards that were never measured, and shards executed again since.

A failed shard has no metrics, so every page and number made from metrics is silent about it unless it is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prox_assets.catalog.compaction import Compacted
from prox_assets.catalog.connection import ask_catalog
from prox_assets.catalog.printable import printable
from prox_assets.lake.chain import CHAIN
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import WRITTEN_BY, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SHARDS_NAMED = 10


@dataclass(frozen=True)
class Completeness:
    """What the metrics of a corpus leave out.

    Attributes:
        shards: Number of shards that the lake knows, measured or not.
        missing: Shards without metrics, each with the asset that has not finished for it, in order of key.
        outdated: Shards executed again since they were measured, in order of key; their metrics are of the execution
            before.
    """

    shards: int
    missing: Mapping[str, str]
    outdated: tuple[str, ...]

    @property
    def sentences(self) -> list[str]:
        """What is left out and what to do about it, a sentence or two for each; [] if nothing is."""
        said = []
        if self.missing:
            names = _named(
                [f"{printable(shard)} ({step} failed or has not run)" for shard, step in self.missing.items()]
            )
            are = "is" if len(self.missing) == 1 else "are"
            said.append(
                f"{len(self.missing):,} of {self.shards:,} shards {are} not measured: {names}. Runs in Dagster and "
                "`prox refine` say why."
            )
        if self.outdated:
            were, their = ("shard was", "its") if len(self.outdated) == 1 else ("shards were", "their")
            names = _named([printable(shard) for shard in self.outdated])
            said.append(
                f"{len(self.outdated):,} {were} executed again since {their} metrics were measured: {names}. "
                f"{their.capitalize()} numbers are of an earlier execution; materialize quality_metrics, or run "
                "`prox refine`."
            )
        return said


def completeness(lake: Lake, corpus: str) -> Completeness:
    """Compare a corpus's metrics with its shards and their published executions.

    Raises:
        duckdb.Error: A file of the lake is damaged.
    """
    known, measured = lake.shards(corpus, Table.SHARDS), set(lake.shards(corpus, Table.SHARD_METRICS))
    missing = sorted(set(known) - measured)
    there = {table: set(lake.shards(corpus, table)) for table in CHAIN} if missing else {}
    return Completeness(
        len(measured.union(known)),
        {shard: _unfinished(shard, there) for shard in missing},
        tuple(ask_catalog(lake, _outdated, [corpus], OUTDATED_TABLES, columns=_OUTDATED_COLUMNS)),
    )


OUTDATED_TABLES = (Table.SHARD_METRICS, Compacted.MANIFESTS)
_OUTDATED_COLUMNS = ("corpus", "shard", "execution_id")


def _outdated(con: "DuckDBPyConnection") -> list[str]:
    query = """
        SELECT shard FROM shard_metrics m JOIN manifests e USING (corpus, shard)
        WHERE m.execution_id <> e.execution_id ORDER BY shard
    """
    return [shard for [shard] in con.sql(query).fetchall()]


def _unfinished(shard: str, there: Mapping[Table, set[str]]) -> str:
    """Return the first asset that has not written its table of a shard."""
    first = next((table for table in CHAIN if shard not in there[table]), Table.SHARD_METRICS)
    return WRITTEN_BY[first]


def _named(names: Sequence[str]) -> str:
    more = len(names) - SHARDS_NAMED
    return ", ".join(names[:SHARDS_NAMED]) + (f" and {more:,} more" if more > 0 else "")
