"""The annotator that asks no model: people's labels of pages, turned into decisions and programs.

Belongs here: labelled pages to rows of the seed tables. Not here: the rules for targets (line_targets.py,
document_targets.py), documents that are made to be dropped (made_documents.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prox_assets.programs import KeepChunk, operations_from_probabilities, render
from prox_assets.training.data.document_targets import document_target
from prox_assets.training.data.line_targets import LineTargets, line_targets
from prox_assets.training.data.pages import REGIMES, LabelledPage, Split
from prox_assets.training.data.synthetic_documents import made_documents

KEEP_FROM = 0.5
# Between a page and the name of one of its texts; what stands before it groups texts of one page.
TEXT_SEPARATOR = "#"
CLEAN = "gold"
MADE_SITE = "made"
# Made documents for every page of a split: a fifth of all documents are then plainly bad, about as many as crawl text
# has (ProX drops 70 %, most of them for less plain reasons).
MADE_PER_PAGE = 0.4

Row = dict[str, Any]


def chunk_annotations(pages: Iterable[LabelledPage]) -> Iterator[Row]:
    """Yield one row of SEED_CHUNKS for each text of a page, the whole text as one chunk.

    A page has its text in both regimes, and its gold text, of which every line stays: without clean documents a model
    learns that there is always something to remove.
    """
    for page in pages:
        for regime in REGIMES:
            if page.text(regime).strip():
                yield _chunk_row(page, regime, page.text(regime), line_targets(page, regime))
        if page.gold.strip():
            lines = page.gold.count("\n") + 1
            yield _chunk_row(page, CLEAN, page.gold, LineTargets([1.0] * lines, [1.0] * lines))


def document_annotations(pages: Sequence[LabelledPage], seed: int) -> Iterator[Row]:
    """Yield one row of SEED_DOCUMENTS for each text of a page of known type, and for made documents.

    Args:
        pages: The labelled pages.
        seed: Of the made documents; those of a split are made from its own pages.
    """
    for page in pages:
        target = document_target(page)
        if target is None:
            continue
        for name, text in (*((regime, page.text(regime)) for regime in REGIMES), (CLEAN, page.gold)):
            if text.strip():
                yield {
                    **_place(page, name),
                    "text": text,
                    **_decision(target),
                    "annotator": page.dataset,
                }
    splits: tuple[Split, ...] = ("train", "development", "validation")
    for split in splits:
        own = [page for page in pages if page.split == split and not page.is_silver]
        for number, made in enumerate(made_documents(own, round(MADE_PER_PAGE * len(own)), seed)):
            yield {
                "doc_id": f"{MADE_SITE}-{split}-{number}{TEXT_SEPARATOR}{made.kind}",
                "site": f"{MADE_SITE}.{split}",
                "url": "",
                "page_type": made.kind,
                "text": made.text,
                **_decision(0.0),
                "annotator": MADE_SITE,
            }


def _decision(target: float) -> Row:
    return {"decision": "keep" if target >= KEEP_FROM else "drop", "keep_target": target}


def page_name(page: LabelledPage) -> str:
    """Return what tells a page from those of other data sets: page ids are unique in their own only."""
    return f"{page.dataset}/{page.page_id}"


def _place(page: LabelledPage, name: str) -> Row:
    return {
        "doc_id": f"{page_name(page)}{TEXT_SEPARATOR}{name}",
        "site": page.site,
        "url": page.url,
        "page_type": page.page_type,
    }


def _chunk_row(page: LabelledPage, name: str, text: str, targets: LineTargets) -> Row:
    lines = text.split("\n")
    removals = operations_from_probabilities(targets.targets, KEEP_FROM, 0)
    visible = [sum(map(len, line.split())) for line in lines]
    removed = sum(count for count, target in zip(visible, targets.targets, strict=True) if target < KEEP_FROM)
    return {
        **_place(page, name),
        "text": text,
        "line_start": 0,
        "line_end": len(lines) - 1,
        "program": render(removals or (KeepChunk(),)),
        "line_targets": targets.targets,
        "line_weights": targets.weights,
        "removed_share": removed / max(1, sum(visible)),
        "annotator": page.dataset,
    }
