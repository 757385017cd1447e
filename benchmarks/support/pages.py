"""Read labelled pages, with one text per page."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prox_assets.training.data.pages import Regime, read_labelled_pages


@dataclass(frozen=True, slots=True)
class Page:
    """A web page.

    Attributes:
        page_id: Its name in its data set.
        url: Its address; "" if unknown.
        text: All visible text, one block per line, or the output of a main-content extractor (see `Regime`).
        gold: Main content as marked by people.
    """

    page_id: str
    url: str
    text: str
    gold: str


def read_pages(path: Path, regime: Regime = "text_full") -> Iterator[Page]:
    """Yield the pages in file order, keeping a bounded number in memory."""
    for page in read_labelled_pages(path):
        yield Page(page.page_id, page.url, page.text(regime), page.gold)
