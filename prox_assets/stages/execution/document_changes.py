"""What an execution did to one document of the lake, line by line."""

from collections.abc import Sequence
from typing import Any

from prox_assets.programs import ExecutionPolicy, execute, stored_programs
from prox_assets.programs.execution.recording import ChunkRecord
from prox_assets.programs.expressing.changes import Changes, Replaced, changes_between, changes_of
from prox_assets.stages.execution.document_refinement import DocumentFate

Row = dict[str, Any]


def changes_of_document(
    text: str, chunks: Sequence[Row], fate: DocumentFate, policy: ExecutionPolicy
) -> Changes | None:
    """Return what was done to a document; None if it was dropped, or if that is not known (reference mode).

    Args:
        text: The document.
        chunks: Its rows of `chunk_programs`.
        fate: What they did under the policy.
        policy: How they were executed.
    """
    if fate.text is None or fate.refinement is None:
        return None
    if policy.mode == "reference":
        return changes_between(text, fate.refinement)
    records: list[ChunkRecord] = []
    left = execute(text, stored_programs(text, chunks, policy), policy, records).text
    personal_data = (Replaced(one.start, one.end, one.replacement) for one in fate.personal_data)
    return changes_of(text, left, records, personal_data)
