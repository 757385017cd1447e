"""Lays out a comparison as one HTML page that opens without a network, in the style of a corpus's report."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prox_assets.comparison.contents import (
    LEAST_CHARACTERS,
    Comparison,
    Estimate,
    PairAgreement,
    RefinerSummary,
    Sample,
)
from prox_assets.lake.schemas import Outcome
from prox_assets.monitoring.report import charts
from prox_assets.monitoring.report.page import templates

SAMPLES_OPEN = 1
"""Pairs whose samples are unfolded."""

LinkOf = Callable[[Sequence[str], str], str | None]
"""Takes corpora and a document's id in the first; returns the address that shows it side by side, or None."""


def no_link(_corpora: Sequence[str], _doc_id: str) -> None:
    """Return no address: nothing is known to serve pages of documents."""


@dataclass(frozen=True)
class Matrix:
    """A number for each pair of refiners, the same on both sides of the diagonal."""

    title: str
    note: str
    values: dict[tuple[str, str], Estimate]

    def value(self, one: str, other: str) -> Estimate | None:
        """Return the value of a pair in either order; None on the diagonal."""
        return self.values.get((one, other)) or self.values.get((other, one))


def no_page(_corpus: str) -> None:
    """Return no address: nothing is known to serve pages of corpora."""


def render(
    comparison: Comparison,
    link_of: LinkOf = no_link,
    page_of: Callable[[str], str | None] = no_page,
    home: str | None = None,
) -> str:
    """Return the page as HTML.

    Args:
        comparison: What it says.
        link_of: Where a document is shown side by side.
        page_of: Where a corpus is shown.
        home: Where the lake is shown; a page that names it leads there.
    """
    samples: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in comparison.samples:
        samples[sample.first, sample.second].append(sample)
    return (
        templates("prox_assets.comparison")
        .get_template("comparison_of_refiners.html.jinja")
        .render(
            comparison=comparison,
            costs={cost.corpus: cost for cost in comparison.costs},
            scores=_scores(comparison),
            differences=_differences(comparison),
            matrices=matrices(comparison),
            names=short_names(comparison.corpora),
            samples=samples,
            opened=SAMPLES_OPEN,
            link_of=link_of,
            page_of=page_of,
            home=home,
            failures=failures,
            least_characters=LEAST_CHARACTERS,
            shade=shade,
            plain=plain,
            plain3=plain3,
            interval=interval,
            stacked=charts.stacked,
            Outcome=Outcome,
        )
    )


def matrices(comparison: Comparison) -> tuple[Matrix, ...]:
    """Return what is shown for every pair at once."""

    def of(take: Callable[[PairAgreement], Estimate]) -> dict[tuple[str, str], Estimate]:
        return {names: take(pair) for names, pair in comparison.pair_of.items()}

    return (
        Matrix(
            "Keeping or dropping documents",
            "Cohen's kappa: 1 is full agreement, 0 is what chance gives.",
            of(lambda pair: pair.kappa),
        ),
        Matrix(
            "Removing lines, where both keep the document",
            "Cohen's kappa over visible lines.",
            of(lambda pair: pair.lines_both_keep.kappa),
        ),
        Matrix(
            "Removed lines in common",
            "Lines that both remove / lines that either removes, where both keep the document.",
            of(lambda pair: pair.lines_both_keep.jaccard),
        ),
        Matrix(
            "Identical refined texts",
            "Of the documents that both keep.",
            of(lambda pair: pair.identical),
        ),
    )


def short_names(corpora: Sequence[str]) -> dict[str, str]:
    """Return the corpora's names without the part before an underscore that all of them share."""
    parts = [name.split("_") for name in corpora]
    shared = 0
    while all(len(part) > shared + 1 and part[shared] == parts[0][shared] for part in parts):
        shared += 1
    return {name: "_".join(part[shared:]) for name, part in zip(corpora, parts, strict=True)}


def failures(refiner: RefinerSummary) -> list[str]:
    """Return in words what a refiner failed on; [] for nothing."""
    found = [(count, verdict.replace("_", " ")) for verdict, count in refiner.failures.items()]
    found.append((refiner.outcomes[Outcome.QUARANTINED], "quarantined"))
    return [f"{count:,} {name}" for count, name in found if count]


def shade(estimate: Estimate | None) -> int:
    """Return how strongly a value between 0 and 1 is coloured, in steps from 0 to 4."""
    return 0 if estimate is None or estimate.value is None else min(4, max(0, int(estimate.value * 5)))


def plain(value: float | None) -> str:
    """Format a coefficient with two digits."""
    return "–" if value is None else f"{value:.2f}"


def plain3(value: float | None) -> str:
    """Format a score with three digits."""
    return "–" if value is None else f"{value:.3f}"


def interval(estimate: Estimate | None) -> str:
    """Return the ends of an interval, or nothing."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    return f"{plain(estimate.low)} to {plain(estimate.high)}"


def _scores(comparison: Comparison) -> dict[str, list[tuple[str, object]]]:
    """Return the scores on labelled pages by corpus: each with its regime."""
    found: dict[str, list[tuple[str, object]]] = defaultdict(list)
    for score in comparison.labelled.scores if comparison.labelled else ():
        found[score.corpus].append((score.regime, score))
    return found


def _differences(comparison: Comparison) -> list[tuple[object, charts.IntervalBar]]:
    found = comparison.labelled.differences if comparison.labelled else ()
    return list(zip(found, charts.interval_bars([(one.low, one.mean, one.high) for one in found]), strict=True))
