"""The table `judgements`: what people say about refined documents, written without ever touching an earlier file.

Rows that are there twice do no harm, because only a person's latest judgement on a document counts.
"""

from collections.abc import Mapping
from typing import Any

from prox_assets.lake.lake import Lake
from prox_assets.lake.records.appended import append, fold
from prox_assets.lake.schemas import Table


def append_judgement(lake: Lake, row: Mapping[str, Any]) -> None:
    """Write one judgement; it is on the disk when this returns.

    Args:
        lake: The lake.
        row: The columns of the table, `code_version` aside.

    Raises:
        LakeError: The lake cannot be written.
    """
    append(lake, Table.JUDGEMENTS, row["corpus"], [row])


def fold_judgements(lake: Lake, corpus: str) -> int:
    """Merge the files of a corpus's judgements into one if there are many; return how many were merged.

    Raises:
        LakeError: A file is damaged, or the lake cannot be written.
    """
    return fold(lake, Table.JUDGEMENTS, corpus)
