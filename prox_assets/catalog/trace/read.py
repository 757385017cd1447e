"""Reads a document's trace from its shard's files: where it came from, what was decided, what was changed.

The types are in record.py; lookup.py finds the document.
"""

import json
from collections.abc import Mapping
from typing import Any

from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.trace.record import (
    ChunkTrace,
    DecisionTrace,
    DocumentTrace,
    EditTrace,
    OutcomeTrace,
    RefinerTrace,
    ShardStep,
)
from prox_assets.corpora.keys import is_of_many
from prox_assets.lake.chain import CHAIN, State, chain_states
from prox_assets.lake.errors import LakeError
from prox_assets.lake.identity import source_version
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import EXECUTION_TABLES, KEPT_OUTCOMES, WRITTEN_BY, Outcome, Table
from prox_assets.lake.table_files import FileInfo
from prox_assets.personal_data import find, replaced
from prox_assets.programs import (
    ExecutionPolicy,
    Provenance,
    ProvenanceError,
    execute_with_provenance,
    line_cutoff,
    stored_programs,
)
from prox_assets.refiners.cascade.settings import CascadeSettings

Row = dict[str, Any]


def read_trace(lake: Lake, place: DocumentPlace) -> DocumentTrace:
    """Read a document's trace; it reads only row groups that may hold the document's row.

    A missing or damaged table leaves a gap and a warning; only the raw document is required.

    Raises:
        LakeError: The raw document is missing or its file is damaged.
    """
    return _Reader(lake, place).trace()


class _Reader:
    """Reads one document from its shard's files, and collects warnings about them."""

    def __init__(self, lake: Lake, place: DocumentPlace) -> None:
        self._lake = lake
        self._place = place
        self._warnings: list[str] = []
        self._shard_row = self._first_row(Table.SHARDS)
        self._infos = {table: self._info(table) for table in CHAIN}
        try:
            self._execution = lake.execution(place.corpus, place.shard)
        except LakeError as error:
            self._warn(error)
            self._execution = None

    def trace(self) -> DocumentTrace:
        document = self._document()
        outcome = self._one(Table.OUTCOMES)
        refined = self._one(Table.REFINED)
        policy_row = self._policy_row()
        policy = self._policy(policy_row)
        chunk_rows = self._rows(Table.CHUNK_PROGRAMS)
        steps = self._steps()
        kept = outcome is not None and outcome["outcome"] in KEPT_OUTCOMES
        if kept and refined is None:
            self._warnings.append("the document was kept but its refined text is missing; materialize refined_shards")
        provenance, gap = None, None
        if kept and refined is not None:
            provenance, gap = _provenance(document["text"], refined["text"], chunk_rows, policy)
        chunks_info = self._infos[Table.CHUNK_PROGRAMS]
        file_row, file_url = self._in_its_file(document["source_file"])
        return DocumentTrace(
            place=self._place,
            source_file=document["source_file"],
            file_row=file_row,
            source_url=file_url,
            url=document["url"],
            metadata=document["metadata"],
            raw_text=document["text"],
            text_hash=document["text_hash"],
            doc_refiner=_refiner(self._infos[Table.DOC_PROGRAMS]),
            decision=_decision(self._one(Table.DOC_PROGRAMS), policy),
            chunk_refiner=_refiner(chunks_info),
            chunks=_chunks(chunk_rows, self._rows(Table.CHUNK_OUTCOMES), self._rows(Table.EDITS)),
            chunk_floor=chunks_info.notes.get("chunk_floor") if chunks_info else None,
            outcome=_outcome(outcome),
            refined_text=refined["text"] if refined is not None else None,
            refined_hash=refined["refined_hash"] if refined is not None else None,
            policy=policy,
            line_cutoff=_line_cutoff(document["text"], chunk_rows, policy),
            execution_id=self._execution,
            execution_fingerprint=policy_row["execution_fingerprint"] if policy_row is not None else None,
            steps=steps,
            provenance=provenance,
            provenance_gap=gap,
            warnings=tuple(dict.fromkeys(self._warnings)),
        )

    def _in_its_file(self, source_file: str) -> tuple[int | None, str | None]:
        """Return the document's row in its file, and the file's URL."""
        row = self._place.source_row
        if self._shard_row is None:
            return (None if is_of_many(self._place.shard) else row), None
        url, files = self._shard_row["url"], self._shard_row["files"]
        if files is None:
            return row, url
        root = url.removesuffix(self._shard_row["source_file"])
        first = next((file["first_row"] for file in files if file["source_file"] == source_file), None)
        return (None if first is None else row - first), root + source_file

    def _document(self) -> Row:
        place = self._place
        rows = self._lake.rows_of_document(place.corpus, Table.DOCUMENTS, place.shard, place.source_row)
        for row in rows:
            if row["doc_id"] == place.doc_id:
                return row
        raise LakeError(
            f"{self._lake.uri(place.corpus, Table.DOCUMENTS, place.shard)} has no document {place.doc_id} in row "
            f"{place.source_row}: the shard has been read anew since; look the document up again"
        )

    def _rows(self, table: Table) -> list[Row]:
        """Return the document's rows, from the published execution only."""
        place = self._place
        try:
            rows = self._lake.rows_of_document(place.corpus, table, place.shard, place.source_row)
        except LakeError as error:
            self._warn(error)
            return []
        return [
            row
            for row in rows
            if row["doc_id"] == place.doc_id
            and (table not in EXECUTION_TABLES or row["execution_id"] == self._execution)
        ]

    def _one(self, table: Table) -> Row | None:
        rows = self._rows(table)
        return rows[0] if rows else None

    def _first_row(self, table: Table) -> Row | None:
        try:
            return next(self._lake.rows(self._place.corpus, table, self._place.shard), None)
        except LakeError as error:
            self._warn(error)
            return None

    def _info(self, table: Table) -> FileInfo | None:
        try:
            return self._lake.info(self._place.corpus, table, self._place.shard)
        except LakeError as error:
            self._warn(error)
            return None

    def _warn(self, error: LakeError) -> None:
        self._warnings.append(str(error))

    def _policy_row(self) -> Row | None:
        row = self._first_row(Table.POLICIES)
        if self._execution is None:
            return None
        if row is None:
            self._warnings.append("the rules of the execution are missing (policies); materialize refined_shards again")
            return None
        if row["execution_id"] != self._execution:
            self._warnings.append(
                "policies belongs to a different execution from the published one; materialize refined_shards"
            )
            return None
        return row

    def _policy(self, row: Row | None) -> Mapping[str, Any] | None:
        if row is None:
            return None
        try:
            return dict(json.loads(row["configuration"])["policy"])
        except (ValueError, TypeError, KeyError):
            self._warnings.append("policies does not hold a configuration; materialize refined_shards again")
            return None

    def _steps(self) -> tuple[ShardStep, ...]:
        row = self._shard_row
        documents = self._infos[Table.DOCUMENTS]
        if row is not None:
            listed = source_version(row["bytes"], row["etag"])
        else:
            self._warnings.append(
                "there is no record of the raw file, so changes to it cannot be detected; run discovery again"
            )
            listed = documents.notes.get("source_version") if documents is not None else None
        states = chain_states(self._infos, listed, self._execution)
        for table, state in states.items():
            self._warn_of(table, state)
        return tuple(_step(WRITTEN_BY[table], states[table], self._infos[table]) for table in CHAIN)

    def _warn_of(self, table: Table, state: State) -> None:
        step = WRITTEN_BY[table]
        if state is State.MISSING:
            self._warnings.append(f"{step} has not been run for this shard; materialize it")
        elif state is State.STALE:
            cause = "the source file has changed" if table is Table.DOCUMENTS else "what it was made from has changed"
            info = self._infos[table]
            if table is Table.OUTCOMES and info is not None and info.notes.get("execution_id") != self._execution:
                cause = "an execution was cut short before it was published, so its rows are not shown"
            self._warnings.append(f"{step} is stale: {cause}; materialize {step} again")


def _step(name: str, state: State, info: FileInfo | None) -> ShardStep:
    if info is None:
        return ShardStep(name, state, None, None, None, None)
    return ShardStep(name, state, info.run_id, info.created_at, info.code_version, info.fingerprint)


def _refiner(info: FileInfo | None) -> RefinerTrace | None:
    if info is None:
        return None
    said = info.notes.get("refiner") or {}
    return RefinerTrace(
        name=said.get("name"),
        kind=said.get("kind"),
        model=said.get("model"),
        revision=said.get("resolved_revision") or said.get("revision"),
        dialect=said.get("dialect"),
        fingerprint=info.fingerprint,
        cascade=_cascade(said.get("cascade")),
    )


def _cascade(said: object) -> CascadeSettings | None:
    """Return a cascade's settings; None where there are none, or they are of another release."""
    try:
        return None if said is None else CascadeSettings.model_validate(said)
    except ValueError:
        return None


def _fields(kind: type[Any], row: Row) -> Row:
    """Return the columns of a row that a type of record.py has as fields."""
    return {name: row[name] for name in kind.__dataclass_fields__ if name in row}


def _decision(row: Row | None, policy: Mapping[str, Any] | None) -> DecisionTrace | None:
    if row is None:
        return None
    threshold = policy.get("doc_keep_threshold") if policy is not None else None
    return DecisionTrace(**_fields(DecisionTrace, row), threshold=threshold)


def _outcome(row: Row | None) -> OutcomeTrace | None:
    if row is None:
        return None
    fields: Row = {**_fields(OutcomeTrace, row), "outcome": Outcome(row["outcome"])}
    return OutcomeTrace(**fields)


def _chunks(rows: list[Row], outcome_rows: list[Row], edit_rows: list[Row]) -> tuple[ChunkTrace, ...]:
    verdicts = {row["chunk_index"]: row["verdict"] for row in outcome_rows}
    edits: dict[int, list[EditTrace]] = {}
    for row in edit_rows:
        edit = EditTrace(**_fields(EditTrace, row))
        edits.setdefault(edit.chunk_index, []).append(edit)
    traces = []
    for row in rows:
        index, fields = row["chunk_index"], _fields(ChunkTrace, row)
        for name in ("line_keep_probabilities", "classifier_keep_probabilities"):
            fields[name] = None if row[name] is None else tuple(row[name])
        traces.append(ChunkTrace(index, **fields, verdict=verdicts.get(index), edits=tuple(edits.get(index, ()))))
    return tuple(traces)


def _line_cutoff(raw: str, chunk_rows: list[Row], stored: Mapping[str, Any] | None) -> float | None:
    """Return the P(keep) from which lines were kept; None where that is not known or no line was scored."""
    if stored is None or all(row["line_keep_probabilities"] is None for row in chunk_rows):
        return None
    try:
        return line_cutoff(raw, chunk_rows, ExecutionPolicy.from_dict(stored))
    except (ValueError, TypeError):
        return None  # a policy of another version: `_provenance` says so


def _provenance(
    raw: str, refined: str, chunk_rows: list[Row], stored: Mapping[str, Any] | None
) -> tuple[Provenance | None, str | None]:
    """Execute the stored programs again and record provenance; return the map, or why there is none."""
    if stored is None:
        return None, "the rules of the execution are not known"
    try:
        policy = ExecutionPolicy.from_dict(stored)
        refinement, provenance = execute_with_provenance(raw, stored_programs(raw, chunk_rows, policy), policy)
    except ProvenanceError as error:
        return None, str(error)
    except (ValueError, TypeError) as error:
        return None, f"the stored programs cannot be executed again: {error}"
    found = find(refinement.text, policy.personal_data)
    if found:
        provenance = provenance.with_replacements((one.start, one.end, len(one.replacement)) for one in found)
    if replaced(refinement.text, found) != refined:
        return None, "the stored programs produce a different text from the stored one; run `prox replay` for details"
    return provenance, None
