"""Is quality drifting? Judges the latest shards of a corpus against the earlier ones: what moved, and since when.

This module goes from rows of `shard_metrics` (read by arrivals.py) to findings. settings.py has thresholds, readings.py
reads values off a row, statistics.py has the formulas, and messages.py the wording.

Shards are judged one after another. A shard that deviates in a measure, or is merely suspect, stays out of that
measure's baseline; otherwise a fault that begins weakly would hide itself. `accepted_from` accepts an intended change
at once. A change that nobody acts on becomes the baseline after `adopt_after` shards, because people ignore an alarm
that never ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prox_assets.monitoring.drift.messages import Deviation, examples, message, summary
from prox_assets.monitoring.drift.readings import ONLY_UPWARD, Histogram, Level, Rate, Row, reading
from prox_assets.monitoring.drift.settings import KINDS, DriftSettings, Kind, Measure, Severity
from prox_assets.monitoring.drift.statistics import level_limits, pooled, psi, psi_noise, rate_limits

# One in a hundred quiet shards is taken for suspect: too few to narrow the baseline's spread.
SUSPECT_PROBABILITY = 0.01


class DriftError(Exception):
    """The settings do not fit the corpus; the message names the shard and the remedy."""


@dataclass(frozen=True)
class DriftFinding:
    """One measure that has moved.

    Attributes:
        measure: The measure.
        kind: The measure's kind.
        severity: How bad the change is.
        statistic: Name of the statistic that was compared: "psi", "change of rate", "relative change" or "columns".
        value: Its value, in the unit of `Threshold`; changes keep their sign.
        threshold: The value at which the change becomes a finding: the configured threshold, or what chance and the
            baseline's own spread explain, whichever is larger.
        baseline: The measure over the baseline (a rate, a level or the mean of a distribution of shares), or None.
        current: The same over the judged shards.
        since: First shard of the current run of deviating shards.
        shards: All shards of that run, in order; these are the ones to look at.
        message: All of this in a sentence or two.
        examples: A SELECT over the catalog's views that shows examples; run it with `prox sql`.
    """

    measure: Measure
    kind: Kind
    severity: Severity
    statistic: str
    value: float
    threshold: float
    baseline: float | None
    current: float | None
    since: str
    shards: tuple[str, ...]
    message: str
    examples: str


@dataclass(frozen=True)
class Compared:
    """The shards over which a measure was compared, in order.

    Attributes:
        baseline: The baseline's shards; if they are too few, nothing was judged.
        judged: The shards that were judged together, the arrival last.
    """

    baseline: tuple[str, ...]
    judged: tuple[str, ...]


@dataclass(frozen=True)
class ShardJudgement:
    """The judgement on one shard at the time of its arrival.

    Attributes:
        shard: The shard.
        judged: Measures that could be judged: there was a baseline, and both sides had values.
        findings: Findings for the measures that had moved.
        compared: The shards over which each enabled measure was compared. Every measure has its own baseline: a shard
            that is odd in one measure stays out of that measure's baseline only.
    """

    shard: str
    judged: tuple[Measure, ...]
    findings: tuple[DriftFinding, ...]
    compared: Mapping[Measure, Compared]


class _Judged(NamedTuple):
    """One measure at a shard's arrival: whether it could be judged, whether it moved, and over which shards."""

    possible: bool
    finding: DriftFinding | None
    compared: Compared


def judge_arrivals(rows: Sequence[Row], settings: DriftSettings) -> list[ShardJudgement]:
    """Judge every shard as at its arrival; each verdict depends on earlier rows only.

    Args:
        rows: The corpus's rows of `shard_metrics` in order of arrival (`arrivals.arrivals`), one per shard.
        settings: Windows and thresholds.

    Returns:
        A judgement per shard; shards that are pinned as the baseline, and shards before `accepted_from`, have none.

    Raises:
        DriftError: A pinned shard, or `accepted_from`, is not among the rows.
    """
    names = [row["shard"] for row in rows]
    unknown = {*settings.pinned_baseline, *([settings.accepted_from] if settings.accepted_from else [])} - {*names}
    if unknown:
        raise DriftError(
            f"the monitoring settings name shards without metrics: {', '.join(sorted(unknown))}; "
            "correct pinned_baseline or accepted_from, raise history_shards, or materialize quality_metrics for them"
        )
    start = names.index(settings.accepted_from) if settings.accepted_from else 0
    pinned = [row for row in rows if row["shard"] in settings.pinned_baseline]
    judged = [row for row in rows[start:] if row["shard"] not in settings.pinned_baseline]
    by_measure = {
        measure: list(_walk(measure, judged, pinned, settings))
        for measure in Measure
        if settings.threshold(measure).enabled
    }
    return [
        ShardJudgement(
            row["shard"],
            tuple(measure for measure, steps in by_measure.items() if steps[number].possible),
            tuple(finding for steps in by_measure.values() if (finding := steps[number].finding) is not None),
            {measure: steps[number].compared for measure, steps in by_measure.items()},
        )
        for number, row in enumerate(judged)
    ]


def _walk(measure: Measure, rows: Sequence[Row], pinned: Sequence[Row], settings: DriftSettings) -> Iterator[_Judged]:
    """Judge every row, with a baseline of earlier rows that did not deviate."""
    quiet: list[int] = []  # rows that have the measure and are not odd
    run: list[Row] = []
    odd: list[int] = []  # the current run of shards that deviate or are suspect
    for number, row in enumerate(rows):
        first = max(0, number + 1 - settings.judged_shards)
        window = rows[first : number + 1]
        earlier = [rows[index] for index in quiet if index < first]
        baseline = _telling(measure, pinned) if pinned else earlier[-settings.baseline_shards :]
        compared = Compared(*(tuple(row["shard"] for row in rows) for rows in (baseline, window)))
        deviation = None
        says_nothing = not _telling(measure, [row])
        possible = not says_nothing and len(baseline) >= settings.min_baseline_shards
        if possible:
            deviation = _severe(settings, _compare(measure, window, baseline, settings.false_alarm_probability))
        if says_nothing:  # such a shard neither ends a run nor joins a baseline
            yield _Judged(possible, None, compared)
            continue
        if deviation is not None:
            run.append(row)
        yield _Judged(possible, None if deviation is None else _finding(deviation, baseline, run), compared)
        if deviation is None:
            run = []
        if deviation is None and not (possible and _suspect(measure, window, baseline, settings)):
            quiet.append(number)
            odd = []
            continue
        odd.append(number)
        if len(odd) == settings.adopt_after:  # from here on, the new level is the baseline
            quiet, odd, run = odd, [], []


def _telling(measure: Measure, rows: Sequence[Row]) -> list[Row]:
    if measure is Measure.SCHEMA:
        return [row for row in rows if row.get("metadata_keys") is not None and row["documents_in"]]
    return [row for row in rows if reading(measure, [row]) is not None]


def _suspect(measure: Measure, window: Sequence[Row], baseline: Sequence[Row], settings: DriftSettings) -> bool:
    """Tell whether shards that do not deviate are still too odd to serve as a baseline."""
    warn = settings.threshold(measure).warn
    deviation = _compare(measure, window, baseline, max(SUSPECT_PROBABILITY, settings.false_alarm_probability))
    return deviation is not None and warn is not None and abs(deviation.value) >= max(warn / 2, deviation.noise)


def _compare(measure: Measure, window: Sequence[Row], baseline: Sequence[Row], probability: float) -> Deviation | None:
    """Compare the judged shards with the baseline's; return None if they cannot be compared, or for good news."""
    if measure is Measure.SCHEMA:
        return _changed_columns(window, baseline)
    current, before = reading(measure, window), reading(measure, baseline)
    parts = [part for row in baseline if (part := reading(measure, [row])) is not None]
    match current, before:
        case Histogram(), Histogram():
            statistic, value, noise, groups = _compare_histograms(current, before, parts, probability)
        case Rate(), Rate():
            pairs = [(part.value * part.units, part.units) for part in parts if isinstance(part, Rate)]
            low, expected, high = rate_limits(pairs, current.units, probability)
            statistic, value, groups = "change of rate", current.value - before.value, ()
            noise = max(high - expected, 0.0) if value > 0 else max(expected - low, 0.0)
        case Level(), Level():
            levels = [(part.value, part.sampling_variance) for part in parts if isinstance(part, Level)]
            low, expected, high = level_limits(levels, current.sampling_variance, probability)
            statistic, value, groups = "relative change", current.value / expected - 1, ()
            noise = high / expected - 1 if value > 0 else 1 - low / expected
        case _:
            return None
    if value < 0 and measure in ONLY_UPWARD:
        return None
    return Deviation(measure, statistic, value, noise, summary(measure, before), summary(measure, current), groups)


def _compare_histograms(
    current: Histogram, before: Histogram, parts: Sequence[object], probability: float
) -> tuple[str, float, float, tuple[tuple[object, object, float, float], ...]]:
    """Return the statistic's name, its value, how much of it chance explains, and `Deviation.groups`."""
    names = sorted({*before.counts, *current.counts})
    if not before.ordered:  # most frequent first, so that rare and new categories are pooled
        names.sort(key=lambda name: -before.counts.get(name, 0))
    groups = pooled([before.counts.get(name, 0) for name in names], current.size)
    histograms = [part for part in parts if isinstance(part, Histogram)]

    def binned(histogram: Histogram) -> list[int]:
        return [sum(histogram.counts.get(names[number], 0) for number in group) for group in groups]

    now, then = binned(current), binned(before)
    noise = psi_noise(current.size, [binned(part) for part in histograms], probability)
    shares = tuple(
        (names[group[0]], names[group[-1]], old / before.size, new / current.size)
        for group, old, new in zip(groups, then, now, strict=True)
    )
    return "psi", psi(now, then), noise, shares


def _changed_columns(window: Sequence[Row], baseline: Sequence[Row]) -> Deviation | None:
    """Compare native columns: find those that every baseline shard has and now are gone, and those that are new."""
    now = [row for row in window if row.get("metadata_keys") is not None and row["documents_in"]]
    if not now:
        return None
    current = {key for row in now for key in row["metadata_keys"]}
    gone = set.intersection(*({*row["metadata_keys"]} for row in baseline)) - current
    come = current - {key for row in baseline for key in row["metadata_keys"]}
    # Which metrics exist is part of the schema too: a refiner that stops scoring leaves these columns null.
    for column in ("keep_probability_histogram", "doc_prompted", "chunk_prompted"):
        had, has = [row.get(column) is not None for row in baseline], any(row.get(column) is not None for row in now)
        if all(had) and not has:
            gone.add(column)
        if has and not any(had):
            come.add(column)
    changes = tuple((name, "gone", 0.0, 0.0) for name in sorted(gone)) + tuple(
        (name, "new", 0.0, 0.0) for name in sorted(come)
    )
    return Deviation(Measure.SCHEMA, "columns", float(len(changes)), 0.0, None, None, changes)


def _severe(settings: DriftSettings, deviation: Deviation | None) -> Deviation | None:
    """Return the deviation with its severity if it is large enough for a finding, else None."""
    if deviation is None:
        return None
    threshold = settings.threshold(deviation.measure)
    size = abs(deviation.value)
    for severity, limit in ((Severity.ERROR, threshold.error), (Severity.WARN, threshold.warn)):
        if limit is not None and size >= max(limit, deviation.noise):
            return deviation.judged(severity, max(limit, deviation.noise))
    return None


def _finding(deviation: Deviation, baseline: Sequence[Row], run: Sequence[Row]) -> DriftFinding:
    shards = tuple(row["shard"] for row in run)
    return DriftFinding(
        measure=deviation.measure,
        kind=KINDS[deviation.measure],
        severity=deviation.severity,
        statistic=deviation.statistic,
        value=deviation.value,
        threshold=deviation.threshold,
        baseline=deviation.baseline,
        current=deviation.current,
        since=shards[0],
        shards=shards,
        message=message(deviation, baseline, run),
        examples=examples(deviation.measure, run[0]["corpus"], shards),
    )
