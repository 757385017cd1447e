"""Finds the file of labelled pages for a benchmark, and picks one text of each page."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prox_assets.training.data.pages import PAGES_VARIABLE, Regime, read_labelled_pages


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        page_id: Its name in its data set.
        url: Its address; "" where the data set does not say.
        text: All its visible text, one block a line, or that after a main-content extractor (see `Regime`).
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


def read_pages(path: Path, regime: Regime = "text_full") -> Iterator[Page]:
    """Yield the pages in file order, a bounded number in memory."""
    for page in read_labelled_pages(path):
        yield Page(page.page_id, page.url, page.text(regime), page.gold)
