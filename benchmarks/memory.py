"""Whether memory stays flat: the peak resident size of every asset on a shard and on one ten times as large.

    python -m benchmarks.memory --pages FILE [--documents N] [--refiners rules] [--work DIR]

Three shards are made of real pages: of one page, of N documents and of ten times as many. Pages are repeated as often
as needed; every copy has its own URL and first line, so no two documents are the same. Each asset runs on each shard in
a separate process (support/memory_step.py), and the system reports its peak. The shard of one page shows what the
interpreter and libraries take; growth is what a shard adds to that. The command fails where the large shard's peak is
more than LIMIT times the small one's.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.support.memory_step import ASSETS, COMMANDS
from benchmarks.support.pages import default_pages_path, read_pages

LIMIT = 1.2
FACTOR = 10
DOCUMENTS = 1_500
# As Hugging Face's writers have it.
ROW_GROUP_ROWS = 1_000
MEBIBYTE = 1 << 20


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the table; return 1 where memory is not flat or a step failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = default_pages_path()
    parser.add_argument("--pages", type=Path, default=default, required=default is None)
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="Documents of the smaller shard.")
    parser.add_argument("--refiners", default="rules", help="A preset; rules and keep-all need no model.")
    parser.add_argument("--steps", nargs="+", choices=[*ASSETS, *COMMANDS], help="Only these, on --work's lakes.")
    parser.add_argument("--work", type=Path, help="Folder for shards and lakes, which then stay there.")
    options = parser.parse_args(arguments)
    if options.documents < 1:
        parser.error("--documents must be at least 1")
    if not options.pages.is_file():
        parser.error(f"there is no file {options.pages}")
    with tempfile.TemporaryDirectory(prefix="prox-memory-") as folder:
        work = options.work or Path(folder)
        return _measure(options.pages, work, options.documents, options.refiners, options.steps)


def _measure(pages: Path, work: Path, documents: int, refiners: str, steps: list[str] | None) -> int:
    sizes = (1, documents, FACTOR * documents)
    for size in sizes:
        characters = write_shard(pages, work / str(size) / "raw" / "shard.parquet", size)
        print(f"{size:,} documents, {characters:,} characters", flush=True)
    print(f"\n| step | one page, MiB | shard | {FACTOR} shards | ratio | growth, MiB | growth, {FACTOR} shards | s |")
    print("|---|---|---|---|---|---|---|---|")
    too_much: list[str] = []
    for step in steps or [*ASSETS, *COMMANDS]:
        try:
            runs = [run_step(step, work / str(size), refiners) for size in sizes]
        except subprocess.CalledProcessError as error:
            print(f"{step} failed: {error.stderr}", file=sys.stderr)
            return 1
        empty, small, large = (peak / MEBIBYTE for peak, _ in runs)
        ratio = large / small
        print(
            f"| {step} | {empty:.0f} | {small:.0f} | {large:.0f} | {ratio:.2f} | {small - empty:.0f} "
            f"| {large - empty:.0f} | {runs[-1][1]:.0f} |",
            flush=True,
        )
        if ratio > LIMIT:
            too_much.append(f"{step} takes {ratio:.2f} times as much for {FACTOR} times the shard, limit {LIMIT}")
    print("\n".join(too_much) or f"every peak is at most {LIMIT} times that of the small shard")
    return 1 if too_much else 0


def write_shard(pages: Path, file: Path, documents: int) -> int:
    """Write a Parquet file of so many documents; return its characters. A file that is there already is kept.

    Raises:
        ValueError: There are no pages.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        schema = pa.schema({"text": pa.large_string(), "url": pa.string(), "page": pa.string()})
        with pq.ParquetWriter(file, schema, compression="zstd") as sink:
            rows = islice(_documents(pages), documents)
            while batch := list(islice(rows, ROW_GROUP_ROWS)):
                sink.write_table(pa.Table.from_pylist(batch, schema))
    read = pq.ParquetFile(file)
    if read.metadata.num_rows != documents:
        raise ValueError(f"{file} has {read.metadata.num_rows} rows, not {documents}: not that many pages; remove it")
    return sum(len(text) for batch in read.iter_batches(ROW_GROUP_ROWS, columns=["text"]) for text in _texts(batch))


def _texts(batch: pa.RecordBatch) -> list[str]:
    return batch.column(0).to_pylist()


def _documents(pages: Path) -> Iterator[dict[str, str]]:
    copy = -1
    originals = list(read_pages(pages))
    for position, page in cycle(enumerate(originals)):
        copy += position == 0
        yield {
            "text": f"Copy {copy} of page {page.page_id}\n{page.text}",
            "url": f"https://memory.example/{copy}/{position}",
            "page": page.page_id,
        }


def run_step(step: str, folder: Path, refiners: str) -> tuple[int, float]:
    """Run a step on the shard in a folder; return its peak in bytes, and its seconds.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    command = [sys.executable, "-m", "benchmarks.support.memory_step", step, "--lake", str(folder / "lake")]
    command += ["--raw", str(folder / "raw"), "--refiners", refiners]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return found["peak_bytes"], found["seconds"]


if __name__ == "__main__":
    sys.exit(main())
