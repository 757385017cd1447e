"""Tables about shards for the terminal, shared by `prox refine` and the demo."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from prox_assets.catalog.printable import printable
from prox_assets.lake.schemas import Outcome
from prox_assets.monitoring.metrics.previews import Preview
from prox_assets.programs import DocumentReason

# Ten times the released chunk model's failure rate, 0.36 % of documents (paper, table 35).
FAILED_PROGRAMS_WORTH_A_WARNING = 0.036


def outcome_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a table of documents and their outcomes, with a row per shard and a total.

    In = kept + dropped + quarantined; kept includes edited. Rejected are raw rows that never became documents.
    Retention is characters out / characters in. Below is how many documents no refiner was asked about.
    """
    table = Table(title="Documents", title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.caption, table.caption_justify = _abstentions(metrics.values()), "left"
    table.add_column("shard", overflow="fold")
    for name in ("in", "kept", "edited", "dropped", "quarantined", "rejected", "retention"):
        table.add_column(name, justify="right")
    counts = {shard: _counts(row) for shard, row in metrics.items()}
    for shard, of_shard in counts.items():
        table.add_row(escape(shard), *_cells(of_shard))
    if len(metrics) > 1:
        table.add_section()
        table.add_row("all", *_cells([sum(column) for column in zip(*counts.values(), strict=True)]))
    return table


def _counts(row: Mapping[str, Any]) -> list[int]:
    """Return the numbers of a row of the table, and the characters before and after."""
    edited = row[Outcome.KEPT_EDITED]
    kept = row[Outcome.KEPT_UNCHANGED] + edited
    dropped = row[Outcome.DROPPED_BY_DOCUMENT] + row[Outcome.DROPPED_BY_CHUNKS]
    documents = [row["documents_in"], kept, edited, dropped, row[Outcome.QUARANTINED], row["rows_rejected"]]
    return [*documents, row["characters_in"], row["characters_out"]]


def _cells(counts: list[int]) -> list[str]:
    *documents, before, after = counts
    return [*(f"{count:,}" for count in documents), f"{after / before:.1%}" if before else "-"]


def preview_lines(previews: Sequence[Preview]) -> list[Text]:
    """Return excerpts as lines to print, with removed lines red and added lines green.

    The lines are Text, not markup: corpus text contains brackets, backslashes and escape sequences.
    """
    colours = {"-": "red", "+": "green", "@": "dim"}
    lines: list[Text] = []
    for preview in previews:
        title = f"{preview.doc_id}  {preview.characters_before:,} to {preview.characters_after:,} characters"
        lines += [Text(), Text.assemble((title, "bold"), "  ", printable(preview.url or ""))]
        lines += [Text(printable(line), style=colours.get(line[:1], "")) for line in preview.diff]
    return lines


def _abstentions(metrics: Iterable[Mapping[str, Any]]) -> str | None:
    """Return how many documents were kept without asking a refiner, or None if there are none."""
    count = sum(row["documents_outside_training"] or 0 for row in metrics)
    if not count:
        return None
    documents = "1 document was" if count == 1 else f"{count:,} documents were"
    return f"{documents} kept because no refiner was trained on their script ({DocumentReason.OUTSIDE_TRAINING})."


def program_warning(metrics: Iterable[Mapping[str, Any]]) -> str | None:
    """Return a warning if many chunk programs were refused: nonsense leaves every document unchanged.

    Shards executed by an earlier release have no verdicts and are left out.
    """
    rows = [row for row in metrics if row["programs_failed"] is not None]
    chunks = sum(row["chunks"] - row["chunks_skipped"] for row in rows)
    failed = sum(row["programs_failed"] for row in rows)
    if not chunks or failed / chunks < FAILED_PROGRAMS_WORTH_A_WARNING:
        return None
    truncated = sum(row["programs_truncated"] for row in rows)
    return (
        f"{failed:,} of {chunks:,} chunk programs ({failed / chunks:.1%}) were refused as a whole, which leaves their "
        f"chunks unchanged; the token limit cut off {truncated:,} of all programs. The table `chunk_outcomes` has the "
        "verdict on each, `edits` the reasons."
    )
