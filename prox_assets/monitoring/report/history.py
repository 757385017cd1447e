"""What the catalog says about all measurements of a corpus; trends.py decides which numbers are drawn."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prox_assets.catalog.connection import ask_corpus, read_once
from prox_assets.catalog.queries.counts import COUNTED_COLUMNS, operations, totals
from prox_assets.catalog.queries.metrics_history import configurations, measurements
from prox_assets.lake.errors import MissingTableError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = dict[str, Any]

MEASURED_TABLES = (Table.SHARD_METRICS_HISTORY, Table.POLICIES)


@dataclass(frozen=True)
class History:
    """All measurements of a corpus; a shard that was refined or measured again has several.

    Attributes:
        corpus: The corpus.
        rows: The rows of `shard_metrics_history`, oldest first; `signals_in` and `signals_out` as dicts by name.
        totals: The corpus's row of `counts.totals`.
        operations: Rows of `counts.operations`.
        configurations: Rows of `metrics_history.configurations`.
    """

    corpus: str
    rows: tuple[Row, ...]
    totals: Row
    operations: tuple[Row, ...]
    configurations: tuple[Row, ...]

    @cached_property
    def latest(self) -> tuple[Row, ...]:
        """The last measurement of each shard, in the order in which shards were first measured."""
        # Assigning to an existing key of a dict keeps its place.
        return tuple({row["shard"]: row for row in self.rows}.values())

    @cached_property
    def superseded(self) -> tuple[tuple[int, Row], ...]:
        """Earlier measurements of shards that were measured again, each with its shard's place in `latest`."""
        places = {row["shard"]: place for place, row in enumerate(self.latest)}
        last = {id(row) for row in self.latest}
        return tuple((places[row["shard"]], row) for row in self.rows if id(row) not in last)


def read_history(lake: Lake, corpus: str) -> History:
    """Read the measurements of a corpus.

    Raises:
        MissingTableError: Nothing has been measured yet.
        LakeError: A file is damaged; the message names it.
    """
    if not lake.shards(corpus, Table.SHARD_METRICS):
        known = ", ".join(lake.corpora()) or "none"
        raise MissingTableError(
            f"corpus {corpus!r} of the lake {lake.url} has no measured shard (corpora there: {known}); materialize "
            "quality_metrics, or run `prox refine`"
        )
    rows, used = ask_corpus(lake, corpus, _of_every_measurement, MEASURED_TABLES)
    [total], by_operation = ask_corpus(lake, corpus, _of_latest, (Table.SHARD_METRICS,), columns=COUNTED_COLUMNS)
    return History(corpus, tuple(rows), total, tuple(by_operation), tuple(used))


def _of_every_measurement(con: "DuckDBPyConnection") -> tuple[list[Row], list[Row]]:
    read_once(con, Table.SHARD_METRICS_HISTORY)
    return [_light(row) for row in measurements(con).iter_rows(named=True)], configurations(con).to_dicts()


def _light(row: Row) -> Row:
    """Make the lists of signals, 28 of the 33 KB of a row, dicts by name, which take a quarter of that."""
    signals = {
        name: {sys.intern(entry["signal"]): entry["mean"] for entry in row[name] or ()}
        for name in ("signals_in", "signals_out")
    }
    return {**row, **signals}


def _of_latest(con: "DuckDBPyConnection") -> tuple[list[Row], list[Row]]:
    read_once(con, Table.SHARD_METRICS)
    return totals(con).to_dicts(), operations(con).to_dicts()


def share(part: float | None, whole: float | None) -> float | None:
    """Return part / whole, or None if the part is unknown or the whole is unknown or zero."""
    return part / whole if part is not None and whole else None


def weighted_mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """Return the weighted mean of the known values, or None if there are none."""
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None and weight]
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None
