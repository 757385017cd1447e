"""The measurements of a corpus in the order in which they were made, read from `shard_metrics_history`.

trends.py decides which numbers are drawn.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from prox_assets.lake.errors import MissingTableError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome, Table

Row = dict[str, Any]


@dataclass(frozen=True)
class Configuration:
    """The refiners, policy and code version behind some measured shards.

    Attributes:
        doc_refiner: Inference fingerprint of the document refiner.
        chunk_refiner: Inference fingerprint of the chunk refiner.
        execution_fingerprint: Fingerprint of the execution policy.
        code_version: Version of prox_assets.
        shards: Number of shards whose latest measurement has this configuration.
        measurements: Number of measurements with it, superseded ones included.
        runs: The runs that measured, newest first.
        shard: The shard that was measured last.
        first: Time of the first measurement.
        last: Time of the last one.
    """

    doc_refiner: str
    chunk_refiner: str
    execution_fingerprint: str
    code_version: str
    shards: int
    measurements: int
    runs: tuple[str, ...]
    shard: str
    first: datetime
    last: datetime


@dataclass(frozen=True)
class History:
    """All measurements of a corpus, oldest first; a shard that was refined or measured again has several."""

    corpus: str
    rows: tuple[Row, ...]

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

    def total(self, column: str) -> int | None:
        """Return the sum of a column over the latest measurements, or None if one of them lacks it."""
        values = [row[column] for row in self.latest]
        return None if any(value is None for value in values) else sum(values)

    @property
    def documents_by_outcome(self) -> dict[str, int]:
        """Number of documents by outcome, over the latest measurements."""
        return {outcome.value: sum(row[outcome.value] for row in self.latest) for outcome in Outcome}

    def configurations(self) -> list[Configuration]:
        """Return the configurations of the measured shards, most recently used first."""
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in self.rows:
            groups.setdefault(_configuration(row), []).append(row)
        present = [_configuration(row) for row in self.latest]
        found = [
            Configuration(
                *key,
                shards=present.count(key),
                measurements=len(rows),
                runs=tuple(dict.fromkeys(row["run_id"] for row in reversed(rows))),
                shard=rows[-1]["shard"],
                first=rows[0]["measured_at"],
                last=rows[-1]["measured_at"],
            )
            for key, rows in groups.items()
        ]
        return sorted(found, key=lambda configuration: configuration.last, reverse=True)

    def operations(self) -> dict[str, dict[str, int]]:
        """Return operation counts of the latest measurements by kind, then status, most frequent kind first."""
        counts: dict[str, dict[str, int]] = {}
        for row in self.latest:
            for entry in row["operations"]:
                kind = counts.setdefault(entry["operation"], {})
                kind[entry["status"]] = kind.get(entry["status"], 0) + entry["count"]
        return dict(sorted(counts.items(), key=lambda item: -sum(item[1].values())))


def read_history(lake: Lake, corpus: str) -> History:
    """Read the measurements of a corpus.

    Raises:
        MissingTableError: Nothing has been measured yet.
    """
    shards = lake.shards(corpus, Table.SHARD_METRICS_HISTORY)
    if not shards:
        known = ", ".join(lake.corpora()) or "none"
        raise MissingTableError(
            f"corpus {corpus!r} of the lake {lake.url} has no measured shard (corpora there: {known}); materialize "
            "quality_metrics, or run `prox refine`"
        )
    rows = lake.scan(corpus, Table.SHARD_METRICS_HISTORY, shards).collect().to_dicts()
    return History(corpus, tuple(sorted(rows, key=_order)))


def refiner_names(lake: Lake, corpus: str, configurations: Sequence[Configuration]) -> list[str]:
    """Return the name of each configuration's refiners; "" if its policy has been overwritten since."""
    names = []
    for configuration in configurations:
        found = ""
        for row in lake.rows(corpus, Table.POLICIES, configuration.shard, ["execution_fingerprint", "configuration"]):
            if row["execution_fingerprint"] == configuration.execution_fingerprint:
                found = str(json.loads(row["configuration"]).get("refiners", {}).get("name", ""))
        names.append(found)
    return names


def _order(row: Row) -> tuple[datetime, str]:
    return row["measured_at"], row["shard"]


def _configuration(row: Row) -> tuple[str, ...]:
    return row["doc_refiner"], row["chunk_refiner"], row["execution_fingerprint"], row["code_version"]


def share(part: float | None, whole: float | None) -> float | None:
    """Return part / whole, or None if the part is unknown or the whole is unknown or zero."""
    return part / whole if part is not None and whole else None


def weighted_mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """Return the weighted mean of the known values, or None if there are none."""
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None and weight]
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known) if known else None
