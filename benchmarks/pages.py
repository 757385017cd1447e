"""Labelled pages: web pages with their main content marked by people, streamed from one Parquet file.

Belongs here: reading that file, and finding it. Not here: what benchmarks do with pages.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq

PAGES_VARIABLE = "PROX_LABELLED_PAGES"
BATCH_PAGES = 64

TextColumn = Literal["text_full", "text_main"]
TEXT_COLUMNS: tuple[TextColumn, ...] = ("text_full", "text_main")


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        page_id: Its name in its data set.
        url: Its address; "" where the data set does not say.
        text: All its visible text, one block a line, or that after a main-content extractor (see `read_pages`).
        gold: Its main content, as people marked it.
    """

    page_id: str
    url: str
    text: str
    gold: str


def default_pages_path() -> Path | None:
    """Return the file that the environment names, or None when it names none."""
    name = os.environ.get(PAGES_VARIABLE)
    return Path(name) if name else None


def count_pages(path: Path) -> int:
    """Return the number of pages, from the file's footer."""
    return pq.read_metadata(path).num_rows


def read_pages(path: Path, text_column: TextColumn = "text_full") -> Iterator[Page]:
    """Yield the pages in file order, a bounded number in memory.

    Args:
        path: A Parquet file with the columns page_id, url, gold, text_full and text_main.
        text_column: `text_full` is everything that a browser shows, menus included, as in a WET file; `text_main` has
            been through an extractor once, as text in FineWeb and DCLM has.
    """
    columns = ["page_id", "url", "gold", text_column]
    for batch in pq.ParquetFile(path).iter_batches(BATCH_PAGES, columns=columns):
        for row in batch.to_pylist():
            yield Page(row["page_id"], row["url"] or "", row[text_column], row["gold"])
