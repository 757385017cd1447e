"""The types of a document's trace, which read.py fills and which the terminal and page.py show."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.text_diff import DiffGroup, diff_lines, grouped
from prox_assets.lake.chain import State
from prox_assets.lake.schemas import Outcome
from prox_assets.programs import Provenance
from prox_assets.refiners.cascade.settings import CascadeSettings


@dataclass(frozen=True, slots=True)
class ShardStep:
    """One step of the shard's refinement, as recorded in its file's footer; fields are None where there is no file.

    Attributes:
        name: The step, e.g. "doc_programs".
        state: Whether its file exists and was made from its current inputs.
        run_id: The run that wrote the file.
        written_at: When it was written, in UTC.
        code_version: Version of prox_assets that wrote it.
        fingerprint: Fingerprint of the configuration that wrote it.
    """

    name: str
    state: State
    run_id: str | None
    written_at: datetime | None
    code_version: str | None
    fingerprint: str | None


@dataclass(frozen=True, slots=True)
class RefinerTrace:
    """The refiner that wrote a level's programs, as recorded with them.

    Attributes:
        name: The refiner's name.
        kind: "model", "classifier", "cascade", "rules", "selector", or None for one that keeps everything.
        model: Folder or hub id of the model, if it has one.
        revision: The exact revision of the model's files, if the hub gave one; else the requested revision.
        dialect: How it writes programs (programs/dialects/dialect.py).
        fingerprint: Its inference fingerprint.
        cascade: The settings of a cascade; None elsewhere.
    """

    name: str | None
    kind: str | None
    model: str | None
    revision: str | None
    dialect: str | None
    fingerprint: str
    cascade: CascadeSettings | None = None


@dataclass(frozen=True, slots=True)
class DecisionTrace:
    """What the document refiner said; the fields are columns of `doc_programs`.

    Attributes:
        program: Emitted program, verbatim; None where the decision was scored.
        keep_probability: P(keep), where it was scored.
        threshold: The execution's threshold: a scored document is kept if P(keep) is at least this. None where the
            shard was not executed.
        truncated: Only the head of the document was shown.
        finish_reason: How the answer ended.
        skip_reason: Why it was not shown to the refiner.
        error: Why inference failed.
        prompt_tokens: Tokens shown.
        completion_tokens: Tokens generated.
        classifier_keep_probability: P(keep) by the classifier of a cascade.
    """

    program: str | None
    keep_probability: float | None
    threshold: float | None
    truncated: bool
    finish_reason: str
    skip_reason: str | None
    error: str | None
    prompt_tokens: int
    completion_tokens: int
    classifier_keep_probability: float | None = None


@dataclass(frozen=True, slots=True)
class EditTrace:
    """One operation and its status; the fields are columns of `edits`."""

    chunk_index: int
    position: int
    operation: str
    arguments: str
    status: str
    characters_removed: int
    characters_added: int


@dataclass(frozen=True, slots=True)
class ChunkTrace:
    """A chunk and what the chunk refiner said about it; most fields are columns of `chunk_programs`.

    Attributes:
        index: 0-based position in the document.
        line_start: First line, 0-based.
        line_end: Last line, inclusive.
        program: Emitted program, verbatim; None for skipped and most scored chunks.
        line_keep_probabilities: P(keep) of each line, where lines were scored.
        finish_reason: How the answer ended; "length" means that it was cut off.
        skip_reason: Why it was not shown to the refiner.
        error: Why inference failed.
        prompt_tokens: Tokens shown.
        completion_tokens: Tokens generated.
        verdict: The executor's verdict on the program as a whole; None if it was not executed, or if an earlier release
            executed it.
        edits: What became of its operations.
        classifier_keep_probabilities: P(keep) of each line by the classifier of a cascade.
    """

    index: int
    line_start: int
    line_end: int
    program: str | None
    line_keep_probabilities: tuple[float, ...] | None
    finish_reason: str
    skip_reason: str | None
    error: str | None
    prompt_tokens: int
    completion_tokens: int
    verdict: str | None
    edits: tuple[EditTrace, ...]
    classifier_keep_probabilities: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class OutcomeTrace:
    """What became of the document; the fields are columns of `outcomes`."""

    outcome: Outcome
    reason: str | None
    characters_before: int
    characters_after: int
    lines_before: int
    lines_after: int
    operations_applied: int
    operations_failed: int


@dataclass(frozen=True, slots=True)
class DocumentTrace:
    """Everything that happened to one document.

    Attributes:
        place: Where it is in the lake.
        source_file: Its raw file, relative to the corpus's glob root.
        file_row: Its row in that file, 0-based; None where it is not known how many rows precede the file in its shard.
        source_url: URL of that file; None if the lake has no record of it.
        url: URL of the page, if known.
        metadata: The other native columns, as a JSON object.
        raw_text: The raw text.
        text_hash: Hash of the raw text.
        doc_refiner: The refiner that decided; None before the document level has run.
        decision: The document-level decision; None before it has been made.
        chunk_refiner: The refiner that edited.
        chunks: The document's chunks, with programs and edits; empty for documents below the chunk floor.
        chunk_floor: Minimum keep probability for a document to be shown to the chunk refiner.
        outcome: What became of the document; None where no execution is published.
        refined_text: The refined text; None unless the document was kept.
        refined_hash: Hash of the refined text.
        policy: The execution policy, as stored.
        line_cutoff: Scored lines were kept if P(keep) is at least this; None if no line was scored or executed.
        execution_id: The published execution.
        execution_fingerprint: Fingerprint of the execution policy.
        steps: The steps from raw file to result, in order.
        provenance: Which raw text each part of the refined text came from; None where it is unknown.
        provenance_gap: Why the provenance is unknown; None if it is known, or if the document was not kept.
        warnings: What is missing, stale or damaged, each with its remedy.
    """

    place: DocumentPlace
    source_file: str
    file_row: int | None
    source_url: str | None
    url: str | None
    metadata: str | None
    raw_text: str
    text_hash: str
    doc_refiner: RefinerTrace | None
    decision: DecisionTrace | None
    chunk_refiner: RefinerTrace | None
    chunks: tuple[ChunkTrace, ...]
    chunk_floor: float | None
    outcome: OutcomeTrace | None
    refined_text: str | None
    refined_hash: str | None
    policy: Mapping[str, Any] | None
    line_cutoff: float | None
    execution_id: str | None
    execution_fingerprint: str | None
    steps: tuple[ShardStep, ...]
    provenance: Provenance | None
    provenance_gap: str | None
    warnings: tuple[str, ...]

    def diff(self) -> list[DiffGroup]:
        """Return the raw lines with what became of them, in groups; all are removed unless the document was kept."""
        return grouped(diff_lines(self.raw_text, self.refined_text, self.provenance))
