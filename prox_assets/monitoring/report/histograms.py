"""Histograms of the latest shards beside the baseline: which measures are drawn, and the names of their bins.

monitoring/metrics/watched.py defines the bins; monitoring/drift/judge.py decides which shards are compared and whether
a difference matters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prox_assets.monitoring.drift.judge import Compared
from prox_assets.monitoring.drift.readings import Histogram, Row, reading
from prox_assets.monitoring.drift.settings import Measure
from prox_assets.monitoring.metrics.watched import LENGTH_BINS, OPERATION_BINS, SHARE_BINS


@dataclass(frozen=True)
class Comparison:
    """A distribution then and now.

    Attributes:
        title: The distributed quantity.
        over: The shards that are compared.
        bins: Name of each bin.
        baseline: Share of the baseline's documents in each bin.
        current: Share of the judged shards' documents in each bin.
    """

    title: str
    over: Compared
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


HISTOGRAMS: dict[Measure, tuple[str, int, Callable[[int], str]]] = {
    Measure.KEEP_PROBABILITY: ("Keep probability", SHARE_BINS, _share_bin),
    Measure.RETENTION: ("Retention per document", SHARE_BINS, _share_bin),
    Measure.REMOVED_FRACTION: ("Removed fraction per kept document", SHARE_BINS, _share_bin),
    Measure.DOCUMENT_LENGTH: ("Document length (characters)", LENGTH_BINS, _count_bin),
    Measure.OPERATIONS_PER_DOCUMENT: ("Operations per document", OPERATION_BINS, _count_bin),
}


def compare(rows: Sequence[Row], compared: Mapping[Measure, Compared]) -> list[Comparison]:
    """Compare every histogram that was judged and that both sides have.

    Args:
        rows: The corpus's rows of `shard_metrics`, one per shard.
        compared: The shards over which each measure was compared, from the latest shard's ShardJudgement.

    Returns:
        One comparison per histogram; leading and trailing bins empty in both are left out.
    """
    by_shard = {row["shard"]: row for row in rows}
    found = []
    for measure, (title, bins, name) in HISTOGRAMS.items():
        over = compared.get(measure)
        if over is None:
            continue
        before, after = (
            _shares(measure, [by_shard[shard] for shard in shards], bins) for shards in (over.baseline, over.judged)
        )
        if before is None or after is None:
            continue
        used = [number for number in range(bins) if before[number] or after[number]]
        shown = range(used[0], used[-1] + 1)
        found.append(
            Comparison(
                title,
                over,
                tuple(name(number) for number in shown),
                tuple(before[number] for number in shown),
                tuple(after[number] for number in shown),
            )
        )
    return found


def _shares(measure: Measure, rows: Sequence[Row], bins: int) -> list[float] | None:
    histogram = reading(measure, rows)
    if not isinstance(histogram, Histogram):
        return None
    return [histogram.counts.get(number, 0) / histogram.size for number in range(bins)]
