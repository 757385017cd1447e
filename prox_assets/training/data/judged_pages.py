"""Judged documents as labelled pages: what a person's judgement says about a document and its lines, and no more.

- `should_drop` labels the document: drop. Its lines stay unlabelled.
- `good_edit` labels every line as the refiner left it: kept (also with changes inside) or removed; and the document as
  one to keep, where the rule of targets/documents.py agrees.
- `bad_edit` and `should_keep` label nothing: they tell that a result is wrong, not which one is right.

Every page comes without gold text, because nobody wrote down what its main content is. The lab therefore uses it for
training only, at half weight, and never measures a refiner on labels that a refiner has made.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from prox_assets.catalog.connection import ask_corpus
from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.queries.breakdowns import sites_of
from prox_assets.catalog.queries.judgements import judgements
from prox_assets.catalog.queries.scope import Scope
from prox_assets.catalog.text_diff import DiffLine, Mark
from prox_assets.catalog.trace.read import read_trace
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Judgement, Table
from prox_assets.training.data.page_annotations import KEEP_FROM
from prox_assets.training.data.pages import COLUMNS, LabelledPage
from prox_assets.training.data.targets.documents import document_target

LICENCE = "of the corpus"
# A page type for which the rule on documents has a bound; without one it labels no document.
PAGE_TYPE = "article"
UNKNOWN, REMOVED, KEPT = -1, 0, 1

_LABELS = pa.list_(pa.int8())
SCHEMA = pa.schema(
    [(name, _LABELS if name.startswith("keep_") else pa.large_string()) for name in COLUMNS],
)
"""The columns of labelled pages as Parquet."""


@dataclass(frozen=True)
class JudgedDocument:
    """A document with all judgements on it that count, as the lake has it now.

    Attributes:
        corpus: Its corpus, which becomes the page's data set.
        doc_id: Its id.
        url: Its URL, if known.
        site: Its site; None if unknown.
        text: Its raw text.
        lines: What became of its lines.
        judgements: What people said about it, each with whether they saw the result that the lake holds now.
    """

    corpus: str
    doc_id: str
    url: str | None
    site: str | None
    text: str
    lines: Sequence[DiffLine]
    judgements: Sequence[tuple[Judgement, bool]]


def judged_documents(lake: Lake, corpus: str, left_out: Counter[str]) -> Iterator[JudgedDocument]:
    """Yield the judged documents of a corpus, in the order of shard and row.

    Args:
        lake: The lake.
        corpus: The corpus.
        left_out: Counts documents that are not there any more, and judgements on a raw text that has changed since.

    Raises:
        LakeError: The judgements cannot be read.
    """

    def question(con: Any) -> list[dict[str, Any]]:  # noqa: ANN401 (DuckDB's)
        return judgements(con, Scope((corpus,))).to_dicts()

    told: dict[DocumentPlace, list[dict[str, Any]]] = {}
    for row in ask_corpus(lake, corpus, question, [Table.JUDGEMENTS]):
        place = DocumentPlace(corpus, row["shard"], row["doc_id"], row["source_row"])
        told.setdefault(place, []).append(row)
    for place in sorted(told, key=lambda place: (place.shard, place.source_row)):
        try:
            trace = read_trace(lake, place)
        except LakeError:
            left_out["the document cannot be read any more"] += 1
            continue
        rows = [row for row in told[place] if row["text_hash"] == trace.text_hash]
        left_out["the raw text has changed since"] += len(rows) < len(told[place])
        if rows:
            yield JudgedDocument(
                corpus=corpus,
                doc_id=place.doc_id,
                url=trace.url,
                site=sites_of([trace.url])[0],
                text=trace.raw_text,
                lines=[line for group in trace.diff() for line in group.lines],
                judgements=[(Judgement(row["judgement"]), row["refined_hash"] == trace.refined_hash) for row in rows],
            )


def judged_pages(documents: Iterable[JudgedDocument], left_out: Counter[str]) -> Iterator[LabelledPage]:
    """Yield a page for each document whose judgements label something.

    Args:
        documents: The documents.
        left_out: Counts the others by reason.
    """
    for document in documents:
        said = {judgement for judgement, _ in document.judgements}
        if len(said) > 1:
            left_out["people disagree"] += 1
        elif said == {Judgement.SHOULD_DROP}:
            yield _page(document, [UNKNOWN] * (document.text.count("\n") + 1), PAGE_TYPE)
        elif said != {Judgement.GOOD_EDIT}:
            left_out["the judgement says that the result is wrong, not what is right"] += 1
        elif not any(is_current for _, is_current in document.judgements):
            left_out["the document was refined differently since"] += 1
        else:
            page = _page(document, line_labels(document.lines), PAGE_TYPE)
            target = document_target(page)
            yield page if target is not None and target >= KEEP_FROM else replace(page, page_type=None)


def line_labels(lines: Iterable[DiffLine]) -> list[int]:
    """Return a label for each raw line: blank ones have none, as in other labelled pages."""
    return [
        UNKNOWN if not _raw(line).strip() else REMOVED if line.mark is Mark.REMOVED else KEPT
        for line in lines
        if line.number is not None
    ]


def _raw(line: DiffLine) -> str:
    return "".join(text for mark, text in line.pieces if mark is not Mark.ADDED)


def _page(document: JudgedDocument, labels: list[int], page_type: str | None) -> LabelledPage:
    return LabelledPage(
        page_id=document.doc_id,
        dataset=document.corpus,
        licence=LICENCE,
        url=document.url or "",
        site=document.site or document.doc_id,
        page_type=page_type,
        gold="",
        text_full=document.text,
        keep_full=tuple(labels),
        text_main="",
        keep_main=(),
    )


def page_row(page: LabelledPage) -> dict[str, Any]:
    """Return a page as a row of SCHEMA; a text that is not there is null, like its labels."""
    row: dict[str, Any] = {name: getattr(page, name) for name in COLUMNS}
    return {**row, "text_main": None, "keep_main": None} if not page.text_main else row
