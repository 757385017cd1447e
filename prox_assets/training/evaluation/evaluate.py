"""Evaluating refiners on labelled pages, by the very path that refines corpora: refiner, executor, policy.

Belongs here: running a refiner over pages and collecting what it did. Not here: formulas (measures.py), the table for
people (evaluation_table.py).
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from prox_assets.programs import (
    Chunk,
    ChunkProgram,
    DocumentReason,
    ExecutionPolicy,
    Outcome,
    Refinement,
    decide_document,
    execute,
    stored_program,
)
from prox_assets.refiners.protocol import (
    ChunkProgramRow,
    ChunkPrograms,
    ChunkRefiner,
    DocumentProgram,
    DocumentRefiner,
    RefinerInput,
)
from prox_assets.training.data.document_targets import document_target
from prox_assets.training.data.pages import LabelledPage, Regime
from prox_assets.training.evaluation.measures import (
    BinaryCounts,
    ReliabilityBin,
    calibration_error,
    mean,
    reliability,
    word_f1,
)

# A page is measured by what is left of it, be it a twentieth: whether so little is worth keeping is a decision about
# documents. With the default floor, a third of the shop pages would be dropped when every line label is obeyed.
NO_FLOOR: dict[str, Any] = {"min_kept_share": 0.0, "min_kept_characters": 0}

# Page types whose main content is connected prose: what a refiner takes away from their gold text is damage.
PROSE_TYPES = ("article", "documentation")


@dataclass(frozen=True, slots=True)
class ChunkEvaluation:
    """What a chunk refiner made of pages.

    Attributes:
        pages: How many.
        word_f1: Mean over pages of the word F1 of refined text against gold (`measures.word_f1`).
        word_f1_by_type: The same by type of page.
        word_f1_by_page: By page_id, for paired comparisons and for the sites that fare worst.
        removed: Labelled lines that were removed against those labelled boilerplate: the paper's chunk measure, pooled
            over the lines of all pages.
        removed_by_page: Mean over pages of the same F1.
        reliability: P(keep) of labelled lines against their labels; empty for refiners that give none.
        invalid_programs: Share of chunks whose program was rejected or had an operation that failed.
        chunks: Chunks in all.
        kept_words: Share of the words of all pages that stayed.
        prompt_tokens: Tokens shown to the model.
        seconds: Of wall time, engine start not counted.
    """

    pages: int
    word_f1: float
    word_f1_by_type: dict[str, float]
    word_f1_by_page: dict[str, float]
    removed: BinaryCounts
    removed_by_page: float
    reliability: list[ReliabilityBin]
    invalid_programs: float
    chunks: int
    kept_words: float
    prompt_tokens: int
    seconds: float

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the lines' probabilities."""
        return calibration_error(self.reliability)


@dataclass(frozen=True, slots=True)
class DocumentEvaluation:
    """What a document refiner said of pages whose type is known.

    Attributes:
        documents: How many.
        keep: Decisions to keep against `document_target` >= 0.5.
        drop: Decisions to drop; the class that is harder to find.
        accuracy_by_type: Share of right decisions by type of page, or kind of made document.
        reliability: P(keep) against the targets.
        prompt_tokens: Tokens shown to the model.
        seconds: Of wall time, engine start not counted.
    """

    documents: int
    keep: BinaryCounts
    drop: BinaryCounts
    accuracy_by_type: dict[str, float]
    reliability: list[ReliabilityBin]
    prompt_tokens: int
    seconds: float

    @property
    def macro_f1(self) -> float:
        """Mean of the F1 of keeping and that of dropping."""
        return (self.keep.f1 + self.drop.f1) / 2

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of P(keep)."""
        return calibration_error(self.reliability)


@dataclass(frozen=True, slots=True)
class LabelledDocument:
    """A document with the decision that is wanted; `kind` is its page's type, or the kind of a made document."""

    doc_id: str
    text: str
    keep: bool
    kind: str


def chunk_programs(refiner: ChunkRefiner, texts: Sequence[str]) -> list[ChunkPrograms]:
    """Return the programs of each text, in order.

    Raises:
        RuntimeError: Inference failed for a text.
    """
    inputs = (RefinerInput(str(place), text) for place, text in enumerate(texts))
    return _in_order(refiner.write_programs(inputs), len(texts))


def document_programs(refiner: DocumentRefiner, texts: Sequence[str]) -> list[DocumentProgram]:
    """Return the program of each text, in order; raises as `chunk_programs`."""
    inputs = (RefinerInput(str(place), text) for place, text in enumerate(texts))
    return _in_order(refiner.write_programs(inputs), len(texts))


Result = TypeVar("Result", ChunkPrograms, DocumentProgram)


def _in_order(results: Iterable[Result], count: int) -> list[Result]:
    by_place: dict[int, Result] = {}
    for result in results:
        if result.error is not None:
            raise RuntimeError(f"inference failed for text {result.doc_id}: {result.error}")
        by_place[int(result.doc_id)] = result
    return [by_place[place] for place in range(count)]


def refine(text: str, programs: ChunkPrograms, policy: ExecutionPolicy) -> Refinement:
    """Execute the programs of a text."""
    return execute(text, [_stored(row, policy) for row in programs.rows], policy)


def _stored(row: ChunkProgramRow, policy: ExecutionPolicy) -> ChunkProgram:
    chunk = Chunk(row.chunk_index, row.line_start, row.line_end, row.skip_reason)
    return stored_program(chunk, row.program, row.line_keep_probabilities, row.finish_reason, policy)


def evaluate_chunks(
    refiner: ChunkRefiner, pages: Sequence[LabelledPage], regime: Regime, policy: ExecutionPolicy
) -> ChunkEvaluation:
    """Refine pages and compare with gold text and labels.

    Args:
        refiner: Any chunk refiner, with a model or without.
        pages: Pages with gold text.
        regime: Which of their texts is refined.
        policy: How programs are executed, `dialect` as the refiner's.
    """
    texts = [page.text(regime) for page in pages]
    begin = time.perf_counter()
    programs = chunk_programs(refiner, texts)
    seconds = time.perf_counter() - begin
    return measure_chunks(pages, regime, programs, policy, seconds)


def measure_chunks(
    pages: Sequence[LabelledPage],
    regime: Regime,
    programs: Sequence[ChunkPrograms],
    policy: ExecutionPolicy,
    seconds: float = 0.0,
) -> ChunkEvaluation:
    """Compare programs that were written before, under any policy: a threshold can be tried without inference."""
    scores: dict[str, float] = {}
    by_type: dict[str, list[float]] = {}
    pooled = BinaryCounts()
    by_page: list[float] = []
    probabilities: list[float] = []
    truths: list[bool] = []
    chunks = invalid = words = kept = 0
    for page, answer in zip(pages, programs, strict=True):
        text = page.text(regime)
        refinement = refine(text, answer, policy)
        scores[page.page_id] = word_f1(refinement.text, page.gold)
        by_type.setdefault(page.page_type or "unknown", []).append(scores[page.page_id])
        own = BinaryCounts()
        for counts in (pooled, own):
            for gone, label in _line_decisions(text, refinement, page.labels(regime)):
                counts.add(gone, label == 0)
        by_page.append(own.f1)
        for probability, label in _line_probabilities(answer, page.labels(regime), text):
            probabilities.append(probability)
            truths.append(label == 1)
        chunks += len(answer.rows)
        refused = {chunk.chunk_index for chunk in refinement.chunks if chunk.verdict.is_refusal}
        invalid += len(refused | {edit.chunk_index for edit in refinement.edits if edit.status.is_failure})
        words += len(text.split())
        kept += len(refinement.text.split())
    return ChunkEvaluation(
        pages=len(pages),
        word_f1=mean(scores.values()),
        word_f1_by_type={kind: mean(values) for kind, values in sorted(by_type.items())},
        word_f1_by_page=scores,
        removed=pooled,
        removed_by_page=mean(by_page),
        reliability=reliability(probabilities, truths),
        invalid_programs=invalid / max(1, chunks),
        chunks=chunks,
        kept_words=kept / max(1, words),
        prompt_tokens=sum(row.prompt_tokens for answer in programs for row in answer.rows),
        seconds=seconds,
    )


def damage(refiner: ChunkRefiner, pages: Sequence[LabelledPage], policy: ExecutionPolicy) -> float:
    """Return the share of visible characters that a refiner takes away from clean prose: gold text of prose pages.

    Args:
        refiner: Any chunk refiner.
        pages: Pages; those of a type in `PROSE_TYPES` serve.
        policy: How programs are executed.
    """
    texts = [page.gold for page in pages if page.page_type in PROSE_TYPES and page.gold.strip()]
    before = after = 0
    for text, answer in zip(texts, chunk_programs(refiner, texts), strict=True):
        before += _visible(text)
        after += _visible(refine(text, answer, policy).text)
    return (before - after) / max(1, before)


def labelled_documents(pages: Sequence[LabelledPage], regime: Regime) -> list[LabelledDocument]:
    """Return the pages of known type as documents with the decision of the rule in document_targets.py."""
    documents: list[LabelledDocument] = []
    for page in pages:
        target = document_target(page)
        if target is not None and page.text(regime).strip():
            documents.append(
                LabelledDocument(page.page_id, page.text(regime), target >= 0.5, page.page_type or "unknown")
            )
    return documents


def evaluate_documents(
    refiner: DocumentRefiner, documents: Sequence[LabelledDocument], policy: ExecutionPolicy
) -> DocumentEvaluation:
    """Judge documents and compare with the decisions that are wanted.

    Args:
        refiner: Any document refiner.
        documents: What it judges.
        policy: `doc_keep_threshold` decides.
    """
    begin = time.perf_counter()
    programs = document_programs(refiner, [document.text for document in documents])
    seconds = time.perf_counter() - begin
    keep, drop = BinaryCounts(), BinaryCounts()
    right: dict[str, list[float]] = {}
    scored: list[tuple[float, bool]] = []
    for document, answer in zip(documents, programs, strict=True):
        decision = decide_document(document.text, answer.program, answer.keep_probability, policy)
        kept = decision.keep and decision.reason is not DocumentReason.UNREADABLE
        keep.add(kept, document.keep)
        drop.add(not kept, not document.keep)
        right.setdefault(document.kind, []).append(float(kept == document.keep))
        if answer.keep_probability is not None:
            scored.append((answer.keep_probability, document.keep))
    return DocumentEvaluation(
        documents=len(documents),
        keep=keep,
        drop=drop,
        accuracy_by_type={kind: mean(values) for kind, values in sorted(right.items())},
        reliability=reliability([value for value, _ in scored], [truth for _, truth in scored]),
        prompt_tokens=sum(answer.prompt_tokens for answer in programs),
        seconds=seconds,
    )


def _line_decisions(text: str, refinement: Refinement, labels: Sequence[int]) -> Iterator[tuple[bool, int]]:
    """Yield (removed, label) of every labelled line that is not blank."""
    lines = text.split("\n")
    dropped = refinement.outcome is Outcome.DROPPED_BY_CHUNKS
    removed = (lines for chunk in refinement.chunks for lines in chunk.removed_lines)
    gone = {number for first, last in removed for number in range(first, last + 1)}
    for number, label in enumerate(labels):
        if label >= 0 and lines[number].strip():
            yield dropped or number in gone, label


def _line_probabilities(answer: ChunkPrograms, labels: Sequence[int], text: str) -> Iterator[tuple[float, int]]:
    lines = text.split("\n")
    for row in answer.rows:
        for offset, probability in enumerate(row.line_keep_probabilities or ()):
            number = row.line_start + offset
            if labels[number] >= 0 and lines[number].strip():
                yield probability, labels[number]


def _visible(text: str) -> int:
    return sum(map(len, text.split()))
