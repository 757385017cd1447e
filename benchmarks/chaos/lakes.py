"""Compare a lake with that of an undisturbed run, and look for leftover files."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import EXECUTION_TABLES, Table
from prox_assets.monitoring.metrics.reconciliation import reconcile, schema_problems

# Which run wrote a row, when, and how fast. Two runs over the same pages must agree on everything else.
NOT_COMPARED = {
    *("run_id", "execution_id", "measured_at"),
    *("doc_engine_seconds", "chunk_engine_seconds", "prompt_tokens_per_second"),
}
WORK_IN_PROGRESS = ("_tmp", "_resume", "_leases")

Row = dict[str, Any]


def differences(found: Lake, wanted: Lake, corpus: str, excluded: Iterable[str] = ()) -> list[str]:
    """Return how a lake differs from that of an undisturbed run; [] if every table has exactly the same rows.

    Args:
        found: The lake to check.
        wanted: The undisturbed lake.
        corpus: The corpus in both.
        excluded: Doc ids to ignore. If there are any, metrics are ignored too, because they count all documents.
    """
    ignored = frozenset(excluded)
    problems: list[str] = []
    for table in Table:
        if ignored and table in (Table.SHARD_METRICS, Table.SHARD_METRICS_HISTORY):
            continue
        have, want = found.shards(corpus, table), wanted.shards(corpus, table)
        if have != want:
            problems.append(f"{table} has the shards {have} instead of {want}")
            continue
        for shard in want:
            try:
                problems += _row_differences(found, wanted, (corpus, table, shard), ignored)
            except LakeError as error:
                problems.append(str(error))
    for shard in wanted.shards(corpus, Table.OUTCOMES):
        problems += _shard_problems(found, corpus, shard)
    return problems


def _row_differences(
    found: Lake, wanted: Lake, place: tuple[str, Table, str], ignored: frozenset[str]
) -> Iterator[str]:
    have, want = (list(_compared(lake.rows(*place), ignored)) for lake in (found, wanted))
    if have == want:
        return
    name = f"{place[1]} of {place[2]}"
    if len(have) != len(want):
        yield f"{name} has {len(have)} rows instead of {len(want)}"
        return
    row, first, second = next((n, a, b) for n, (a, b) in enumerate(zip(have, want, strict=True)) if a != b)
    columns = [column for column in second if first[column] != second[column]]
    yield f"{name} differs from row {row} on, in {columns[0]}: {first[columns[0]]!r} instead of {second[columns[0]]!r}"


def _compared(rows: Iterable[Row], ignored: frozenset[str]) -> Iterator[Row]:
    for row in rows:
        if row.get("doc_id") not in ignored:
            yield {name: value for name, value in row.items() if name not in NOT_COMPARED}


def _shard_problems(lake: Lake, corpus: str, shard: str) -> Iterator[str]:
    """Check that a shard's counts add up and that it comes from a single execution."""
    try:
        yield from schema_problems(lake, corpus, shard)
        yield from reconcile(lake, corpus, shard).problems
        execution = lake.execution(corpus, shard)
        for table in EXECUTION_TABLES:
            if {row["execution_id"] for row in lake.rows(corpus, table, shard)} - {execution}:
                yield f"{table} of {shard} has rows of an execution that the manifest does not name"
    except LakeError as error:
        yield str(error)


def without_history(problems: Iterable[str]) -> list[str]:
    """Ignore the metrics history, which rightly has a row per execution."""
    return [problem for problem in problems if not problem.startswith("shard_metrics_history")]


def leftovers(lake: Lake, temporary: Path) -> list[str]:
    """Return leftover files in the lake's working folders, and in the runs' temporary folder."""
    found = [file for folder in WORK_IN_PROGRESS for file in _files(lake, folder)]
    found += [str(path) for path in temporary.glob("prox-*")]
    return [f"left behind: {path}" for path in found]


def _files(lake: Lake, folder: str) -> Iterator[str]:
    yield from (f"{folder}/{name}" for name in lake.storage.list_files(folder))
    for child in lake.storage.list_folders(folder):
        # The folder of an unfinished file counts even if empty.
        if folder == "_tmp":
            yield f"{folder}/{child}"
        yield from _files(lake, f"{folder}/{child}")
