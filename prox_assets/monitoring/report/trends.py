"""Which metrics are followed over time, how each is read off a row of metrics, and signals before and after.

charts.py draws them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prox_assets.monitoring.metrics.watched import SHARE_BINS
from prox_assets.monitoring.report.history import History, Row, share, weighted_mean
from prox_assets.monitoring.signals import FAMILIES, Rule, passes

Read = Callable[[Row], float | None]


@dataclass(frozen=True)
class Trend:
    """A metric over time.

    Attributes:
        title: Its name.
        note: How it is computed, in a sentence.
        series: One function per line, by the line's name; a single line has the name "".
        unit: "share", "characters" or "rate".
        of_kept: Whether its (last) line is about kept documents alone, so that it has no value where none was kept.
    """

    title: str
    note: str
    series: dict[str, Read]
    unit: str = "share"
    of_kept: bool = False


def _of(part: str, whole: str) -> dict[str, Read]:
    return {"": lambda row: share(row[part], row[whole])}


def _programs(part: str) -> dict[str, Read]:
    return {"": lambda row: share(row[part], row["chunks"] - row["chunks_skipped"])}


def _median(column: str) -> Read:
    return lambda row: row[column][2] if row[column] else None


def signal(row: Row, when: str, name: str) -> float | None:
    """Return the mean of a signal "in" or "out", or None if it was not measured."""
    return row[f"signals_{when}"].get(name)


def _before_and_after(name: str) -> dict[str, Read]:
    return {"before": lambda row: signal(row, "in", name), "after": lambda row: signal(row, "out", name)}


def _mean_keep_probability(row: Row) -> float | None:
    counts = row["keep_probability_histogram"]
    if not counts:
        return None
    return weighted_mean([(number + 0.5) / SHARE_BINS for number in range(SHARE_BINS)], counts)


TRENDS: tuple[Trend, ...] = (
    Trend("Retention", "Characters of refined text per character read.", {"": lambda row: row["retention"]}),
    Trend(
        "Token retention", "The same in tokens, counted with the refiner's tokenizer.", _of("tokens_out", "tokens_in")
    ),
    Trend("Drop rate", "Share of documents dropped at either level.", {"": lambda row: row["drop_rate"]}),
    Trend("Edited documents", "Share of documents that were kept and edited.", _of("kept_edited", "documents_in")),
    Trend(
        "Removed fraction",
        "Share of the characters of kept documents that was removed.",
        {"": lambda row: share(row["characters_removed"], row["characters_out"] + row["characters_removed"])},
        of_kept=True,
    ),
    Trend("Keep probability", "Mean over scored documents, from the histogram.", {"": _mean_keep_probability}),
    Trend(
        "No-op programs",
        "Share of executed chunk programs that changed nothing.",
        _of("programs_no_op", "programs_executed"),
    ),
    Trend(
        "Over-deletion",
        "Share of executed documents that lost four fifths or more of their characters, or would have been emptied.",
        _of("documents_over_deleted", "documents_executed"),
    ),
    Trend(
        "Reverted documents",
        "Share of executed documents that stayed as they were because their programs left too little.",
        _of("documents_reverted", "documents_executed"),
    ),
    Trend(
        "Repeated lines",
        "Share of refined lines that other documents have too, expected among 30 documents.",
        _of("repetition_expected", "repetition_lines"),
    ),
    Trend("Failed programs", "Share of chunk programs that were refused as a whole.", _programs("programs_failed")),
    Trend("Truncated programs", "Share of chunk programs that hit the token limit.", _programs("programs_truncated")),
    Trend("Looping programs", "Share of chunk programs that repeat the same call.", _programs("programs_looping")),
    Trend(
        "Quarantined documents", "Share of documents whose inference kept failing.", _of("quarantined", "documents_in")
    ),
    Trend(
        "Outside training",
        "Share of documents that were kept because no refiner was trained on their script.",
        _of("documents_outside_training", "documents_in"),
    ),
    Trend(
        "Rejected rows",
        "Share of raw rows that could not become documents.",
        {"": lambda row: share(row["rows_rejected"], row["rows_rejected"] + row["documents_in"])},
    ),
    Trend(
        "Document length",
        "Median of the characters of a document; after refinement, of a kept document.",
        {
            "before": _median("document_characters_in_quantiles"),
            "after": _median("document_characters_out_quantiles"),
        },
        unit="characters",
        of_kept=True,
    ),
    *[
        Trend(
            family.title,
            f"Share of documents that pass all rules ({family.source}).",
            _before_and_after(passes(family)),
            of_kept=True,
        )
        for family in FAMILIES
    ],
    Trend(
        "Prompt tokens per second",
        "Inference at both levels, without model loading.",
        {"": lambda row: row["prompt_tokens_per_second"]},
        unit="rate",
    ),
)


@dataclass(frozen=True)
class SignalChange:
    """A signal's mean over the corpus, before refinement and after."""

    name: str
    meaning: str
    rule: Rule | None
    before: float | None
    after: float | None


@dataclass(frozen=True)
class FamilyChange:
    """A family of rules: the share of documents that pass, and its signals."""

    title: str
    source: str
    before: float | None
    after: float | None
    signals: tuple[SignalChange, ...]


def family_changes(history: History) -> list[FamilyChange]:
    """Compare signals before and after, weighting each shard by its documents."""
    by_name = [(when, [row[f"signals_{when}"] for row in history.latest]) for when in ("in", "out")]
    weights = {when: [row[f"documents_{when}"] for row in history.latest] for when in ("in", "out")}

    def means(name: str) -> dict[str, float | None]:
        return {when: weighted_mean([found.get(name) for found in of_rows], weights[when]) for when, of_rows in by_name}

    def change(name: str, meaning: str, rule: Rule | None) -> SignalChange:
        found: dict[str, Any] = means(name)
        return SignalChange(name, meaning, rule, found["in"], found["out"])

    changes = []
    for family in FAMILIES:
        rules = {rule.signal: rule for rule in family.rules}
        passing = means(passes(family))
        signals = tuple(change(name, meaning, rules.get(name)) for name, meaning in family.signals.items())
        changes.append(FamilyChange(family.title, family.source, passing["in"], passing["out"], signals))
    return changes
