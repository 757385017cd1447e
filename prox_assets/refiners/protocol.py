"""The interface between stages and refiners: documents in, programs out, as streams.

The fields of the result types are the columns of the lake tables `doc_programs` and `chunk_programs`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class RefinerInput:
    """One document as a refiner sees it."""

    doc_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentProgram:
    """A document-level answer; the defaults are those of a refiner without a model.

    Attributes:
        doc_id: The document.
        program: The emitted text, verbatim; None where the decision was scored rather than generated.
        keep_probability: P(keep) / (P(keep) + P(drop)), in [0, 1]; None where it was not scored.
        prompt_tokens: Tokens shown to the model.
        completion_tokens: Tokens generated.
        truncated: Whether only the head of the document fitted the window.
        finish_reason: "stop", "length", "scored", "skipped" or "error".
        skip_reason: Why the document was not shown to the refiner: "blank", or "outside_training" where its script is
            none that the refiner was trained on; None if it was shown.
        error: Why inference failed for this document; it is then quarantined.
        classifier_keep_probability: In a cascade, P(keep) by its classifier. Without prompt tokens it is the decision;
            else `keep_probability` combines it with the model's, or the model wrote a program. None elsewhere.
    """

    doc_id: str
    program: str | None = None
    keep_probability: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    truncated: bool = False
    finish_reason: str
    skip_reason: str | None = None
    error: str | None = None
    classifier_keep_probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkProgramRow:
    """A chunk-level answer for the document's lines [line_start, line_end] (0-based, inclusive); defaults as above.

    Attributes:
        chunk_index: 0-based position of the chunk in its document.
        line_start: First line of the chunk.
        line_end: Last line of the chunk.
        program: The emitted text, verbatim. Where lines are scored: the normalize calls for spans judged to be noise,
            valid whichever lines are kept. None without such calls, and for skipped chunks.
        line_keep_probabilities: One P(keep) per line of the chunk, for dialects that score; else None.
        prompt_tokens: Tokens shown to the model, in all prompts for the chunk.
        completion_tokens: Tokens generated.
        finish_reason: "stop", "length", "scored", "skipped" or "error".
        skip_reason: Why the chunk was not shown to the refiner: "line_longer_than_window", "page_longer_than_window"
            where a dialect is shown whole pages only, "blank" for a document without any text, or "outside_training"
            as above; None if it was shown.
        classifier_keep_probabilities: In a cascade, P(keep) of each line by its classifier. Without prompt tokens they
            are `line_keep_probabilities`; else those combine them with the model's, or the model wrote a program. None
            elsewhere.
    """

    chunk_index: int
    line_start: int
    line_end: int
    program: str | None = None
    line_keep_probabilities: tuple[float, ...] | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str
    skip_reason: str | None = None
    classifier_keep_probabilities: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class ChunkPrograms:
    """All chunk programs of one document, in order; together the chunks cover each of its lines once.

    `error` says why inference failed for the document; it is then quarantined and `rows` may be incomplete.
    """

    doc_id: str
    rows: tuple[ChunkProgramRow, ...]
    error: str | None = None

    @classmethod
    def of_one_chunk(cls, document: RefinerInput, program: str | None, skip_reason: str | None = None) -> Self:
        """Return the programs of a document taken as one chunk, by a refiner without a model."""
        row = ChunkProgramRow(
            chunk_index=0,
            line_start=0,
            line_end=document.text.count("\n"),
            program=program,
            finish_reason="stop" if skip_reason is None else "skipped",
            skip_reason=skip_reason,
        )
        return cls(document.doc_id, (row,))


class DocumentRefiner(Protocol):
    """Writes one document-level program per document, in any order, reading a bounded number of documents ahead."""

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        """Yield exactly one result per document."""
        ...


class ChunkRefiner(Protocol):
    """Writes each document's chunk-level programs, documents in any order, reading a bounded number of them ahead."""

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        """Yield exactly one result per document."""
        ...
