"""Shards that stand out from the rest of their corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from prox_assets.monitoring.report.history import Row
from prox_assets.monitoring.report.trends import TRENDS, Trend

FEWEST_SHARDS = 3
# Floor of the spread: where nearly all shards agree, a change in one of a hundred documents stands out.
SMALLEST_SPREAD = 0.01
# Factor from the median absolute deviation to the standard deviation of a normal distribution.
MAD_TO_DEVIATION = 1.4826

_TITLES = (
    "Retention",
    "Drop rate",
    "Failed programs",
    "Truncated programs",
    "Looping programs",
    "Quarantined documents",
    "Rejected rows",
)
WATCHED: tuple[Trend, ...] = tuple(trend for trend in TRENDS if trend.title in _TITLES)


@dataclass(frozen=True)
class Outlier:
    """One shard, and the metric in which it differs most.

    Attributes:
        row: The shard's metrics.
        values: The watched metrics by title.
        title: The metric that differs most, or None if there are too few shards to tell.
        usual: That metric's median over all shards.
        deviations: Distance from the median in robust standard deviations.
    """

    row: Row
    values: dict[str, float | None]
    title: str | None
    usual: float | None
    deviations: float


def outliers(latest: Sequence[Row], count: int = 10) -> list[Outlier]:
    """Return the shards that differ most from the median of their corpus, largest distance first.

    A shard's distance is its largest over the watched metrics: from the median, in scaled median absolute deviations.
    """
    values = {trend.title: [trend.series[""](row) for row in latest] for trend in WATCHED}
    usual: dict[str, tuple[float, float]] = {}
    if len(latest) >= FEWEST_SHARDS:
        for title, column in values.items():
            known = [value for value in column if value is not None]
            if known:
                middle = median(known)
                spread = median(abs(value - middle) for value in known) * MAD_TO_DEVIATION
                usual[title] = (middle, max(spread, SMALLEST_SPREAD))
    found = []
    for number, row in enumerate(latest):
        mine = {title: column[number] for title, column in values.items()}
        distances = {
            title: abs(value - usual[title][0]) / usual[title][1]
            for title, value in mine.items()
            if value is not None and title in usual
        }
        worst = max(distances, key=lambda title: distances[title], default=None)
        found.append(Outlier(row, mine, worst, usual[worst][0] if worst else None, distances[worst] if worst else 0.0))
    return sorted(found, key=lambda outlier: -outlier.deviations)[:count]
