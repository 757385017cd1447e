"""Evaluates refiners on labelled pages, with the same refiner, executor and policy that refine corpora.

measures.py holds the formulas, and table.py writes the results as tables.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import polars as pl

from prox_assets.monitoring.metrics.languages import FUNCTION_WORDS, UNKNOWN, language_of
from prox_assets.programs import (
    DocumentReason,
    ExecutionPolicy,
    Outcome,
    Refinement,
    decide_document,
    execute,
    stored_programs,
)
from prox_assets.refiners.calibration import Calibration
from prox_assets.refiners.protocol import ChunkPrograms, ChunkRefiner, DocumentProgram, DocumentRefiner, RefinerInput
from prox_assets.training.data.pages import LabelledPage, Regime
from prox_assets.training.data.targets.documents import document_target
from prox_assets.training.data.targets.lines import visible_characters
from prox_assets.training.evaluation.bootstrap import ratio_interval
from prox_assets.training.evaluation.measures import (
    BinaryCounts,
    ReliabilityBin,
    calibration_error,
    mean,
    reliability,
    word_f1,
)

# A page is measured by what is left of it, even if that is a twentieth: whether so little is worth keeping is a
# document-level decision. With the default floor, obeying every line label would drop a third of the shop pages.
NO_FLOOR: dict[str, Any] = {"min_kept_share": 0.0, "min_kept_characters": 0}

# Page types whose main content is connected prose: anything a refiner removes from their gold text is damage.
PROSE_TYPES = ("article", "documentation")


@dataclass(frozen=True, slots=True)
class Damage:
    """What a chunk refiner removes from clean prose.

    Attributes:
        removed: Share of the visible characters of all texts that is removed.
        low: Lower end of its 95 % interval, by resampling sites.
        high: Upper end.
        texts: Number of texts.
        damaged: How many of them lose anything.
    """

    removed: float
    low: float
    high: float
    texts: int
    damaged: int


@dataclass(frozen=True, slots=True)
class ChunkEvaluation:
    """The results of a chunk refiner on labelled pages.

    Attributes:
        pages: Number of pages.
        word_f1: Mean over pages of the word F1 of refined text against gold text (`measures.word_f1`).
        word_f1_by_type: The same mean by page type.
        word_f1_by_language: The same mean by group of languages: English, other Latin, other scripts, unknown.
        word_f1_by_page: Word F1 by page_id, for paired comparisons and to find the worst sites.
        removed: Removed lines against lines labelled boilerplate, pooled over the labelled lines of all pages: the
            paper's chunk measure.
        removed_by_page: Mean over pages of the F1 of removed lines.
        reliability: P(keep) of labelled lines against their labels; empty for refiners without probabilities.
        reliability_before: The same before calibration; empty for refiners that are not calibrated.
        invalid_programs: Share of chunks whose program was rejected or had a failed operation.
        chunks: Number of chunks.
        kept_words: Share of the words of all pages that stayed.
        prompt_tokens: Tokens shown to the model.
        seconds: Wall time, without starting the engine.
    """

    pages: int
    word_f1: float
    word_f1_by_type: dict[str, float]
    word_f1_by_language: dict[str, float]
    word_f1_by_page: dict[str, float]
    removed: BinaryCounts
    removed_by_page: float
    reliability: list[ReliabilityBin]
    reliability_before: list[ReliabilityBin]
    invalid_programs: float
    chunks: int
    kept_words: float
    prompt_tokens: int
    seconds: float

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the line probabilities."""
        return calibration_error(self.reliability)


@dataclass(frozen=True, slots=True)
class DocumentEvaluation:
    """The results of a document refiner on pages of known type.

    Attributes:
        documents: Number of documents.
        keep: Decisions to keep, against `document_target` >= 0.5.
        drop: Decisions to drop, the class that is harder to find.
        accuracy_by_type: Share of correct decisions by page type or kind of synthetic document.
        reliability: P(keep) against the targets.
        reliability_before: The same before calibration; empty for refiners that are not calibrated.
        prompt_tokens: Tokens shown to the model.
        seconds: Wall time, without starting the engine.
    """

    documents: int
    keep: BinaryCounts
    drop: BinaryCounts
    accuracy_by_type: dict[str, float]
    reliability: list[ReliabilityBin]
    reliability_before: list[ReliabilityBin]
    prompt_tokens: int
    seconds: float

    @property
    def macro_f1(self) -> float:
        """Mean of the F1 of keeping and the F1 of dropping."""
        return (self.keep.f1 + self.drop.f1) / 2

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of P(keep)."""
        return calibration_error(self.reliability)


@dataclass(frozen=True, slots=True)
class LabelledDocument:
    """A document with the correct decision; `kind` is its page type, or the kind of a synthetic document."""

    doc_id: str
    text: str
    keep: bool
    kind: str


def chunk_programs(refiner: ChunkRefiner, texts: Sequence[str]) -> list[ChunkPrograms]:
    """Return the programs of each text, in order.

    Raises:
        RuntimeError: Inference failed for a text.
    """
    return _in_order(refiner.write_programs(_inputs(texts)))


def document_programs(refiner: DocumentRefiner, texts: Sequence[str]) -> list[DocumentProgram]:
    """Return the program of each text, in order; raises as `chunk_programs`."""
    return _in_order(refiner.write_programs(_inputs(texts)))


def _inputs(texts: Iterable[str]) -> Iterator[RefinerInput]:
    return (RefinerInput(str(place), text) for place, text in enumerate(texts))


ProgramsT = TypeVar("ProgramsT", ChunkPrograms, DocumentProgram)


def _in_order(results: Iterable[ProgramsT]) -> list[ProgramsT]:
    by_place: dict[int, ProgramsT] = {}
    for result in results:
        if result.error is not None:
            raise RuntimeError(f"inference failed for text {result.doc_id}: {result.error}")
        by_place[int(result.doc_id)] = result
    return [by_place[place] for place in range(len(by_place))]


def refine(text: str, programs: ChunkPrograms, policy: ExecutionPolicy) -> Refinement:
    """Execute the programs of a text."""
    return execute(text, stored_programs(text, [asdict(row) for row in programs.rows], policy), policy)


def evaluate_chunks(
    refiner: ChunkRefiner,
    pages: Sequence[LabelledPage],
    regime: Regime,
    policy: ExecutionPolicy,
    calibration: Calibration | None = None,
) -> ChunkEvaluation:
    """Refine pages with gold text, and compare the result with gold text and labels.

    The policy's `dialect` must be the refiner's; the calibration is the refiner's own.
    """
    texts = [page.text(regime) for page in pages]
    begin = time.perf_counter()
    programs = chunk_programs(refiner, texts)
    seconds = time.perf_counter() - begin
    return measure_chunks(pages, regime, programs, policy, seconds, calibration)


def measure_chunks(
    pages: Sequence[LabelledPage],
    regime: Regime,
    programs: Sequence[ChunkPrograms],
    policy: ExecutionPolicy,
    seconds: float = 0.0,
    calibration: Calibration | None = None,
) -> ChunkEvaluation:
    """Measure programs written earlier, under any policy: this tries out a threshold without inference."""
    scores: dict[str, float] = {}
    languages = language_groups([page.text(regime) for page in pages])
    by_language: dict[str, list[float]] = {}
    by_type: dict[str, list[float]] = {}
    pooled = BinaryCounts()
    by_page: list[float] = []
    scored: list[tuple[float, bool]] = []
    chunks = invalid = words = kept = 0
    for page, answer, language in zip(pages, programs, languages, strict=True):
        text = page.text(regime)
        refinement = refine(text, answer, policy)
        scores[page.page_id] = word_f1(refinement.text, page.gold)
        by_type.setdefault(page.page_type or "unknown", []).append(scores[page.page_id])
        by_language.setdefault(language, []).append(scores[page.page_id])
        labels = labelled_lines(page, regime)
        removed = _removed_lines(refinement, text)
        own = BinaryCounts()
        for counts in (pooled, own):
            for number, label in labels.items():
                counts.add(number in removed, label == 0)
        by_page.append(own.f1)
        for row in answer.rows:
            for number, probability in enumerate(row.line_keep_probabilities or (), row.line_start):
                if number in labels:
                    scored.append((probability, labels[number] == 1))
        chunks += len(answer.rows)
        refused = {chunk.chunk_index for chunk in refinement.chunks if chunk.verdict.is_refusal}
        invalid += len(refused | {edit.chunk_index for edit in refinement.edits if edit.status.is_failure})
        words += len(text.split())
        kept += len(refinement.text.split())
    return ChunkEvaluation(
        pages=len(pages),
        word_f1=mean(scores.values()),
        word_f1_by_type={kind: mean(values) for kind, values in sorted(by_type.items())},
        word_f1_by_language={group: mean(values) for group, values in sorted(by_language.items())},
        word_f1_by_page=scores,
        removed=pooled,
        removed_by_page=mean(by_page),
        reliability=reliability(scored),
        reliability_before=_before(scored, calibration),
        invalid_programs=invalid / max(1, chunks),
        chunks=chunks,
        kept_words=kept / max(1, words),
        prompt_tokens=sum(row.prompt_tokens for answer in programs for row in answer.rows),
        seconds=seconds,
    )


def language_groups(texts: Sequence[str]) -> list[str]:
    """Return the group of each text's language: English, other Latin, other scripts, or unknown."""
    languages = pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(language_of())
    return [_group(language) for [language] in languages.iter_rows()]


def _group(language: str) -> str:
    if language in ("english", UNKNOWN):
        return language
    return "other Latin" if language in FUNCTION_WORDS else "other scripts"


def measure_damage(refiner: ChunkRefiner, pages: Sequence[LabelledPage], policy: ExecutionPolicy) -> Damage:
    """Return what is removed from clean prose: the gold text of pages of `PROSE_TYPES`."""
    shown = [page for page in pages if page.page_type in PROSE_TYPES and page.gold.strip()]
    removed: dict[str, int] = {}
    visible: dict[str, int] = {}
    damaged = 0
    for page, answer in zip(shown, chunk_programs(refiner, [page.gold for page in shown]), strict=True):
        before = visible_characters(page.gold)
        lost = before - visible_characters(refine(page.gold, answer, policy).text)
        removed[page.site] = removed.get(page.site, 0) + lost
        visible[page.site] = visible.get(page.site, 0) + before
        damaged += lost > 0
    if not shown:
        return Damage(0.0, 0.0, 0.0, 0, 0)
    low, high = ratio_interval([*removed.values()], [*visible.values()])
    return Damage(sum(removed.values()) / sum(visible.values()), low, high, len(shown), damaged)


def labelled_documents(pages: Sequence[LabelledPage], regime: Regime) -> list[LabelledDocument]:
    """Return the pages of known type as documents, with the decision of the rule in data/targets/documents.py."""
    return [
        LabelledDocument(page.page_id, page.text(regime), target >= 0.5, page.page_type or "unknown")
        for page in pages
        if page.text(regime).strip() and (target := document_target(page)) is not None
    ]


def evaluate_documents(
    refiner: DocumentRefiner,
    documents: Sequence[LabelledDocument],
    policy: ExecutionPolicy,
    calibration: Calibration | None = None,
) -> DocumentEvaluation:
    """Judge documents and compare the results with the correct decisions.

    The policy's `doc_keep_threshold` turns P(keep) into a decision; the calibration is the refiner's own.
    """
    begin = time.perf_counter()
    programs = document_programs(refiner, [document.text for document in documents])
    return measure_documents(documents, programs, policy, time.perf_counter() - begin, calibration)


def measure_documents(
    documents: Sequence[LabelledDocument],
    programs: Sequence[DocumentProgram],
    policy: ExecutionPolicy,
    seconds: float = 0.0,
    calibration: Calibration | None = None,
) -> DocumentEvaluation:
    """Measure decisions made earlier."""
    keep, drop = BinaryCounts(), BinaryCounts()
    right: dict[str, list[float]] = {}
    scored: list[tuple[float, bool]] = []
    for document, answer in zip(documents, programs, strict=True):
        decision = decide_document(document.text, answer.program, answer.keep_probability, policy, answer.skip_reason)
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
        reliability=reliability(scored),
        reliability_before=_before(scored, calibration),
        prompt_tokens=sum(answer.prompt_tokens for answer in programs),
        seconds=seconds,
    )


def _before(scored: Sequence[tuple[float, bool]], calibration: Calibration | None) -> list[ReliabilityBin]:
    if calibration is None:
        return []
    return reliability((calibration.uncorrected(probability), keep) for probability, keep in scored)


def labelled_lines(page: LabelledPage, regime: Regime) -> dict[int, int]:
    """Return the labels of labelled lines that are not blank, by line number."""
    labelled = zip(page.text(regime).split("\n"), page.labels(regime), strict=True)
    return {number: label for number, (line, label) in enumerate(labelled) if label >= 0 and line.strip()}


def _removed_lines(refinement: Refinement, text: str) -> set[int]:
    if refinement.outcome is Outcome.DROPPED_BY_CHUNKS:
        return set(range(text.count("\n") + 1))
    ranges = (lines for chunk in refinement.chunks for lines in chunk.removed_lines)
    return {number for first, last in ranges for number in range(first, last + 1)}
