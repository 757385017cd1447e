"""Labelled pages: web pages with their main content marked by people, streamed from one Parquet file.

This module also decides the split of each page. targets/ turns labels into targets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

# Environment variables that name files of labelled pages, with and without gold text.
PAGES_VARIABLE = "PROX_LABELLED_PAGES"
SILVER_VARIABLE = "PROX_SILVER_PAGES"
BATCH_PAGES = 64

Regime = Literal["text_full", "text_main"]
REGIMES: tuple[Regime, ...] = ("text_full", "text_main")

Split = Literal["train", "development", "validation"]
VALIDATION_PERCENT = 15
DEVELOPMENT_PERCENT = 7

COLUMNS: dict[str, str] = {
    "page_id": "Name of the page in its data set.",
    "dataset": "The data set.",
    "licence": "Licence of the data set.",
    "url": "Address of the page; empty or null where it is not known.",
    "site": "Registered domain, or the page's name where the domain is not known: pages are split by it.",
    "page_type": "Such as article, forum, listing; null if unknown.",
    "gold": "Main content as people marked it; empty for silver pages, which only programs labelled.",
    "text_full": "All visible text, one block per line, as in a WET file or RedPajama-V2.",
    "keep_full": "One label per line of text_full: 1 main content, 0 boilerplate, -1 blank or ambiguous.",
    "text_main": "The text after a main-content extractor, as in FineWeb or DCLM. May be null.",
    "keep_main": "The same labels for text_main.",
}


class PagesError(ValueError):
    """A file of labelled pages lacks a column, or its labels do not fit its text."""


@dataclass(frozen=True, slots=True)
class LabelledPage:
    """One page; `COLUMNS` describes the fields."""

    page_id: str
    dataset: str
    licence: str
    url: str
    site: str
    page_type: str | None
    gold: str
    text_full: str
    keep_full: tuple[int, ...]
    text_main: str
    keep_main: tuple[int, ...]

    @property
    def is_silver(self) -> bool:
        """Whether only programs labelled the page; such a page is used only for training."""
        return not self.gold.strip()

    @property
    def split(self) -> Split:
        """The split of the page's site, which says what the page may be used for."""
        return split_of(self.site)

    def text(self, regime: Regime) -> str:
        """Return the text of one regime."""
        return self.text_full if regime == "text_full" else self.text_main

    def labels(self, regime: Regime) -> tuple[int, ...]:
        """Return the labels of one regime, one per line."""
        return self.keep_full if regime == "text_full" else self.keep_main


def split_of(site: str) -> Split:
    """Return the split of a site: a hash decides, so the split never depends on what else is in a file.

    15 % of the sites are for validation (reported, never tuned on), 7 % for development (thresholds, choice of
    checkpoint), and the rest for training.
    """
    bucket = xxhash.xxh3_64_intdigest(site.encode()) % 100
    if bucket < VALIDATION_PERCENT:
        return "validation"
    return "development" if bucket < VALIDATION_PERCENT + DEVELOPMENT_PERCENT else "train"


def read_labelled_pages(path: Path) -> Iterator[LabelledPage]:
    """Yield the pages of a Parquet file with the columns of `COLUMNS`, in order, with a bounded number in memory.

    Raises:
        PagesError: The file cannot be read, a column is missing, or a page has a different number of labels and lines.
    """
    if not path.exists():
        raise PagesError(f"{path} does not exist")
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise PagesError(f"{path} cannot be read as Parquet ({error}): see docs/refiner-lab.md") from error
    missing = sorted(COLUMNS.keys() - set(file.schema_arrow.names))
    if missing:
        raise PagesError(f"{path} lacks the columns {', '.join(missing)} of labelled pages: see docs/refiner-lab.md")
    for batch in file.iter_batches(BATCH_PAGES, columns=list(COLUMNS)):
        for row in batch.to_pylist():
            page = _page(row)
            for regime in REGIMES:
                lines, labels = page.text(regime).count("\n") + 1, len(page.labels(regime))
                if labels != lines:
                    raise PagesError(f"{path}: page {page.page_id} has {lines} lines of {regime} and {labels} labels")
            yield page


def _page(row: dict[str, Any]) -> LabelledPage:
    texts = {name: row[name] or "" for name in ("url", "gold", *REGIMES)}
    # A missing text counts as one blank line.
    labels = {
        name: tuple(row[name] or (() if texts[regime] else (-1,)))
        for name, regime in (("keep_full", "text_full"), ("keep_main", "text_main"))
    }
    return LabelledPage(**{**row, **texts, **labels})
