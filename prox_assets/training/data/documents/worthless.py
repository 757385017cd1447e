"""Synthetic documents that are plainly worthless, built from templates and pieces of pages.

They supply what the labelled pages lack: nobody labels the main content of an error page. The pieces come only from the
pages passed in, so no split uses text of another. Some families are in no training set: how well a refiner judges those
tells whether it has learned more than the templates (bad.py has the families).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from prox_assets.training.data.documents.bad import FAMILIES, HELD_OUT, PARTS, PhraseRandom, error_page
from prox_assets.training.data.pages import LabelledPage

TRAINING_FAMILIES = tuple(name for name in FAMILIES if name not in HELD_OUT)
ALL_FAMILIES = tuple(FAMILIES)


@dataclass(frozen=True, slots=True)
class SyntheticDocument:
    """A synthetic document to drop, and its family."""

    kind: str
    text: str


def synthetic_documents(
    pages: Sequence[LabelledPage], count: int, seed: int, families: Sequence[str] = ALL_FAMILIES
) -> list[SyntheticDocument]:
    """Return documents of these families in turn, with words and lines of these pages; equal arguments, equal ones.

    Document number n has phrases of part n modulo `PARTS`.
    """
    rng = PhraseRandom(seed)
    documents: list[SyntheticDocument] = []
    for number, kind in enumerate(islice(cycle(families), count if pages else 0)):
        rng.part = number % PARTS
        text = FAMILIES[kind](rng, rng.choice(pages))
        documents.append(SyntheticDocument(kind, text if text.strip() else error_page(rng, pages[0])))
    return documents
