"""What drift reads off rows of `shard_metrics`: a histogram, a rate or a level per measure.

This module knows the columns of each measure, how several shards add up, and the names of bins. statistics.py has the
formulas, judge.py the judgement.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from prox_assets.monitoring.drift.settings import Measure
from prox_assets.monitoring.metrics.watched import SHARE_BINS

Row = Mapping[str, Any]

MIN_RATIO_DOCUMENTS = 5


@dataclass(frozen=True)
class Histogram:
    """Counts by bin; bins are either ordered or named categories."""

    counts: Mapping[Any, int]
    ordered: bool

    @property
    def size(self) -> int:
        """The total count."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Rate:
    """A number of events in a number of trials.

    Attributes:
        events: Number of events.
        trials: Number of trials.
        units: Number of independent trials: lines of one document, for example, are not independent.
    """

    events: float
    trials: int
    units: float

    @property
    def value(self) -> float:
        """Events per trial."""
        return self.events / self.trials


@dataclass(frozen=True)
class Level:
    """A ratio of sums over documents.

    Attributes:
        numerator: Sum of the documents' numerators.
        denominator: Sum of their denominators.
        residual: Sum of (numerator - denominator * ratio) squared.
    """

    LEAST_VARIANCE: ClassVar[float] = 1e-9

    numerator: int
    denominator: int
    residual: float

    @property
    def value(self) -> float:
        """The ratio."""
        return self.numerator / self.denominator

    @property
    def sampling_variance(self) -> float:
        """Sampling variance of the ratio's logarithm (Cochran, Sampling Techniques, 1977, section 2.11)."""
        return max(self.residual / self.numerator**2, self.LEAST_VARIANCE)

    def variance_among(self, numerator: Any) -> Any:  # noqa: ANN401 - a number or an array
        """Return the sampling variance of the ratio's logarithm over as many such documents as have this numerator."""
        return self.sampling_variance * self.numerator / numerator


Reading = Histogram | Rate | Level


def reading(measure: Measure, rows: Sequence[Row]) -> Reading | None:
    """Return a measure over several shards together; None if none of them has it.

    Rows written by an earlier release lack the watched columns.
    """
    return combined([part for part in (_READ[measure](row) for row in rows) if part is not None])


def combined(parts: Sequence[Reading]) -> Reading | None:
    """Add up the readings of one measure over several shards; None if there are none."""
    if len(parts) < 2:
        return parts[0] if parts else None
    first = parts[0]
    if isinstance(first, Histogram):
        counts: Counter[Any] = Counter()
        for part in parts:
            counts.update(part.counts)  # pyright: ignore[reportAttributeAccessIssue] - a measure has one type
        return Histogram(counts, first.ordered)
    sums = [sum(values) for values in zip(*(vars(part).values() for part in parts), strict=True)]
    return type(first)(*sums)


def _shares(column: str) -> Callable[[Row], Histogram | None]:
    return lambda row: _histogram(row.get(column))


def _histogram(counts: Sequence[int] | None) -> Histogram | None:
    return Histogram(dict(enumerate(counts)), ordered=True) if counts and sum(counts) else None


def _languages(row: Row) -> Histogram | None:
    counts = {entry["language"]: entry["count"] for entry in row.get("documents_by_language") or ()}
    return Histogram(counts, ordered=False) if counts else None


def _rate(events: str, trials: str) -> Callable[[Row], Rate | None]:
    def read(row: Row) -> Rate | None:
        if row.get(events) is None or not row.get(trials):
            return None
        return Rate(row[events], row[trials], row[trials])

    return read


def _repetition(row: Row) -> Rate | None:
    expected, lines, residual = (row.get(f"repetition_{name}") for name in ("expected", "lines", "residual"))
    if expected is None or not lines or residual is None:
        return None
    # Lines of one document, and pages of one site, are correlated, so there are fewer independent lines than lines. Use
    # the number that gives the sampling variance seen over documents (design effect: Kish, Survey Sampling, 1965).
    share = expected / lines
    variance = residual / lines**2
    binomial = share * (1 - share)
    units = lines if variance * lines <= binomial else binomial / variance
    return Rate(expected, lines, max(1.0, units))


def _rejected(row: Row) -> Rate | None:
    rows = row["rows_rejected"] + row["documents_in"]
    return Rate(row["rows_rejected"], rows, rows) if rows else None


def _dropped(row: Row) -> Rate | None:
    documents = row["documents_in"] - row["quarantined"]
    dropped = row["dropped_by_document"] + row["dropped_by_chunks"]
    return Rate(dropped, documents, documents) if documents else None


def _programs(events: str) -> Callable[[Row], Rate | None]:
    def read(row: Row) -> Rate | None:
        shown = row["chunks"] - row["chunks_skipped"]
        if row[events] is None or not shown:
            return None
        return Rate(min(row[events], shown), shown, shown)

    return read


def _ratio(column: str) -> Callable[[Row], Level | None]:
    def read(row: Row) -> Level | None:
        sums = row.get(column)
        # A single document has no residual, and its ratio says little.
        if sums is None or sums["documents"] < MIN_RATIO_DOCUMENTS:
            return None
        return Level(sums["tokens"], sums["characters"], sums["residual"])

    return read


def _nothing(row: Row) -> None:
    """Read nothing: judge.py compares the schema."""


_READ: dict[Measure, Callable[[Row], Reading | None]] = {
    Measure.KEEP_PROBABILITY: _shares("keep_probability_histogram"),
    Measure.RETENTION: _shares("retention_histogram"),
    Measure.REMOVED_FRACTION: _shares("removed_fraction_histogram"),
    Measure.DOCUMENT_LENGTH: _shares("length_histogram"),
    Measure.OPERATIONS_PER_DOCUMENT: _shares("operations_histogram"),
    Measure.LANGUAGE_MIX: _languages,
    Measure.REPEATED_LINES: _repetition,
    Measure.FAILED_PROGRAMS: _programs("programs_failed"),
    Measure.TRUNCATED_PROGRAMS: _programs("programs_truncated"),
    Measure.LOOPING_PROGRAMS: _programs("programs_looping"),
    Measure.NO_OP_PROGRAMS: _rate("programs_no_op", "programs_executed"),
    Measure.OVER_DELETION: _rate("documents_over_deleted", "documents_executed"),
    Measure.DROPPED_DOCUMENTS: _dropped,
    Measure.QUARANTINED_DOCUMENTS: _rate("quarantined", "documents_in"),
    Measure.REJECTED_ROWS: _rejected,
    Measure.DOC_TOKENS_PER_CHARACTER: _ratio("doc_prompted"),
    Measure.CHUNK_TOKENS_PER_CHARACTER: _ratio("chunk_prompted"),
    Measure.SCHEMA: _nothing,
}

# For these measures, a fall is good news.
ONLY_UPWARD = frozenset(
    {
        Measure.REPEATED_LINES,
        Measure.FAILED_PROGRAMS,
        Measure.TRUNCATED_PROGRAMS,
        Measure.LOOPING_PROGRAMS,
        Measure.OVER_DELETION,
        Measure.QUARANTINED_DOCUMENTS,
        Measure.REJECTED_ROWS,
    }
)

_POWERS = {Measure.DOCUMENT_LENGTH: "characters", Measure.OPERATIONS_PER_DOCUMENT: "operations"}


def bin_name(measure: Measure, first: Any, last: Any) -> str:  # noqa: ANN401 - bins are numbers or names
    """Return the range of values that a group of neighbouring bins covers."""
    if measure in _POWERS:
        low = 0 if first == 0 else 2 ** (first - 1)
        high = 0 if last == 0 else 2**last - 1
        return f"{low:,} {_POWERS[measure]}" if low == high else f"{low:,}-{high:,} {_POWERS[measure]}"
    if isinstance(first, int):
        return f"{first / SHARE_BINS:.2f}-{(last + 1) / SHARE_BINS:.2f}"
    return str(first) if first == last else "other"


def mean_of(measure: Measure, histogram: Histogram) -> float | None:
    """Return the mean of a histogram of shares, using the middle of each bin; None for other histograms."""
    if measure in _POWERS or not histogram.ordered or not histogram.size:
        return None
    return sum((number + 0.5) / SHARE_BINS * count for number, count in histogram.counts.items()) / histogram.size
