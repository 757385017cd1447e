"""The kinds of arms, and how one is written."""

from collections.abc import Callable, Iterator
from typing import Any

from prox_assets.lake.lake import Lake
from prox_assets.proof.arms.at_random import random_document_parts, random_line_parts
from prox_assets.proof.arms.context import ArmContext, ArmPart
from prox_assets.proof.arms.oracle import oracle_parts
from prox_assets.proof.arms.raw import raw_parts
from prox_assets.proof.arms.refined import refined_parts
from prox_assets.proof.arms.rules import rules_parts
from prox_assets.proof.arms.selected import selected_parts
from prox_assets.proof.arms.table import ArmNotes, arm_notes, write_table
from prox_assets.proof.errors import ProofError
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.settings import ProofSettings
from prox_assets.proof.texts.documents import DocumentTable

_KINDS: dict[str, Callable[[ArmContext, Any], Iterator[ArmPart]]] = {
    "raw": raw_parts,
    "refined": refined_parts,
    "random_lines": random_line_parts,
    "random_documents": random_document_parts,
    "oracle": oracle_parts,
    "rules": rules_parts,
    "selector": selected_parts,
}


def arms_in_order(settings: ProofSettings) -> list[str]:
    """Return the names of all arms, each after the one that it is like.

    Raises:
        ProofError: Arms are like each other in a circle.
    """
    order: list[str] = []
    waiting = {arm.name: getattr(arm, "like", None) for arm in settings.arms}
    while waiting:
        ready = [name for name, like in waiting.items() if like is None or like in order]
        if not ready:
            raise ProofError(f"the arms {', '.join(waiting)} are like each other: one of them needs a share of its own")
        order += ready
        waiting = {name: like for name, like in waiting.items() if name not in order}
    return order


def write_arm(lake: Lake, settings: ProofSettings, folder: ProofFolder, name: str) -> ArmNotes:
    """Write the table ARM of an arm, shard by shard: a row for every document to train on, in the order of positions.

    The table of documents has to be there, and for controls and selectors the arm that they are like.

    Returns:
        What the arm has of each corpus, and its identity.

    Raises:
        ProofError: Nothing is left of any document, something that the arm is made from is missing or out of date, or
            a document does not have what the arm needs.
        LakeError: The lake cannot be read.
    """
    arm = settings.arm(name)
    context = ArmContext(lake, settings, folder, DocumentTable(folder))
    like = getattr(arm, "like", None)
    made_from = [
        arm.model_dump(mode="json"),
        settings.seed,
        arm_notes(folder, like).identity if like is not None else None,
    ]
    return write_table(folder, name, made_from, context.documents.notes, _KINDS[arm.kind](context, arm))
