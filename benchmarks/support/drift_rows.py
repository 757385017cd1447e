"""Shard metrics of simulated years, cached on disk so that settings can be tried without simulating again."""

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.support.drift_world import CORPORA
from benchmarks.support.drift_year import year_of_metrics

Rows = list[dict[str, Any]]


def simulated_rows(
    seeds: Sequence[int], folder: Path, processes: int, scratch: Path | None
) -> Iterator[tuple[int, str, Rows]]:
    """Yield (seed, corpus, rows of 52 weeks), read from the folder if cached there.

    Args:
        seeds: The years.
        folder: The cache; created if missing.
        processes: Years to simulate in parallel.
        scratch: Folder for temporary lakes; the system's by default.
    """
    jobs = [(seed, number, folder, scratch) for seed in seeds for number in range(len(CORPORA))]
    folder.mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(_rows, jobs)


def _rows(job: tuple[int, int, Path, Path | None]) -> tuple[int, str, Rows]:
    seed, number, folder, scratch = job
    kind = CORPORA[number]
    path = folder / f"{seed}-{kind.name}.json"
    if not path.exists():
        rows = year_of_metrics(seed, kind, scratch)
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(json.dumps(rows))
        unfinished.replace(path)
    return seed, kind.name, json.loads(path.read_text())
