"""Documents before and after, side by side: which documents are shown, and how their lines differ.

The templates add the markup: they escape every piece of text and mark it by its kind.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from prox_assets.catalog.printable import printable
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome, Table

EDITED = 4
MOST_REMOVED = 2
DROPPED = 2

ROWS_PER_SAMPLE = 40
CHARACTERS_PER_LINE = 400
LINES_COMPARED = 2_000
CONTEXT_LINES = 2
# The first lines of a hundred-line menu say as much as all of it.
RUN_LINES = 6
# Comparing inside a line takes time quadratic in its words.
WORDS_COMPARED = 400
PROGRAMS_PER_SAMPLE = 4
CHARACTERS_PER_PROGRAM = 600

Piece = tuple[str, str]
"""Text, and its kind: "same", "removed" or "added"."""


@dataclass(frozen=True)
class SampleRow:
    """One line on each side; a side without that line is empty. A row may also stand for lines that are left out."""

    before: tuple[Piece, ...] = ()
    after: tuple[Piece, ...] = ()
    left_out: int = 0
    left_out_kind: str = "same"


@dataclass(frozen=True)
class Sample:
    """A document before and after.

    Attributes:
        why: Why it is shown.
        doc_id: The document.
        shard: Its shard.
        url: Its URL, made printable.
        outcome: Its outcome.
        reason: The reason for the outcome, if recorded.
        keep_probability: P(keep) from the document level, if it was scored.
        programs: Its chunk programs as text, or the applied operations if lines were scored.
        characters_before: Length of the raw text.
        characters_after: Length of the refined text.
        rows: The comparison.
        more: Rows that are not shown.
    """

    why: str
    doc_id: str
    shard: str
    url: str
    outcome: str
    reason: str
    keep_probability: float | None
    programs: tuple[str, ...]
    characters_before: int
    characters_after: int
    rows: tuple[SampleRow, ...]
    more: int


def samples(lake: Lake, corpus: str, shards: Sequence[str]) -> list[Sample]:
    """Return sample documents: edited ones around the median removal, those that lost most, and dropped ones."""
    outcomes = (
        lake.scan(corpus, Table.OUTCOMES, shards)
        .select("doc_id", "outcome", removed=pl.col("characters_before") - pl.col("characters_after"))
        .collect()
    )
    chosen = _choose(outcomes)
    wanted = pl.col("doc_id").is_in(list(chosen))
    frame = (
        lake.scan(corpus, Table.DOCUMENTS, shards)
        .filter(wanted)
        .select("doc_id", "shard", "url", before="text")
        .join(
            lake.scan(corpus, Table.OUTCOMES, shards).filter(wanted).select("doc_id", "outcome", "reason"), on="doc_id"
        )
        .join(
            lake.scan(corpus, Table.REFINED, shards).filter(wanted).select("doc_id", after="text"),
            on="doc_id",
            how="left",
        )
        .join(
            lake.scan(corpus, Table.DOC_PROGRAMS, shards)
            .filter(wanted)
            .select("doc_id", "program", "keep_probability"),
            on="doc_id",
            how="left",
        )
        .collect()
    )
    programs = _programs(lake, corpus, shards, wanted)
    rows = {row["doc_id"]: row for row in frame.iter_rows(named=True)}
    found = []
    for doc_id, why in chosen.items():
        if doc_id not in rows:
            continue
        row = rows[doc_id]
        compared = compare(row["before"], row["after"] or "")
        document_program = [row["program"]] if row["program"] else []
        found.append(
            Sample(
                why=why,
                doc_id=doc_id,
                shard=row["shard"],
                url=printable(row["url"] or ""),
                outcome=row["outcome"],
                reason=printable(row["reason"] or ""),
                keep_probability=row["keep_probability"],
                programs=tuple(_shown(text) for text in [*document_program, *programs.get(doc_id, [])]),
                characters_before=len(row["before"]),
                characters_after=len(row["after"] or ""),
                rows=compared[:ROWS_PER_SAMPLE],
                more=max(0, len(compared) - ROWS_PER_SAMPLE),
            )
        )
    return found


def _choose(outcomes: pl.DataFrame) -> dict[str, str]:
    """Return the chosen doc_ids, each with the reason for showing it."""
    chosen: dict[str, str] = {}
    edited = outcomes.filter(pl.col("outcome") == Outcome.KEPT_EDITED.value).sort("removed", "doc_id")
    start = max(0, edited.height // 2 - EDITED // 2)
    chosen |= dict.fromkeys(edited["doc_id"][start : start + EDITED], "edited, about as much as usual")
    for doc_id in edited["doc_id"].tail(MOST_REMOVED):
        chosen.setdefault(doc_id, "edited, among those that lost most")
    for outcome, why in (
        (Outcome.DROPPED_BY_DOCUMENT, "dropped as a document"),
        (Outcome.DROPPED_BY_CHUNKS, "dropped: nothing worth keeping was left"),
    ):
        # Sort by id, which is a hash: the sample is random, and the next report draws the same one.
        dropped = outcomes.filter((pl.col("outcome") == outcome.value) & (pl.col("removed") > 0)).sort("doc_id")
        chosen |= dict.fromkeys(dropped["doc_id"].head(DROPPED), why)
    return chosen


def _programs(lake: Lake, corpus: str, shards: Sequence[str], wanted: pl.Expr) -> dict[str, list[str]]:
    """Return the first chunk programs of documents; scored lines have none, so return the applied operations there."""
    chunks = (
        lake.scan(corpus, Table.CHUNK_PROGRAMS, shards)
        .filter(wanted & pl.col("program").is_not_null())
        .select("doc_id", "chunk_index", "program")
        .sort("doc_id", "chunk_index")
        .collect()
    )
    edits = (
        lake.scan(corpus, Table.EDITS, shards)
        .filter(wanted)
        .select(
            "doc_id",
            "chunk_index",
            "position",
            program=pl.concat_str(["operation", pl.lit(" "), "arguments", pl.lit("  # "), "status"], ignore_nulls=True),
        )
        .sort("doc_id", "chunk_index", "position")
        .collect()
    )
    found: dict[str, list[str]] = {}
    for frame in (chunks, edits.filter(~pl.col("doc_id").is_in(chunks["doc_id"].unique().implode()))):
        for row in frame.iter_rows(named=True):
            found.setdefault(row["doc_id"], []).append(row["program"])
    return {doc_id: texts[:PROGRAMS_PER_SAMPLE] for doc_id, texts in found.items()}


def _shown(program: str) -> str:
    text = "\n".join(printable(line) for line in program.split("\n"))
    return text if len(text) <= CHARACTERS_PER_PROGRAM else text[:CHARACTERS_PER_PROGRAM] + "…"


def compare(before: str, after: str) -> tuple[SampleRow, ...]:
    """Compare two texts line by line, and inside lines that changed; runs of unchanged lines are shortened."""
    old, new = before.split("\n")[:LINES_COMPARED], after.split("\n")[:LINES_COMPARED] if after else []
    rows: list[SampleRow] = []
    # Without autojunk, which would ignore frequent lines such as empty ones.
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for number, (tag, i, j, k, m) in enumerate(codes):
        if tag == "equal":
            rows += _unchanged(old[i:j], first=number == 0, last=number == len(codes) - 1)
            continue
        pairs = min(j - i, m - k) if tag == "replace" else 0
        rows += [SampleRow(*_inside(old[i + n], new[k + n])) for n in range(pairs)]
        rows += _run([SampleRow(before=_piece(line, "removed")) for line in old[i + pairs : j]], "removed")
        rows += _run([SampleRow(after=_piece(line, "added")) for line in new[k + pairs : m]], "added")
    return tuple(rows)


def _run(rows: list[SampleRow], kind: str) -> list[SampleRow]:
    """Shorten a long run of lines of one kind to its first lines and its last."""
    if len(rows) <= RUN_LINES + 2:
        return rows
    return [*rows[:RUN_LINES], SampleRow(left_out=len(rows) - RUN_LINES - 1, left_out_kind=kind), rows[-1]]


def _unchanged(lines: Sequence[str], *, first: bool, last: bool) -> list[SampleRow]:
    """Keep CONTEXT_LINES at each end that is next to a change."""
    head = 0 if first else CONTEXT_LINES
    tail = 0 if last else CONTEXT_LINES
    if len(lines) <= head + tail + 1:
        return [SampleRow(_piece(line, "same"), _piece(line, "same")) for line in lines]
    ends = [*lines[:head], *lines[len(lines) - tail :]]
    rows = [SampleRow(_piece(line, "same"), _piece(line, "same")) for line in ends]
    return [*rows[:head], SampleRow(left_out=len(lines) - head - tail), *rows[head:]]


def _piece(line: str, kind: str) -> tuple[Piece, ...]:
    return _cut([(line, kind)])


def _inside(old: str, new: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Mark the differences between two lines, word by word."""
    words, others = re.findall(r"\s+|\S+", old), re.findall(r"\s+|\S+", new)
    if max(len(words), len(others)) > WORDS_COMPARED:
        return _piece(old, "removed"), _piece(new, "added")
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, words, others, autojunk=False).get_opcodes():
        left.append(("".join(words[i:j]), "same" if tag == "equal" else "removed"))
        right.append(("".join(others[k:m]), "same" if tag == "equal" else "added"))
    return _cut(left), _cut(right)


def _cut(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Make pieces printable, and cut them off where the line gets too long."""
    kept: list[Piece] = []
    room = CHARACTERS_PER_LINE
    for text, kind in pieces:
        if not text:
            continue
        if len(text) > room:
            kept.append((printable(text[:room]) + "…", kind))
            break
        kept.append((printable(text), kind))
        room -= len(text)
    return tuple(kept)
