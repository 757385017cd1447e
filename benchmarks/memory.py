"""Check that memory stays flat: peak memory of every asset on a shard, and on one ten times as large.

    python -m benchmarks.memory --pages FILE [--documents N] [--refiners rules] [--work DIR]

Builds three shards of real pages: one page, N documents, and ten times as many. Pages are repeated as needed; every
copy gets its own URL and first line, so no two documents are the same. Each asset runs on each shard in its own process
(support/memory_step.py), whose peak memory the kernel reports. The one-page shard shows what the interpreter and
libraries take; growth is what a shard adds to that. Fails if the large shard's peak is more than LIMIT times the small
one's.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.memory_step import ASSETS, COMMANDS
from benchmarks.support.pages import read_pages

LIMIT = 1.2
FACTOR = 10
DOCUMENTS = 1_500
ROW_GROUP_ROWS = 1_000  # as Hugging Face's writers use
MEBIBYTE = 1 << 20


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the table; return 1 if memory is not flat or a step failed."""
    parser = command_parser("memory", __doc__)
    parser.add_argument("--documents", type=positive, default=DOCUMENTS, help="documents in the small shard (1500)")
    parser.add_argument("--refiners", default="rules", help="a preset; rules and keep-all need no model (rules)")
    parser.add_argument("--steps", nargs="+", choices=[*ASSETS, *COMMANDS], help="only these, on the lakes in --work")
    parser.add_argument("--work", type=Path, help="folder for shards and lakes, kept; a temporary one by default")
    options = parser.parse_args(arguments)
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
    excessive: list[str] = []
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
            excessive.append(f"{step} takes {ratio:.2f} times the memory for {FACTOR} times the shard (limit {LIMIT})")
    print("\n".join(excessive) or f"every peak is at most {LIMIT} times that of the small shard")
    return 1 if excessive else 0


def write_shard(pages: Path, file: Path, documents: int) -> int:
    """Write a Parquet file of documents, unless it exists; return the characters of its texts.

    Raises:
        ValueError: An existing file has another number of documents, or there are no pages.
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
        raise ValueError(f"{file} has {read.metadata.num_rows} rows instead of {documents}; remove it and try again")
    batches = read.iter_batches(ROW_GROUP_ROWS, columns=["text"])
    return sum(len(text) for batch in batches for text in batch.column(0).to_pylist())


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
    """Run a step on the shard in a folder; return its peak memory in bytes and its wall seconds.

    Raises:
        subprocess.CalledProcessError: The step failed.
    """
    command = [sys.executable, "-m", "benchmarks.support.memory_step", step, "--lake", str(folder / "lake")]
    command += ["--raw", str(folder / "raw"), "--refiners", refiners]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    return result["peak_bytes"], result["seconds"]


if __name__ == "__main__":
    sys.exit(main())
