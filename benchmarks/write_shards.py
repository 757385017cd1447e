"""Write labelled pages in five published formats: `python -m benchmarks.write_shards --pages FILE --output DIR`.

Writes `DIR/{format}/...` with each data set's own file names, and `DIR/_pages.parquet`, which records where every page
went and its main content. The same pages always give the same bytes.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.corpus_formats import FORMATS, CorpusFormat, ShardWriter
from benchmarks.support.pages import Page, read_pages
from prox_assets.corpora.document import text_hash
from prox_assets.training.data.pages import BATCH_PAGES, REGIMES

INDEX_NAME = "_pages.parquet"
INDEX_SCHEMA = pa.schema(
    [
        ("format", pa.string()),
        ("source_file", pa.string()),
        ("source_row", pa.int64()),
        ("page_id", pa.string()),
        ("text_hash", pa.string()),
        ("gold", pa.large_string()),
    ]
)


@dataclass
class Written:
    """What `write_shards` wrote, by format: files, and rows including broken ones."""

    shards: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)


class _CorpusWriter:
    """Writes the shards of one format, starting a new file when one is full."""

    def __init__(
        self, layout: CorpusFormat, output: Path, pages_per_shard: int, broken_rows: int, written: Written
    ) -> None:
        self._layout = layout
        self._folder = output / layout.name
        self._pages_per_shard = pages_per_shard
        self._broken_rows = broken_rows
        self._written = written
        self._shard: ShardWriter | None = None
        self._source_file = ""
        self._pages = self._row = 0

    def write(self, page: Page) -> dict[str, object]:
        """Write a page; return its index row."""
        if self._shard is None or self._pages == self._pages_per_shard:
            self._shard = self._next_shard(page)
        self._shard.write(self._layout.row(page))
        place = {
            "format": self._layout.name,
            "source_file": self._source_file,
            "source_row": self._row,
            "page_id": page.page_id,
            "text_hash": text_hash(page.text),
            "gold": page.gold,
        }
        self._pages += 1
        self._count_row()
        return place

    def close(self) -> None:
        if self._shard is not None:
            self._shard.close()
            self._shard = None

    def _next_shard(self, like: Page) -> ShardWriter:
        self.close()
        self._source_file = self._layout.file_name(self._written.shards[self._layout.name])
        path = self._folder / self._source_file
        path.parent.mkdir(parents=True, exist_ok=True)
        shard = self._layout.open(path)
        self._pages = self._row = 0
        self._written.shards[self._layout.name] += 1
        # At the head, so that a reader that skips them without counting gets every row number wrong.
        for _ in range(self._broken_rows):
            shard.write({**self._layout.row(like), self._layout.text_column: None})
            self._count_row()
        return shard

    def _count_row(self) -> None:
        self._row += 1
        self._written.rows[self._layout.name] += 1


def write_shards(
    pages: Iterable[Page],
    output: Path,
    *,
    pages_per_shard: int = 100,
    broken_rows: int = 0,
    every_format: bool = False,
) -> Written:
    """Write pages as shards, and an index of where each went.

    Args:
        pages: The pages, streamed.
        output: An empty folder; created if missing.
        pages_per_shard: Maximum pages per file.
        broken_rows: Rows without text at the head of every file, which a reader must reject and count.
        every_format: Write each page in all formats rather than in one of them, in turn.

    Raises:
        FileExistsError: The folder is not empty; old and new shards would mix.
    """
    output.mkdir(parents=True, exist_ok=True)
    if any(output.iterdir()):
        raise FileExistsError(f"{output} is not empty: give a new folder, or remove what is in it")
    written = Written()
    with ExitStack() as files:
        index = files.enter_context(pq.ParquetWriter(output / INDEX_NAME, INDEX_SCHEMA))
        corpora = [
            files.enter_context(closing(_CorpusWriter(layout, output, pages_per_shard, broken_rows, written)))
            for layout in FORMATS
        ]
        places: list[dict[str, object]] = []
        for number, page in enumerate(pages):
            chosen = corpora if every_format else [corpora[number % len(corpora)]]
            places += [corpus.write(page) for corpus in chosen]
            if len(places) >= BATCH_PAGES:
                index.write_table(pa.Table.from_pylist(places, schema=INDEX_SCHEMA))
                places = []
        if places:
            index.write_table(pa.Table.from_pylist(places, schema=INDEX_SCHEMA))
    return written


def main() -> None:
    """Run the command."""
    parser = command_parser("write_shards", __doc__)
    parser.add_argument("--output", type=Path, required=True, help="new folder for the shards")
    parser.add_argument(
        "--regime", choices=REGIMES, default="text_full", help="all visible text, or only what an extractor left"
    )
    parser.add_argument("--pages-per-shard", type=positive, default=100, help="maximum pages per file (100)")
    parser.add_argument("--broken-rows", type=int, default=0, help="rows without text at the head of every file (0)")
    parser.add_argument("--every-format", action="store_true", help="write each page in all five formats")
    arguments = parser.parse_args()
    try:
        written = write_shards(
            read_pages(arguments.pages, arguments.regime),
            arguments.output,
            pages_per_shard=arguments.pages_per_shard,
            broken_rows=arguments.broken_rows,
            every_format=arguments.every_format,
        )
    except OSError as error:
        parser.exit(1, f"error: {error}\n")
    for name, rows in written.rows.items():
        print(f"{arguments.output / name}: {rows:,} rows in {written.shards[name]} shards")


if __name__ == "__main__":
    main()
