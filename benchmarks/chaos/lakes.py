"""Compare a lake with that of an undisturbed run, and look for leftover files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import EXECUTION_TABLES, Table
from prox_assets.monitoring.metrics.reconciliation import reconcile, schema_problems
from prox_assets.testing.comparable_rows import compare_lakes

WORK_IN_PROGRESS = ("_tmp", "_resume", "_leases", "_jobs")


def differences(found: Lake, wanted: Lake, corpus: str, excluded: Iterable[str] = ()) -> list[str]:
    """Return how a lake differs from that of an undisturbed run; [] if every table has exactly the same rows.

    Args:
        found: The lake to check.
        wanted: The undisturbed lake.
        corpus: The corpus in both.
        excluded: Doc ids to ignore. If there are any, metrics are ignored too, because they count all documents.
    """
    problems = compare_lakes(found, wanted, corpus, excluded=frozenset(excluded)).differences
    for shard in wanted.shards(corpus, Table.OUTCOMES):
        problems += _shard_problems(found, corpus, shard)
    return problems


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
