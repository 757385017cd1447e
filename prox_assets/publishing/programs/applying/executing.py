"""One program applied to the text it was made for."""

from collections.abc import Mapping
from typing import Any

from prox_assets.corpora.document import Document, text_hash
from prox_assets.lake.schemas import KEPT_OUTCOMES
from prox_assets.programs import ExecutionPolicy
from prox_assets.publishing.programs.compiled import run
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.publishing.programs.manifest import ProgramsManifest
from prox_assets.publishing.programs.tables import Row


class DifferentResultError(ProgramsError):
    """A program gives another text than its maker's."""


def policy_of(manifest: ProgramsManifest, key: str) -> ExecutionPolicy:
    """Return a policy of a manifest, by its key there.

    Raises:
        ProgramsError: It belongs to another version of the executor.
    """
    try:
        return ExecutionPolicy.from_dict(manifest.policies[key].settings)
    except (KeyError, TypeError, ValueError) as error:
        raise ProgramsError(
            f"the programs of {manifest.corpus} cannot be executed as they were: {error}. Use prox_assets "
            f"{manifest.prox_assets}, which wrote them"
        ) from error


def refined_row(program: Mapping[str, Any], document: Document, policy: ExecutionPolicy) -> Row | None:
    """Return the row of a document's refined text; None if it is dropped.

    Args:
        program: A row of PROGRAMS whose raw_hash is that of the document's text.
        document: The original.
        policy: How its programs are executed.

    Raises:
        DifferentResultError: Another text than expected comes out.
    """
    if program["outcome"] not in KEPT_OUTCOMES:
        return None
    try:
        text = run(document.text, program["chunks"], program["replacements"], policy)
    except ValueError as error:
        raise DifferentResultError(f"its program does not fit its text: {error}") from error
    found = text_hash(text or "")
    if text is None or found != program["refined_hash"]:
        raise DifferentResultError(f"its program gives a text with the hash {found}")
    return {
        "doc_id": program["doc_id"],
        "source_file": program["source_file"],
        "source_row": program["source_row"],
        "url": document.url,
        "raw_hash": program["raw_hash"],
        "text": text,
        "metadata": document.metadata,
        "refined_hash": found,
    }
