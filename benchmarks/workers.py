"""What `prox refine --workers N` gains: the same pages with one process and with several, in turns.

    python -m benchmarks.workers --pages FILE [--workers 2] [--shards 16] [--repeat 4] [--rounds 1]

The pages, each so many times, are dealt out to shards and refined with `rules`, as a user would: ratios of wall
time, the median over the rounds; every lake has to be that of one process, but for who ran and when.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.support.commands import Cost, prox
from benchmarks.support.pages import default_pages_path, read_pages
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, Table

CORPUS = "pages"
OF_THE_RUN = {"run_id", "execution_id", "measured_at", "doc_engine_seconds", "chunk_engine_seconds"}


class LakesDifferError(RuntimeError):
    """Several processes made another lake than one."""


def main() -> int:
    """Print a table; fail where lakes differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--pages", type=Path, default=default_pages_path(), required=default_pages_path() is None)
    parser.add_argument("--workers", type=int, nargs="+", default=[2])
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--repeat", type=int, default=4, help="how often each page occurs")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    costs: dict[int, list[Cost]] = {number: [] for number in (1, *options.workers)}
    with tempfile.TemporaryDirectory(prefix="workers-") as folder:
        work = Path(folder)
        documents, characters = _write_shards(options.pages, work / "raw", options.shards, options.repeat)
        for turn in range(options.rounds):
            for number, taken in costs.items():
                lake = work / f"lake-{number}-{turn}"
                command = ("refine", work / "raw", "--output", lake, "--corpus", CORPUS, "--workers", str(number))
                taken.append(prox(*command))
                _check_same(work / "lake-1-0", lake)
    print(f"{documents:,} pages, {characters:,} characters, {options.shards} shards, {options.rounds} rounds\n")
    print("| workers | wall seconds (median) | processor seconds (median) | times as fast as one |")
    print("|---|---|---|---|")
    for number, taken in costs.items():
        wall = statistics.median(cost.wall_seconds for cost in taken)
        cpu = statistics.median(cost.cpu_seconds for cost in taken)
        ratios = [alone.wall_seconds / cost.wall_seconds for alone, cost in zip(costs[1], taken, strict=True)]
        print(f"| {number} | {wall:.1f} | {cpu:.1f} | {statistics.median(ratios):.2f} |")
    return 0


def _write_shards(pages: Path, folder: Path, shards: int, repeat: int) -> tuple[int, int]:
    folder.mkdir()
    rows = [json.dumps({"text": page.text, "url": page.url}) for page in read_pages(pages)] * repeat
    for number in range(shards):
        (folder / f"part-{number:03}.jsonl").write_text("".join(f"{row}\n" for row in rows[number::shards]))
    return len(rows), sum(len(json.loads(row)["text"]) for row in rows)


def _check_same(expected: Path, made: Path) -> None:
    for table in SCHEMAS:
        if list(_rows(expected, table)) != list(_rows(made, table)):
            raise LakesDifferError(f"{table} of {made} is not that of one process")


def _rows(folder: Path, table: Table) -> Iterator[dict[str, Any]]:
    lake = Lake(str(folder))
    for shard in lake.shards(CORPUS, table):
        for row in lake.rows(CORPUS, table, shard):
            yield {name: value for name, value in row.items() if name not in OF_THE_RUN}


if __name__ == "__main__":
    sys.exit(main())
