"""How a comparison looks in a terminal: a line for each refiner, then one for each pair."""

from rich import box
from rich.table import Table
from rich.text import Text

from prox_assets.catalog.printable import printable
from prox_assets.cli.console import console, say, warn
from prox_assets.comparison.contents import LEAST_CHARACTERS, Comparison
from prox_assets.comparison.page import failures, plain, plain3, short_names
from prox_assets.monitoring.report.page import number, percent

PAIRS = 30


def print_comparison(comparison: Comparison) -> None:
    """Print it."""
    for of in comparison.unmatched:
        warn(
            f"{of.documents:,} documents of {of.corpus} are not compared, because another corpus lacks them or has "
            f"another text ({'; '.join(of.examples)})"
        )
    for shard in comparison.left_out:
        warn(f"shard {shard.shard} is not compared: {shard.why}")
    shards = "shard" if comparison.shards == 1 else "shards"
    say(f"{comparison.name}: the same {comparison.documents:,} documents of {comparison.shards:,} {shards}")
    console.print(_refiners(comparison))
    if any(cost.is_small for cost in comparison.costs):
        say(f"fewer than {LEAST_CHARACTERS:,} characters of raw text are too few to tell hours per 10^9")
    console.print(_pairs(comparison))
    if len(comparison.pairs) > PAIRS:
        say(f"and {len(comparison.pairs) - PAIRS} more pairs; the page has them all")


def _refiners(comparison: Comparison) -> Table:
    names = short_names(comparison.corpora)
    in_tokens = all(cost.raw_tokens for cost in comparison.costs)
    regimes = list(dict.fromkeys(score.regime for score in comparison.labelled.scores)) if comparison.labelled else []
    scores = (
        {(score.corpus, score.regime): score for score in comparison.labelled.scores} if comparison.labelled else {}
    )
    table = _table("refiner")
    columns = ["documents kept", "edited", "words kept", *(["tokens kept"] if comparison.tokenizer else [])]
    columns += ["lines removed", *(f"word F1, {regime}" for regime in regimes), "failures"]
    has_rewrites = any(refiner.rewrites_recorded for refiner in comparison.refiners)
    columns += ["rewrites recorded, not executed"] if has_rewrites else []
    for column in (*columns, f"hours per 10^9 {'tokens' if in_tokens else 'characters'}"):
        table.add_column(column, justify="right")
    if comparison.labelled and regimes:
        raw = [plain3(comparison.labelled.raw[regime]) for regime in regimes]
        before = columns.index(f"word F1, {regimes[0]}")
        table.add_row("raw text", *[""] * before, *raw)
    for refiner, cost in zip(comparison.refiners, comparison.costs, strict=True):
        rate = cost.per_billion_tokens if in_tokens else cost.per_billion_characters
        hours = rate(cost.gpu_hours or cost.core_hours)
        cells = [
            percent(refiner.documents_kept.value),
            percent(refiner.outcomes["kept_edited"] / decided if (decided := refiner.decided) else None),
            percent(refiner.words_kept.value),
            *([percent(refiner.tokens_kept.value)] if refiner.tokens_kept else []),
            percent(refiner.lines_removed / refiner.lines if refiner.lines else None),
            *(plain3(scores[refiner.corpus, regime].word_f1.value) for regime in regimes),
            "; ".join(failures(refiner)) or "none",
            *([f"{refiner.rewrites_recorded:,}"] if has_rewrites else []),
            "–" if hours is None else f"{number(hours)} {'GPU' if cost.gpu_hours else 'core'}",
        ]
        table.add_row(*map(Text, (printable(names[refiner.corpus]), *cells)))
    return table


def _pairs(comparison: Comparison) -> Table:
    names = short_names(comparison.corpora)
    table = _table("first", "second")
    for column in ("same decision", "kappa", "same text", "same lines", "kappa", "removed in common"):
        table.add_column(column, justify="right")
    for pair in comparison.pairs[:PAIRS]:
        lines = pair.lines_both_keep
        shares = (pair.identical.value, lines.agreement.value)
        cells = [
            percent(pair.agreement.value),
            plain(pair.kappa.value),
            *map(percent, shares),
            plain(lines.kappa.value),
        ]
        row = (printable(names[pair.first]), printable(names[pair.second]), *cells, percent(lines.jaccard.value))
        table.add_row(*map(Text, row))
    return table


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    return table
