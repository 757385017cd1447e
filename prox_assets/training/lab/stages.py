"""The lab's first two steps at one level: seed annotations and the training set.

training.py and evaluation.py hold the later steps; `orchestration` schedules and displays all of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training import annotation
from prox_assets.training.classifier.fit import out_of_fold
from prox_assets.training.data.page_annotations import chunk_annotations, document_annotations, page_name
from prox_assets.training.data.pages import LabelledPage, PagesError, read_labelled_pages
from prox_assets.training.data.seeds import SEED_CHUNKS, SEED_DOCUMENTS, SeedDocument
from prox_assets.training.data.tables import read_table, write_json, write_table
from prox_assets.training.data.targets.distillation import distil
from prox_assets.training.data.training_set import TRAINING_CHUNKS, TRAINING_DOCUMENTS, build_training_set, page_of
from prox_assets.training.fit.trainer import Progress
from prox_assets.training.lab.settings import LabFolder, LabPlan
from prox_assets.training.spans.examples import span_examples

SPAN_EXAMPLES: pa.Schema = pa.schema(
    {
        "line": pa.large_string(),
        "start": pa.int64(),
        "end": pa.int64(),
        "kind": pa.string(),
        "replacement": pa.string(),
        "remove_target": pa.float64(),
        "source": pa.string(),
    }
)
"""Spans inside lines of training pages: characters [start, end) of the line, and the target P(remove)."""


def labelled_pages(plan: LabPlan) -> list[LabelledPage]:
    """Return all labelled pages, those with gold text first.

    Raises:
        PagesError: A file is missing or unreadable, or two pages share a name.
    """
    pages = [page for path in plan.pages for page in read_labelled_pages(Path(path))]
    pages.sort(key=lambda page: page.is_silver)
    seen: set[str] = set()
    for page in pages:
        if page_name(page) in seen and not page.is_silver:
            raise PagesError(f"two labelled pages of {page.dataset} have the id {page.page_id}: give each its own")
        seen.add(page_name(page))
    return pages


def annotate_seeds(
    plan: LabPlan,
    folder: LabFolder,
    level: Level,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Write the level's seed annotations: first those of labelled pages, then those of the language model.

    `progress` is called with (finished, all) rows of the language model, and `announce` with an estimate of the cost
    before the model is asked for the first time.

    Returns:
        Numbers to display.

    Raises:
        RefinerError: There is nothing to annotate.
        BudgetExceededError, AnnotationError, EngineError: See `annotation.annotate`.
    """
    pages = labelled_pages(plan)
    if not pages and plan.annotator is None:
        raise RefinerError(
            "The lab has nothing to learn from: name files of labelled pages (pages, or PROX_LABELLED_PAGES), or an "
            "annotator and seed_documents."
        )
    shown: dict[str, Any] = {"labelled_pages": len(pages)}
    tables: list[Path] = []
    if plan.annotator is not None:
        documents = _seed_documents(plan, folder, level, pages)
        if not folder.annotator(level).is_dir():  # estimate only once, because the estimate itself sends a few prompts
            expected = annotation.estimate(documents, plan.annotator, level)
            shown |= {f"estimate_{name}": value for name, value in asdict(expected).items()}
            if announce is not None:
                announce(f"estimate: {expected}")
        summary = annotation.annotate(documents, plan.annotator, level, folder.annotator(level), progress)
        tables.append(summary.path)
        shown |= {f"annotator_{name}": value for name, value in asdict(summary).items() if name != "path"}

    def rows() -> Iterator[dict[str, Any]]:
        yield from chunk_annotations(pages) if level == "chunk" else document_annotations(pages, plan.seed)
        for table in tables:
            yield from read_table(table)

    schema = SEED_CHUNKS if level == "chunk" else SEED_DOCUMENTS
    shown["annotations"] = write_table(folder.annotations(level), schema, rows())
    return shown


def _seed_documents(
    plan: LabPlan, folder: LabFolder, level: Level, pages: Sequence[LabelledPage]
) -> list[SeedDocument]:
    """Return the documents for the language model; as in the paper, the chunk level gets only kept documents."""
    documents = [document for path in plan.seed_documents for document in _read_seeds(Path(path))]
    if not plan.seed_documents:
        documents = [SeedDocument(page.page_id, page.site, page.url, page.text_full) for page in pages]
    decided = folder.annotations("doc")
    if level == "doc" or not decided.is_file():
        return documents
    dropped = {row["doc_id"] for row in read_table(decided) if row["decision"] == "drop"}
    return [document for document in documents if document.doc_id not in dropped]


def _read_seeds(path: Path) -> list[SeedDocument]:
    try:
        return [SeedDocument(row["doc_id"], row["site"], row["url"] or "", row["text"]) for row in read_table(path)]
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise PagesError(f"{path} is not a Parquet file with doc_id, site, url and text: {error}") from error


def build_examples(plan: LabPlan, folder: LabFolder, level: Level) -> dict[str, Any]:
    """Write the level's training set; return its statistics."""
    examples, statistics = build_training_set(level, read_table(folder.annotations(level)))
    chunk = plan.chunk.refiner
    if level == "chunk" and plan.distillation > 0 and chunk.kind == "model" and chunk.decoding == "score":
        distil(examples, plan.distillation, partial(out_of_fold, recipe=plan.chunk.classifier_recipe))
    schema = TRAINING_CHUNKS if level == "chunk" else TRAINING_DOCUMENTS
    write_table(folder.training_set(level), schema, examples)
    shown = statistics.as_dict()
    if level == "chunk" and plan.chunk.refiner.line_labels.inline is not None:
        kept = {page_of(row["doc_id"]) for row in examples}
        pages = [page for page in labelled_pages(plan) if page.split == "train" and page_name(page) in kept]
        shown["inline_examples"] = write_table(folder.span_examples(), SPAN_EXAMPLES, _span_rows(pages, plan.seed))
    write_json(folder.statistics(level), shown)
    return shown


def _span_rows(pages: Sequence[LabelledPage], seed: int) -> Iterator[dict[str, Any]]:
    for example in span_examples(pages, seed):
        row = {"line": example.line, "remove_target": example.remove_target, "source": example.source}
        yield {**row, **asdict(example.candidate)}
