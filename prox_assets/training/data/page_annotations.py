"""Annotation without a model: turns people's labels of pages into decisions and programs, as rows of the seed tables.

targets/ has the rules for targets; documents/ makes documents to drop, and others to keep.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from prox_assets.programs import KeepChunk, operations_from_probabilities, render
from prox_assets.training.data.documents.sound import sound_documents
from prox_assets.training.data.documents.worthless import TRAINING_FAMILIES, synthetic_documents
from prox_assets.training.data.pages import REGIMES, LabelledPage, Split
from prox_assets.training.data.targets.documents import document_target
from prox_assets.training.data.targets.lines import LineTargets, line_targets, visible_characters

KEEP_FROM = 0.5
# Separates a page's name from the name of one of its texts; the part before it groups the texts of one page.
TEXT_SEPARATOR = "#"
CLEAN = "gold"
# The word in stored tables.
SYNTHETIC_SITE = "made"
# Target of the sound documents that are made from main content: a few of them are cut from pages of mixed quality.
SOUND = 0.97
# Synthetic documents per page of a split, of fourteen families: a fifth of all documents are then plainly bad.
SYNTHETIC_PER_PAGE = 4.0

Row = dict[str, Any]


def chunk_annotations(pages: Iterable[LabelledPage]) -> Iterator[Row]:
    """Yield one row of SEED_CHUNKS for each text of a page, with the whole text as one chunk.

    The texts of a page are its text in both regimes and its gold text. Every line of the gold text stays: without clean
    documents a model learns that there is always something to remove.
    """
    for page in pages:
        for regime in REGIMES:
            if page.text(regime).strip():
                yield _chunk_row(page, regime, page.text(regime), line_targets(page, regime))
        if page.gold.strip():
            lines = page.gold.count("\n") + 1
            yield _chunk_row(page, CLEAN, page.gold, LineTargets([1.0] * lines, [1.0] * lines))


def document_annotations(pages: Sequence[LabelledPage], seed: int) -> Iterator[Row]:
    """Yield one row of SEED_DOCUMENTS for each text of a page of known type, and for each synthetic document.

    A page that is worth keeping, and a silver page, also gives sound documents of other lengths and kinds. Synthetic
    documents depend on the seed, and those of a split draw only on pages of that split.
    """
    for page in pages:
        target = document_target(page)
        if target is not None:
            for name, text in (*((regime, page.text(regime)) for regime in REGIMES), (CLEAN, page.gold)):
                if text.strip():
                    yield {**_place(page, name, text), **_decision(target)}
        if page.is_silver if target is None else target >= KEEP_FROM:
            for name, text in sound_documents(page, seed):
                yield {**_place(page, name, text), **_decision(SOUND)}
    for split in get_args(Split):
        own = [page for page in pages if page.split == split and not page.is_silver]
        made = synthetic_documents(own, round(SYNTHETIC_PER_PAGE * len(own)), seed, TRAINING_FAMILIES)
        for number, document in enumerate(made):
            yield {
                "doc_id": f"{SYNTHETIC_SITE}-{split}-{number}{TEXT_SEPARATOR}{document.kind}",
                "site": f"{SYNTHETIC_SITE}.{split}",
                "url": "",
                "page_type": document.kind,
                "text": document.text,
                **_decision(0.0),
                "annotator": SYNTHETIC_SITE,
            }


def _decision(target: float) -> Row:
    return {"decision": "keep" if target >= KEEP_FROM else "drop", "keep_target": target}


def page_name(page: LabelledPage) -> str:
    """Return a page name that is unique across data sets; page ids are unique only within their own data set."""
    return f"{page.dataset}/{page.page_id}"


def _place(page: LabelledPage, name: str, text: str) -> Row:
    return {
        "doc_id": f"{page_name(page)}{TEXT_SEPARATOR}{name}",
        "site": page.site,
        "url": page.url,
        "page_type": page.page_type,
        "text": text,
        "annotator": page.dataset,
    }


def _chunk_row(page: LabelledPage, name: str, text: str, targets: LineTargets) -> Row:
    lines = text.split("\n")
    removals = operations_from_probabilities(targets.targets, KEEP_FROM, 0)
    visible = [visible_characters(line) for line in lines]
    removed = sum(count for count, target in zip(visible, targets.targets, strict=True) if target < KEEP_FROM)
    return {
        **_place(page, name, text),
        "line_start": 0,
        "line_end": len(lines) - 1,
        "program": render(removals or (KeepChunk(),)),
        "line_targets": targets.targets,
        "line_weights": targets.weights,
        "removed_share": removed / max(1, sum(visible)),
    }
