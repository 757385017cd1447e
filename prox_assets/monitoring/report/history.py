"""What the catalog says about all measurements of a corpus; trends.py decides which numbers are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prox_assets.catalog.connection import ask_corpus
from prox_assets.catalog.queries.counts import operations, totals
from prox_assets.catalog.queries.metrics_history import configurations, measurements
from prox_assets.lake.errors import MissingTableError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table

Row = dict[str, Any]

TABLES = (Table.SHARD_METRICS, Table.SHARD_METRICS_HISTORY, Table.POLICIES)


@dataclass(frozen=True)
class History:
    """All measurements of a corpus; a shard that was refined or measured again has several.

    Attributes:
        corpus: The corpus.
        rows: The rows of `shard_metrics_history`, oldest first.
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
    questions = (measurements, totals, operations, configurations)
    rows, [total], by_operation, used = ask_corpus(
        lake, corpus, lambda con: [question(con).to_dicts() for question in questions], TABLES
    )
    return History(corpus, tuple(rows), total, tuple(by_operation), tuple(used))


def share(part: float | None, whole: float | None) -> float | None:
    """Return part / whole, or None if the part is unknown or the whole is unknown or zero."""
    return part / whole if part is not None and whole else None


def weighted_mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """Return the weighted mean of the known values, or None if there are none."""
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None and weight]
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None
