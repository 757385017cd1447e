"""Excerpts of what refinement did to a shard, for people: edited documents as line diffs.

Raw web text is hostile: whoever shows a preview must escape it for its medium. `as_markdown` does so for Markdown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from prox_assets.catalog.connection import ask_corpus
from prox_assets.catalog.printable import printable
from prox_assets.catalog.queries.documents_to_show import documents_to_show
from prox_assets.catalog.text_diff import DiffLine, Mark
from prox_assets.catalog.trace.read import read_trace
from prox_assets.catalog.trace.record import DocumentTrace
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table

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
    """Return excerpts of the edited documents of a shard, those around the median removal.

    Raises:
        LakeError: A file is damaged; the message names it.
    """
    chosen = ask_corpus(lake, corpus, lambda con: documents_to_show(con, edited=count), (Table.OUTCOMES,), [shard])
    return [_preview(read_trace(lake, place)) for place in chosen]


def _preview(trace: DocumentTrace) -> Preview:
    lines: list[str] = []
    for group in trace.diff():
        if group.folded:
            lines.append(f"@@ {len(group.lines):,} lines {group.lines[0].mark} @@")
        else:
            lines += [text for line in group.lines for text in _texts(line)]
    shown = [line if len(line) <= CHARACTERS_PER_LINE else line[:CHARACTERS_PER_LINE] + "…" for line in lines]
    if len(shown) > LINES_PER_EXCERPT:
        shown = [*shown[:LINES_PER_EXCERPT], f"@@ {len(shown) - LINES_PER_EXCERPT} more lines @@"]
    refined = trace.refined_text or ""
    return Preview(trace.place.doc_id, trace.url, len(trace.raw_text), len(refined), tuple(shown))


def _texts(line: DiffLine) -> Iterator[str]:
    """Yield a line as in a unified diff: an edited one before and after."""
    before, after = (
        "".join(text for mark, text in line.pieces if mark is not absent) for absent in (Mark.ADDED, Mark.REMOVED)
    )
    if line.mark is Mark.KEPT:
        yield f" {before}"
    if line.mark in (Mark.REMOVED, Mark.EDITED):
        yield f"-{before}"
    if line.mark in (Mark.ADDED, Mark.EDITED):
        yield f"+{after}"


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
