"""Excerpts of what refinement did to a shard, for people: the documents whose text changed most, as line diffs.

Raw web text is hostile: whoever shows a preview must escape it for its medium. `as_markdown` does so for Markdown.
"""

import difflib
import re
from dataclasses import dataclass

import polars as pl

from prox_assets.catalog.printable import printable
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome, Table

LINES_PER_EXCERPT = 24
CHARACTERS_PER_LINE = 160


@dataclass(frozen=True)
class Preview:
    """One document before and after.

    Attributes:
        doc_id: The document.
        url: Its address, if known.
        characters_before: Length of the raw text.
        characters_after: Length of the refined text.
        diff: Lines beginning with "-" (removed), "+" (added), " " (kept) or "@" (lines left out).
    """

    doc_id: str
    url: str | None
    characters_before: int
    characters_after: int
    diff: tuple[str, ...]


def edit_previews(lake: Lake, corpus: str, shard: str, count: int = 3) -> list[Preview]:
    """Return excerpts of the edited documents of a shard, those with the median removal first.

    The biggest removals are oddities and the smallest say little: documents are taken around the median.
    """
    edited = (
        lake.scan(corpus, Table.OUTCOMES, [shard])
        .filter(pl.col("outcome") == Outcome.KEPT_EDITED.value)
        .select("doc_id", removed=pl.col("characters_before") - pl.col("characters_after"))
        .sort("removed", "doc_id")
        .collect()
    )
    if edited.is_empty():
        return []
    start = max(0, edited.height // 2 - count // 2)
    chosen = edited["doc_id"][start : start + count].to_list()
    texts = (
        lake.scan(corpus, Table.DOCUMENTS, [shard])
        .filter(pl.col("doc_id").is_in(chosen))
        .select("doc_id", "url", before="text")
        .join(
            lake.scan(corpus, Table.REFINED, [shard])
            .filter(pl.col("doc_id").is_in(chosen))
            .select("doc_id", after="text"),
            on="doc_id",
        )
        .sort("doc_id")
        .collect(engine="streaming")
    )
    return [
        Preview(row["doc_id"], row["url"], len(row["before"]), len(row["after"]), _diff(row["before"], row["after"]))
        for row in texts.iter_rows(named=True)
    ]


def _diff(before: str, after: str) -> tuple[str, ...]:
    """Return the first LINES_PER_EXCERPT lines of a unified diff, long lines cut."""
    lines = list(difflib.unified_diff(before.split("\n"), after.split("\n"), lineterm="", n=1))[2:]
    shown = [line if len(line) <= CHARACTERS_PER_LINE else line[:CHARACTERS_PER_LINE] + "…" for line in lines]
    if len(shown) > LINES_PER_EXCERPT:
        return (*shown[:LINES_PER_EXCERPT], f"@@ {len(shown) - LINES_PER_EXCERPT} more lines @@")
    return tuple(shown)


def as_markdown(previews: list[Preview]) -> str:
    """Return previews as Markdown, every piece of corpus text inside a code fence that it cannot close."""
    if not previews:
        return "No document of this shard was edited."
    return "\n\n".join(_block(preview) for preview in previews)


def _block(preview: Preview) -> str:
    # A carriage return ends a line in Markdown; other control characters have no business in a page.
    body = "\n".join(printable(line) for line in preview.diff)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
    url = re.sub(r"[`\s]", "", printable(preview.url or ""))[:CHARACTERS_PER_LINE]
    title = f"**{preview.doc_id}**: {preview.characters_before} to {preview.characters_after} characters"
    return f"{title}{f' (`{url}`)' if url else ''}\n\n{fence}diff\n{body}\n{fence}"
