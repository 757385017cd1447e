"""Histograms of the latest shards beside those of the baseline.

Belongs here: which histograms of `shard_metrics` are compared, and how their bins are called. The bins themselves are
those of monitoring/distributions.py; whether a difference matters is for monitoring/drift.py to say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prox_assets.monitoring.distributions import LENGTH_BINS, OPERATION_BINS, SHARE_BINS
from prox_assets.monitoring.report.history import Row


@dataclass(frozen=True)
class Comparison:
    """A distribution then and now.

    Attributes:
        title: What is distributed.
        bins: Name of each bin.
        baseline: Share of the baseline's documents in each bin.
        current: Likewise of the judged shards.
    """

    title: str
    bins: tuple[str, ...]
    baseline: tuple[float, ...]
    current: tuple[float, ...]


def _share_bin(number: int) -> str:
    width = 100 // SHARE_BINS
    return f"{number * width} to {number * width + width} %"


def _count_bin(number: int) -> str:
    if number < 2:
        return str(number)
    low, high = 2 ** (number - 1), 2**number - 1
    return f"{low:,} to {high:,}"


HISTOGRAMS: dict[str, tuple[str, int, Callable[[int], str]]] = {
    "keep_probability_histogram": ("Keep probability", SHARE_BINS, _share_bin),
    "retention_histogram": ("Text left of a document", SHARE_BINS, _share_bin),
    "removed_fraction_histogram": ("Taken from a kept document", SHARE_BINS, _share_bin),
    "length_histogram": ("Characters of a document", LENGTH_BINS, _count_bin),
    "operations_histogram": ("Operations applied to a document", OPERATION_BINS, _count_bin),
}


def compare(baseline: Sequence[Row], current: Sequence[Row]) -> list[Comparison]:
    """Add up and compare every histogram that both sides have; leading and trailing bins empty in both are left out."""
    found = []
    for column, (title, bins, name) in HISTOGRAMS.items():
        before, after = _shares(baseline, column, bins), _shares(current, column, bins)
        if before is None or after is None:
            continue
        used = [number for number in range(bins) if before[number] or after[number]]
        shown = range(used[0], used[-1] + 1)
        found.append(
            Comparison(
                title,
                tuple(name(number) for number in shown),
                tuple(before[number] for number in shown),
                tuple(after[number] for number in shown),
            )
        )
    return found


def _shares(rows: Sequence[Row], column: str, bins: int) -> list[float] | None:
    histograms = [row[column] for row in rows if row[column]]
    counts = [sum(histogram[number] for histogram in histograms) for number in range(bins)]
    total = sum(counts)
    return [count / total for count in counts] if total else None
