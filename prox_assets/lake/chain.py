"""The states of a shard's files: whether each was made from the current version of its inputs.

Every file records the identities of its inputs in its footer, so comparing footers from raw documents to results shows
what is stale without knowing the configuration.
"""

from collections.abc import Mapping
from enum import StrEnum

from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileInfo

CHAIN = (Table.DOCUMENTS, Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS, Table.OUTCOMES)
"""One table for each step from raw text to refined text, in order."""


class State(StrEnum):
    """How a step's file relates to its current inputs."""

    MISSING = "missing"
    STALE = "stale"
    DONE = "done"


def chain_states(
    files: Mapping[Table, FileInfo | None], source_version: str | None, execution_id: str | None
) -> dict[Table, State]:
    """Return the state of each table of CHAIN; a step is DONE only if every step before it is.

    Args:
        files: What each file's footer says; None where there is no file.
        source_version: The version of the source file when it was last listed.
        execution_id: The execution that the shard's manifest names.
    """
    documents, decisions, chunks, outcomes = (files.get(table) for table in CHAIN)
    made_from_present = {
        Table.DOCUMENTS: _note(documents, "source_version") == source_version,
        Table.DOC_PROGRAMS: _note(decisions, "documents") == _identity(documents),
        Table.CHUNK_PROGRAMS: _note(chunks, "doc_programs") == _identity(decisions),
        # A run killed between writing the files and the manifest leaves files that no manifest names.
        Table.OUTCOMES: _note(outcomes, "chunk_programs") == _identity(chunks)
        and _note(outcomes, "execution_id") == execution_id,
    }
    states: dict[Table, State] = {}
    upstream_done = True
    for table in CHAIN:
        if files.get(table) is None:
            states[table] = State.MISSING
        else:
            states[table] = State.DONE if made_from_present[table] and upstream_done else State.STALE
        upstream_done = states[table] is State.DONE
    return states


def _note(info: FileInfo | None, name: str) -> object:
    return info.notes.get(name) if info else None


def _identity(info: FileInfo | None) -> object:
    return info.identity if info else None
