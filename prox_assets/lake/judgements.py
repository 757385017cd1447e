"""The table `judgements`: what people say about refined documents, written without ever touching an earlier file.

Every judgement is a file of its own, so two writers never wait for each other and a killed one loses only what it was
writing. Folding merges the files into one. It writes the merged file before it removes the others: a kill in between
leaves rows twice, which does no harm, because only a person's latest judgement on a document counts.
"""

import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from prox_assets import __version__
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp

# A query opens every file: a hundred cost it some 30 ms.
FOLD_FROM = 100

LATEST = "row_number() OVER (PARTITION BY corpus, doc_id, judge ORDER BY judged_at DESC) = 1"
"""SQL condition (of QUALIFY) for the rows that count: the latest of each person on each document, and no row twice."""


def append_judgement(lake: Lake, row: Mapping[str, Any]) -> None:
    """Write one judgement; it is on the disk when this returns.

    Args:
        lake: The lake.
        row: The columns of the table, `code_version` aside.

    Raises:
        LakeError: The lake cannot be written.
    """
    _write(lake, row["corpus"], [row])


def fold_judgements(lake: Lake, corpus: str) -> int:
    """Merge the files of a corpus's judgements into one if there are many; return how many were merged.

    Raises:
        LakeError: A file is damaged, or the lake cannot be written.
    """
    names = lake.shards(corpus, Table.JUDGEMENTS)
    if len(names) < FOLD_FROM:
        return 0
    rows = [row for name in names for row in lake.rows(corpus, Table.JUDGEMENTS, name)]
    # Another process may be folding the same files: then both leave the same rows, and either may remove a file first.
    _write(lake, corpus, rows)
    for name in names:
        lake.storage.remove(lake.table_path(corpus, Table.JUDGEMENTS, name))
    return len(names)


def _write(lake: Lake, corpus: str, rows: Iterable[Mapping[str, Any]]) -> None:
    # The time comes first, so that a listing shows the files in order.
    name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
    stamp = FileStamp(fingerprint(str(Table.JUDGEMENTS)), name, name, __version__)
    with lake.write(corpus, name, [Table.JUDGEMENTS], stamp) as [writer]:
        for row in rows:
            writer.write(row)
