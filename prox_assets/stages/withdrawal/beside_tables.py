"""What the lake holds of a corpus's single documents beside its tables: judgements, index, report, comparisons.

None of it is a result: people judge again, and the others are written again from the tables.
"""

from collections.abc import Collection

from prox_assets.catalog.compaction import FOLDER, Compacted
from prox_assets.lake.footers import forget_footers
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.comparisons import forget_comparisons
from prox_assets.lake.rewriting import count_with, write_without
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.report.write import report_path

_INDEX = f"{Compacted.DOCUMENT_INDEX}-"


def remove_beside_tables(lake: Lake, corpus: str, doc_ids: Collection[str]) -> list[str]:
    """Remove documents of a corpus, its tables aside; it can be repeated.

    Args:
        lake: The lake.
        corpus: The corpus.
        doc_ids: The documents.

    Returns:
        The names of the comparisons that are removed with them.

    Raises:
        LakeError: The lake cannot be read or written.
    """
    while _remove_judgements(lake, corpus, doc_ids):
        pass  # files that were being merged meanwhile may have brought a row back
    lake.storage.remove(report_path(corpus))
    comparisons = forget_comparisons(lake, corpus)
    forget_footers(lake, corpus)
    for name in indices(lake, corpus):
        lake.storage.remove(f"{corpus}/{FOLDER}/{name}")
    return comparisons


def indices(lake: Lake, corpus: str) -> list[str]:
    """Return the names of a corpus's indices of documents; the next compaction makes one where there is none."""
    return [name for name in lake.storage.list_files(f"{corpus}/{FOLDER}") if name.startswith(_INDEX)]


def _remove_judgements(lake: Lake, corpus: str, doc_ids: Collection[str]) -> bool:
    """Take the judgements on some documents out of their files; return whether there were any."""
    found = False
    for name in lake.storage.list_files(f"{corpus}/{Table.JUDGEMENTS}"):
        path = f"{corpus}/{Table.JUDGEMENTS}/{name}"
        if not name.endswith(".parquet") or not count_with(lake.storage, path, "doc_id", doc_ids):
            continue
        found = True
        with lake.storage.new_files([path]) as [temporary]:
            write_without(lake.storage, path, temporary, "doc_id", doc_ids)
    return found
