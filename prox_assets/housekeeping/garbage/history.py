"""Histories of metrics past a limit: the latest row and that of the published execution stay whatever the limit."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from prox_assets.housekeeping.garbage.files import Garbage, Kind, Limits, files_below
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp

_TABLE = Table.SHARD_METRICS_HISTORY


def past_its_limit(lake: Lake, corpus: str, shard: str, limits: Limits) -> Iterator[Garbage]:
    """Yield a shard's history if rows of it are past a limit.

    Raises:
        LakeError: The lake cannot be read.
    """
    path = lake.table_path(corpus, _TABLE, shard)
    try:
        rows = list(lake.rows(corpus, _TABLE, shard))
        stay = _staying(rows, lake.execution(corpus, shard), limits)
    except LakeError:
        return  # damaged: the next measurement writes it anew
    gone = len(rows) - len(stay)
    if gone:
        files = [file for file in files_below(lake.storage, f"{corpus}/{_TABLE}") if file.path == path]
        size = sum(file.size for file in files) * gone // len(rows)
        why = f"{gone} of {len(rows)} rows are past the limit"
        yield Garbage(Kind.HISTORY, path, why, size, tuple(files), ((corpus, "quality_metrics", shard),), rows=gone)


def shorten(lake: Lake, corpus: str, shard: str, limits: Limits) -> None:
    """Take the rows past a limit out of a shard's history; the file stays current.

    Raises:
        LakeError: The lake cannot be read or written.
    """
    info = lake.require(corpus, _TABLE, shard)
    rows = list(lake.rows(corpus, _TABLE, shard))
    stamp = FileStamp(info.fingerprint, info.identity, info.run_id, info.code_version)
    with lake.write(corpus, shard, [_TABLE], stamp) as [writer]:
        for row in _staying(rows, lake.execution(corpus, shard), limits):
            writer.write(row)
        writer.notes.update(info.notes)


def _staying(rows: list[dict[str, Any]], execution: str | None, limits: Limits) -> list[dict[str, Any]]:
    latest = sorted(rows, key=lambda row: row["measured_at"], reverse=True)
    stay = latest[:1] + [row for row in latest[1:] if row["execution_id"] == execution]
    for place, row in enumerate(latest):
        is_young = limits.history_days is None or row["measured_at"] >= limits.now - timedelta(days=limits.history_days)
        if is_young and (limits.history_rows is None or place < limits.history_rows) and row not in stay:
            stay.append(row)
    return [row for row in rows if row in stay]
