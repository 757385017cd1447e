"""Every number of the metrics, for the corpus and its newest shards: what no chart draws is read here.

The columns come from the table's schema, so that a new one needs no change here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from prox_assets.lake.schemas import DESCRIPTIONS, SCHEMAS, Table
from prox_assets.monitoring.report.history import History, Row
from prox_assets.monitoring.report.trends import TRENDS, FamilyChange, signal

SHARDS_SHOWN = 6


@dataclass(frozen=True)
class NumberRow:
    """One number: its name and meaning, and its text for the corpus and for each shard."""

    name: str
    meaning: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Numbers:
    """A table with a column for the corpus and one per shard, in groups of rows.

    Attributes:
        shards: The shards, newest first.
        groups: Rows by the title of their group.
    """

    shards: tuple[str, ...]
    groups: dict[str, tuple[NumberRow, ...]]


def numbers_table(
    history: History,
    families: tuple[FamilyChange, ...],
    number: Callable[[float | None], str],
    percent: Callable[[float | None], str],
) -> Numbers:
    """Put the table together.

    Args:
        history: All measurements.
        families: Signals of the corpus, before and after.
        number: Formats a number.
        percent: Formats a share.
    """
    newest = tuple(reversed(history.latest))[:SHARDS_SHOWN]

    def counted(field: pa.Field) -> NumberRow:
        values = [row[field.name] for row in history.latest]
        known = [value for value in values if value is not None]
        # A sum over only some of the shards would look like the total.
        whole = sum(known) if pa.types.is_integer(field.type) and len(known) == len(values) else None
        cells = [number(value) for value in (whole, *(row[field.name] for row in newest))]
        return NumberRow(field.name, DESCRIPTIONS[Table.SHARD_METRICS][field.name], tuple(cells))

    def pair(name: str, row: Row) -> str:
        return f"{number(signal(row, 'in', name))} → {number(signal(row, 'out', name))}"

    fields = [field for field in SCHEMAS[Table.SHARD_METRICS] if field.type in (pa.int64(), pa.float64())]
    shares = [trend for trend in TRENDS if trend.unit == "share" and list(trend.series) == [""]]
    groups = {
        "Columns of shard_metrics": tuple(counted(field) for field in fields),
        "Shares": tuple(
            NumberRow(trend.title.lower(), trend.note, ("", *(percent(trend.series[""](row)) for row in newest)))
            for trend in shares
        ),
    }
    for family in families:
        groups[f"{family.title}, before → after"] = tuple(
            NumberRow(
                change.name.replace("_", " "),
                change.meaning,
                (f"{number(change.before)} → {number(change.after)}", *(pair(change.name, row) for row in newest)),
            )
            for change in family.signals
        )
    return Numbers(tuple(row["shard"] for row in newest), groups)
