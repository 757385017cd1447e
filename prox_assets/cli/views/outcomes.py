"""Tables about shards for the terminal, shared by `prox refine` and the demo."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from prox_assets.catalog.printable import printable
from prox_assets.lake.schemas import Outcome
from prox_assets.monitoring.metrics.previews import Preview

# Ten times the released chunk model's failure rate, 0.36 % of documents (paper, table 35).
FAILED_PROGRAMS_WORTH_A_WARNING = 0.036


def outcome_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a table of documents and their outcomes, with a row per shard and a total.

    In = kept + dropped + quarantined; kept includes edited. Rejects are raw rows that never became documents. Text is
    the retention: characters out / characters in.
    """
    table = Table(title="Documents", title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("shard", overflow="fold")
    for name in ("in", "kept", "edited", "dropped", "quarantined", "rejects", "text"):
        table.add_column(name, justify="right")
    total: Counter[str] = Counter()
    for shard, row in metrics.items():
        counts = _counts(row)
        total.update(counts)
        table.add_row(escape(shard), *_cells(counts))
    if len(metrics) > 1:
        table.add_section()
        table.add_row("all", *_cells(total))
    return table


def _counts(row: Mapping[str, Any]) -> dict[str, int]:
    edited = row[Outcome.KEPT_EDITED]
    return {
        "in": row["documents_in"],
        "kept": row[Outcome.KEPT_UNCHANGED] + edited,
        "edited": edited,
        "dropped": row[Outcome.DROPPED_BY_DOCUMENT] + row[Outcome.DROPPED_BY_CHUNKS],
        "quarantined": row[Outcome.QUARANTINED],
        "rejected": row["rows_rejected"],
        "before": row["characters_in"],
        "after": row["characters_out"],
    }


def _cells(counts: Mapping[str, int]) -> list[str]:
    share = f"{counts['after'] / counts['before']:.1%}" if counts["before"] else "-"
    names = ("in", "kept", "edited", "dropped", "quarantined", "rejected")
    return [*(f"{counts[name]:,}" for name in names), share]


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


def program_warning(metrics: Iterable[Mapping[str, Any]]) -> str | None:
    """Warn if many chunk programs were refused: a refiner that writes nonsense leaves every document unchanged.

    Shards executed by an earlier release have no verdicts and are left out.
    """
    rows = [row for row in metrics if row["programs_failed"] is not None]
    chunks = sum(row["chunks"] - row["chunks_skipped"] for row in rows)
    failed = sum(row["programs_failed"] for row in rows)
    if not chunks or failed / chunks < FAILED_PROGRAMS_WORTH_A_WARNING:
        return None
    truncated = sum(row["programs_truncated"] for row in rows)
    return (
        f"{failed:,} of {chunks:,} chunk programs ({failed / chunks:.1%}) were refused as a whole, so their chunks "
        f"stay as they were; {truncated:,} of all programs were cut off by the token limit. The table `chunk_outcomes` "
        "has the verdict on each, `edits` the reasons."
    )
