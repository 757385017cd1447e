"""Turns seed annotations into a training set: split by site, without duplicates and errors, with everything counted.

Prompts are built later, so one set serves every dialect and window.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import xxhash

from prox_assets.engines.extras import packages_of
from prox_assets.programs import parse
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.data.documents.short import SHORT
from prox_assets.training.data.page_annotations import SYNTHETIC_SITE, TEXT_SEPARATOR
from prox_assets.training.data.pages import Split, split_of
from prox_assets.training.data.seeds import SEED_CHUNKS, SEED_DOCUMENTS
from prox_assets.training.data.targets.lines import word_grams

Row = dict[str, Any]

# FineWeb's MinHash uses 5-word shingles and 112 permutations, at a similarity of about 0.75 (arXiv 2406.17557).
SHINGLE_WORDS = 5
PERMUTATIONS = 128
NEAR_DUPLICATE = 0.75
# Of two similar texts, the one in the earlier of these splits stays: held-out splits must not leak into training.
SPLIT_ORDER: tuple[Split, ...] = ("validation", "development", "train")

_SPLIT = pa.field("split", pa.string())
TRAINING_DOCUMENTS: pa.Schema = SEED_DOCUMENTS.append(_SPLIT)
"""SEED_DOCUMENTS and the split of each row."""
_REALS = pa.list_(pa.float32())
TRAINING_CHUNKS: pa.Schema = pa.schema(
    [*SEED_CHUNKS, _SPLIT, pa.field("distilled_targets", _REALS), pa.field("distilled_weights", _REALS)]
)
"""SEED_CHUNKS, the split of each row, and the targets softened by an ensemble, where one was used."""


@dataclass
class TrainingSetStatistics:
    """What became of the annotations.

    Attributes:
        annotations: Number of input rows.
        errors: Rows without an answer, by the first words of their error.
        unreadable_programs: Rows whose program does not parse.
        exact_duplicates: Rows of pages that share a text with another page.
        near_duplicates: Rows of pages that are nearly the same as another page.
        examples: Rows that stayed, by split.
        sites: Number of sites, by split.
        keep: Rows that keep (doc) or lines that stay (chunk), by split.
        drop: Rows that drop (doc) or lines that go (chunk), by split.
    """

    annotations: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    unreadable_programs: int = 0
    exact_duplicates: int = 0
    near_duplicates: int = 0
    examples: Counter[str] = field(default_factory=Counter)
    sites: dict[str, int] = field(default_factory=dict)
    keep: Counter[str] = field(default_factory=Counter)
    drop: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON and metadata."""
        return {name: dict(value) if isinstance(value, dict) else value for name, value in vars(self).items()}


def build_training_set(level: Level, annotations: Iterable[Row]) -> tuple[list[Row], TrainingSetStatistics]:
    """Return the examples of a level, each with its split, and statistics.

    Texts of one page stay together. Of equal or nearly equal pages only one stays, in the order validation,
    development, train: no training page is a copy of a validation page. Short made documents do not count: some are the
    same for several pages. The annotations, rows of SEED_DOCUMENTS or SEED_CHUNKS, may come from any number of
    annotators.
    """
    statistics = TrainingSetStatistics()
    groups: dict[str, list[Row]] = {}
    for row in annotations:
        statistics.annotations += 1
        if _is_usable(level, row, statistics):
            groups.setdefault(page_of(row["doc_id"]), []).append(row)
    kept = _without_duplicates(groups, statistics)
    examples = [{**row, "split": _split(row)} for name in kept for row in groups[name]]
    _count(level, examples, statistics)
    return examples, statistics


def page_of(doc_id: str) -> str:
    """Return the name of the page that a text belongs to; a model-annotated document is its own page."""
    page, separator, _ = doc_id.rpartition(TEXT_SEPARATOR)
    return page if separator else doc_id


def _is_usable(level: Level, row: Row, statistics: TrainingSetStatistics) -> bool:
    if row.get("error") is not None:
        statistics.errors[" ".join(row["error"].split()[:4])] += 1
        return False
    if level == "doc":
        return row["keep_target"] is not None
    if parse(row["program"]).errors:
        statistics.unreadable_programs += 1
        return False
    return True


def _split(row: Row) -> Split:
    """Return a row's split; synthetic documents carry theirs in the site's name."""
    maker, _, split = row["site"].partition(".")
    return split if maker == SYNTHETIC_SITE and split in SPLIT_ORDER else split_of(row["site"])


def _without_duplicates(groups: dict[str, list[Row]], statistics: TrainingSetStatistics) -> list[str]:
    """Return the names of the groups that stay, in input order."""
    with packages_of("lab", RefinerError):
        from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=NEAR_DUPLICATE, num_perm=PERMUTATIONS)
    seen: set[int] = set()
    kept: set[str] = set()
    for name in sorted(groups, key=lambda name: SPLIT_ORDER.index(_split(groups[name][0]))):
        rows = groups[name]
        texts = [row["text"] for row in rows if not row["doc_id"].rpartition(TEXT_SEPARATOR)[2].startswith(SHORT)]
        hashes = {xxhash.xxh3_64_intdigest(text.encode("utf-8", "replace")) for text in texts}
        if hashes & seen:
            statistics.exact_duplicates += len(rows)
            continue
        signature = MinHash(num_perm=PERMUTATIONS)
        signature.update_batch(_shingles(rows))
        if index.query(signature):
            statistics.near_duplicates += len(rows)
            continue
        index.insert(name, signature)
        seen |= hashes
        kept.add(name)
    return [name for name in groups if name in kept]


def _shingles(rows: Sequence[Row]) -> list[bytes]:
    """Return the word 5-grams of a page's longest text, or the text itself if it is too short for any."""
    text = max((row["text"] for row in rows), key=len)
    shingles = {" ".join(words) for words in word_grams(text, SHINGLE_WORDS)}
    return [shingle.encode("utf-8", "replace") for shingle in shingles or {text}]


def _count(level: Level, examples: Sequence[Row], statistics: TrainingSetStatistics) -> None:
    sites: dict[str, set[str]] = {}
    for row in examples:
        split = row["split"]
        statistics.examples[split] += 1
        sites.setdefault(split, set()).add(row["site"])
        if level == "doc":
            targets = [row["keep_target"]]
        else:
            weighted = zip(row["line_targets"], row["line_weights"], strict=True)
            targets = [target for target, weight in weighted if weight > 0]
        for target in targets:
            (statistics.keep if target >= 0.5 else statistics.drop)[split] += 1
    statistics.sites = {split: len(names) for split, names in sites.items()}
