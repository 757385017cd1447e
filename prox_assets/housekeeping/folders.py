"""Withdrawn documents in the folders of labs and proofs outside the lake, and in what the lake has of proofs.

Rows of a document are taken out of a lab's tables and annotations. A proof is compared as a whole: one that had a
withdrawn document loses its documents, arms, tokens, evaluation texts, scores and report, and has to be written again.
What a model learned stays in the model.
"""

import json
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from prox_assets.housekeeping.exported import UNREADABLE
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.proofs import PROOFS
from prox_assets.lake.records.withdrawn import Withdrawn
from prox_assets.lake.rewriting import count_with, write_without
from prox_assets.lake.storage.storage import Storage

# Of a proof's folder (proof/folder.py), all but models and tokenizers.
_OF_A_PROOF = ("documents.parquet", "arms", "selectors", "tokens", "evaluation", "scores", "report.html", "report.json")
_IDS = ("doc_id", "page_id")


@dataclass(frozen=True)
class Cleaned:
    """What was removed from a folder.

    Attributes:
        place: The folder or file.
        what: What was done, for people.
        failed: It says what could not be done, instead.
    """

    place: str
    what: str
    failed: bool = False


def clean_proofs_of_lake(lake: Lake, doc_ids: Collection[str]) -> Iterator[Cleaned]:
    """Take documents out of selectors' scores in the lake; the other tables of proofs hold sums only.

    Raises:
        LakeError: The lake cannot be listed.
    """
    for proof in lake.storage.list_folders(PROOFS):
        folder = f"{PROOFS}/{proof}/selector_scores"
        for name in lake.storage.list_files(folder):
            path = f"{folder}/{name}"
            if name.endswith(".parquet"):
                yield from _told(lake.storage.uri(path), partial(_clean_scores, lake, path, doc_ids))


def clean_folder(
    root: Path, asked: Withdrawn, doc_ids: Collection[str], without: Path | None = None
) -> Iterator[Cleaned]:
    """Remove documents from a folder of labs or of proofs; what cannot be read there is told, and the rest goes on.

    Args:
        root: The folder; its folders are labs or proofs, or it is one itself.
        asked: The withdrawals, for pages that are known by their address.
        doc_ids: Ids of the documents.
        without: A folder that is left alone where it lies in this one: the lake, which has its own way.
    """

    def files(pattern: str) -> list[Path]:
        return [
            path for path in sorted(root.rglob(pattern)) if without is None or without not in path.resolve().parents
        ]

    for path in files("documents.parquet"):
        with suppress(*UNREADABLE):  # told below, as one of the tables
            if not _is_of_a_proof(path, doc_ids):
                continue
            yield from _told(str(path.parent), partial(_empty_proof, path.parent))
    for path in files("*.parquet"):
        yield from _told(str(path), partial(_clean_table, path, asked, doc_ids))
    for path in files("*.jsonl"):
        yield from _told(str(path), partial(_clean_lines, path, doc_ids))


def _told(place: str, clean: Callable[[], str]) -> Iterator[Cleaned]:
    """Clean a place, and say what was done if anything was, or why it could not be."""
    try:
        what = clean()
    except UNREADABLE as error:
        yield Cleaned(place, f"mend it or remove it ({type(error).__name__}: {error})", failed=True)
    else:
        if what:
            yield Cleaned(place, what)


def _clean_scores(lake: Lake, path: str, doc_ids: Collection[str]) -> str:
    rows = count_with(lake.storage, path, "doc_id", doc_ids)
    if not rows:
        return ""
    with lake.storage.new_files([path]) as [temporary]:
        write_without(lake.storage, path, temporary, "doc_id", doc_ids)
    return f"{rows} rows removed"


def _is_of_a_proof(documents: Path, doc_ids: Collection[str]) -> bool:
    """Tell whether a table is that of a proof's documents, and has one of some."""
    if not {"position", "held_out"} <= set(pq.read_schema(documents).names):
        return False
    return bool(count_with(Storage(str(documents.parent)), documents.name, "doc_id", doc_ids))


def _empty_proof(folder: Path) -> str:
    # The documents go last, by which a repeated removal finds the folder.
    for name in reversed(_OF_A_PROOF):
        shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink(missing_ok=True)
    return "held withdrawn documents: its texts and numbers are removed; write the proof again"


def _clean_table(path: Path, asked: Withdrawn, doc_ids: Collection[str]) -> str:
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
    return f"{rows} rows removed; what was trained on them has learned them" if rows else ""


def _clean_lines(path: Path, doc_ids: Collection[str]) -> str:
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
    return f"{gone} lines removed" if gone else ""
