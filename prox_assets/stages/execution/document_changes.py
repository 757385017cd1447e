"""What an execution did to one document of the lake, line by line."""

from collections.abc import Sequence
from typing import Any

from prox_assets.programs import ExecutionPolicy, execute_with_provenance, stored_programs
from prox_assets.programs.expressing.changes import Changes, changes_between, changes_of
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
        removed = [lines for chunk in fate.refinement.chunks for lines in chunk.removed_lines]
        return changes_between(text, fate.text, removed)
    _, provenance = execute_with_provenance(text, stored_programs(text, chunks, policy), policy)
    replaced = ((one.start, one.end, len(one.replacement)) for one in fate.personal_data)
    return changes_of(text, fate.text, provenance.with_replacements(replaced))
