"""Withdrawn documents in the folders of labs and proofs outside the lake, and in what the lake has of proofs.

Rows of a document are taken out of a lab's tables and annotations. A proof is compared as a whole: one that had a
withdrawn document loses its documents, arms, tokens, evaluation texts, scores and report, and has to be written again.
What a model learned stays in the model.
"""

import json
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from prox_assets.lake.lake import Lake
from prox_assets.lake.proofs import PROOFS
from prox_assets.lake.rewriting import count_with, write_without
from prox_assets.lake.storage import Storage
from prox_assets.lake.withdrawn import Withdrawn

# Of a proof's folder (proof/folder.py), all but models and tokenizers.
_OF_A_PROOF = ("documents.parquet", "arms", "selectors", "tokens", "evaluation", "scores", "report.html", "report.json")
_IDS = ("doc_id", "page_id")


@dataclass(frozen=True)
class Cleaned:
    """What was removed from a folder.

    Attributes:
        place: The folder or file.
        what: What was done, for people.
    """

    place: str
    what: str


def clean_proofs_of_lake(lake: Lake, doc_ids: Collection[str]) -> Iterator[Cleaned]:
    """Take documents out of selectors' scores in the lake; the other tables of proofs hold sums only.

    Raises:
        LakeError: The lake cannot be read or written.
    """
    for proof in lake.storage.list_folders(PROOFS):
        folder = f"{PROOFS}/{proof}/selector_scores"
        for name in lake.storage.list_files(folder):
            path = f"{folder}/{name}"
            rows = count_with(lake.storage, path, "doc_id", doc_ids) if name.endswith(".parquet") else 0
            if rows:
                with lake.storage.new_files([path]) as [temporary]:
                    write_without(lake.storage, path, temporary, "doc_id", doc_ids)
                yield Cleaned(lake.storage.uri(path), f"{rows} rows removed")


def clean_folder(root: Path, asked: Withdrawn, doc_ids: Collection[str]) -> Iterator[Cleaned]:
    """Remove documents from a folder of labs or of proofs.

    Args:
        root: The folder; its folders are labs or proofs, or it is one itself.
        asked: The withdrawals, for pages that are known by their address.
        doc_ids: Ids of the documents.

    Raises:
        LakeError: A table is damaged, or the folder cannot be written.
        OSError: Likewise.
    """
    for path in sorted(root.rglob("documents.parquet")):
        folder = path.parent
        of_a_proof = {"position", "held_out"} <= set(pq.read_schema(path).names)
        if of_a_proof and count_with(Storage(str(folder)), path.name, "doc_id", doc_ids):
            # The documents go last, by which a repeated removal finds the folder.
            for name in reversed(_OF_A_PROOF):
                shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink(missing_ok=True)
            yield Cleaned(
                str(folder), "held withdrawn documents: its texts and numbers are removed; write the proof again"
            )
    for path in sorted(root.rglob("*.parquet")):
        rows = _clean_table(path, asked, doc_ids)
        if rows:
            yield Cleaned(str(path), f"{rows} rows removed; what was trained on them has learned them")
    for path in sorted(root.rglob("*.jsonl")):
        rows = _clean_lines(path, doc_ids)
        if rows:
            yield Cleaned(str(path), f"{rows} lines removed")


def _clean_table(path: Path, asked: Withdrawn, doc_ids: Collection[str]) -> int:
    storage = Storage(str(path.parent))
    there = pq.read_schema(path).names
    wanted: dict[str, Collection[str]] = {name: doc_ids for name in _IDS if name in there}
    if "url" in there:
        urls = pq.read_table(path, columns=["url"])["url"].unique().to_pylist()
        wanted["url"] = {url for url in urls if url and asked.of("", url, "") is not None}
    rows = 0
    for column, values in wanted.items():
        found = count_with(storage, path.name, column, values) or 0
        if found:
            with storage.new_files([path.name]) as [temporary]:
                write_without(storage, path.name, temporary, column, values)
        rows += found
    return rows


def _clean_lines(path: Path, doc_ids: Collection[str]) -> int:
    def stays(line: str) -> bool:
        try:
            row = json.loads(line)
        except ValueError:
            return True
        return not isinstance(row, dict) or not any(row.get(name) in doc_ids for name in _IDS)

    with path.open(encoding="utf-8") as lines:
        gone = sum(not stays(line) for line in lines)
    if gone:
        with (
            Storage(str(path.parent)).new_files([path.name]) as [temporary],
            temporary.open("w", encoding="utf-8") as out,
            path.open(encoding="utf-8") as lines,
        ):
            out.writelines(line for line in lines if stays(line))
    return gone
