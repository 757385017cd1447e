"""Lakes that hold metrics alone: a row per shard, as `measure_shard` leaves it, from rows made up for a test."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.lake.table_files import FileStamp
from prox_assets_tests.lakes import lake_at

STAMP = FileStamp("fingerprint", "identity", "run-1", "1.0", "execution-1")


def metric_lake(folder: Path, rows: Sequence[dict[str, Any]], corpus: str = "web") -> Lake:
    """Write rows as the metrics of shards, each measured an hour after the one before."""
    lake = lake_at(folder)
    filled_in = {"corpus", "shard", "run_id", "code_version", "execution_id"}
    names = [name for name in SCHEMAS[Table.SHARD_METRICS].names if name not in filled_in]
    for number, row in enumerate(rows):
        measured = {**dict.fromkeys(names), **{name: row[name] for name in names if name in row}}
        measured["measured_at"] = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        add_metrics(lake, corpus, row["shard"], measured)
    return lake


def add_metrics(lake: Lake, corpus: str, shard: str, row: dict[str, Any]) -> None:
    """Write a shard's latest row and add it to its history."""
    earlier = list(lake.rows(corpus, Table.SHARD_METRICS_HISTORY, shard))
    with lake.write(corpus, shard, [Table.SHARD_METRICS, Table.SHARD_METRICS_HISTORY], STAMP) as [latest, history]:
        latest.write(row)
        for item in [*earlier, row]:
            history.write(item)
