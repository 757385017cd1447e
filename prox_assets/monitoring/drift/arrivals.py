"""Reads the rows of `shard_metrics` of a corpus in the order in which its shards arrived; judge.py judges them."""

from datetime import UTC, datetime
from typing import Any

from prox_assets.catalog.connection import ask_corpus
from prox_assets.catalog.queries.metrics_history import FIRST_MEASURED_COLUMNS, first_measured
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.drift.settings import DriftSettings

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


def arrivals(lake: Lake, corpus: str, settings: DriftSettings) -> list[dict[str, Any]]:
    """Return the latest metrics of a corpus's last shards, first arrival first; empty if nothing is measured.

    A shard arrives when it is first measured; measuring it again, as after a new release, does not move it. The result
    has the last `history_shards` shards and the pinned baseline.

    Raises:
        LakeError: A file is damaged or has another schema version.
    """
    shards = lake.shards(corpus, Table.SHARD_METRICS)
    if settings.order == "arrival":
        history = [Table.SHARD_METRICS_HISTORY]
        first = ask_corpus(lake, corpus, first_measured, history, columns=FIRST_MEASURED_COLUMNS)
        # Shards with the same time, and shards without a history, are ordered by key.
        shards.sort(key=lambda shard: (first.get(shard, _BEFORE_ALL), shard))
    last = shards[-settings.history_shards :]
    wanted = [*(shard for shard in shards if shard in settings.pinned_baseline and shard not in last), *last]
    found = ask_corpus(
        lake, corpus, lambda con: con.sql("FROM shard_metrics").pl().to_dicts(), [Table.SHARD_METRICS], wanted
    )
    rows = {row["shard"]: row for row in found}
    return [rows[shard] for shard in wanted if shard in rows]
