"""Is quality drifting? Judges the latest shards of a corpus against the earlier ones: what moved, and since when.

This module goes from rows of `shard_metrics` (read by arrivals.py) to findings. settings.py has thresholds, windows.py
chooses the shards that are compared, comparison.py compares them, and messages.py has the wording.

Shards are judged one after another. A shard that deviates in a measure, or is merely suspect, stays out of that
measure's baseline; otherwise a fault that begins weakly would hide itself. `accepted_from` accepts an intended change
at once. A change that nobody acts on becomes the baseline after `adopt_after` shards, because people ignore an alarm
that never ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prox_assets.monitoring.drift.comparison import Change, Series
from prox_assets.monitoring.drift.messages import examples, message
from prox_assets.monitoring.drift.readings import ONLY_UPWARD, Row
from prox_assets.monitoring.drift.settings import KINDS, STATISTICS, DriftSettings, Kind, Measure, Severity
from prox_assets.monitoring.drift.windows import Windows

# One in a hundred quiet shards is taken for suspect: too few to narrow the baseline's spread.
SUSPECT_PROBABILITY = 0.01


class DriftError(Exception):
    """The settings do not fit the corpus; the message names the shard and the remedy."""


@dataclass(frozen=True)
class Gauge:
    """How near one measure is to its limit, whether or not it is a finding.

    Attributes:
        measure: The measure.
        statistic: Name of the statistic that is compared (`settings.STATISTICS`).
        unit: Unit of `value` and `limit`.
        value: The change against the baseline; rates and levels keep its sign.
        limit: The smallest change that is a finding: the configured threshold, or what chance and the baseline's own
            spread explain, whichever is larger, and never more than can happen. It bounds the size of `value`.
        baseline: The measure over the baseline (a rate, a level or the mean of a distribution of shares), or None.
        current: The same over the judged shards.
        shards: Number of shards that were judged together.
    """

    measure: Measure
    statistic: str
    unit: str
    value: float
    limit: float
    baseline: float | None
    current: float | None
    shards: int

    @property
    def kind(self) -> Kind:
        """The measure's kind."""
        return KINDS[self.measure]

    @property
    def share_of_limit(self) -> float:
        """How near the change is to its limit: 0 for none and for good news, 1 and more for a finding."""
        return 0.0 if self.value < 0 and self.measure in ONLY_UPWARD else abs(self.value) / self.limit


@dataclass(frozen=True)
class DriftFinding:
    """One measure that has moved.

    Attributes:
        measure: The measure.
        kind: The measure's kind.
        severity: How bad the change is.
        statistic: Name of the statistic that was compared: "psi", "change of rate", "relative change" or "columns".
        value: Its value, in the unit of `Threshold`; changes keep their sign.
        threshold: The value at which the change becomes a finding of this severity.
        baseline: The measure over the baseline (a rate, a level or the mean of a distribution of shares), or None.
        current: The same over the judged shards.
        since: First shard of the current run of deviating shards. Where only several shards together deviate, the first
            of these: the change is not older.
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
        gauges: Every measure that could be judged: there was a baseline, both sides had values, and not everything that
            can happen to so few documents is explained by chance.
        findings: Findings for the measures that had moved.
        compared: The shards over which each enabled measure was compared. Every measure has its own baseline: a shard
            that is odd in one measure stays out of that measure's baseline only.
    """

    shard: str
    gauges: tuple[Gauge, ...]
    findings: tuple[DriftFinding, ...]
    compared: Mapping[Measure, Compared]

    @property
    def judged(self) -> tuple[Measure, ...]:
        """The measures that could be judged."""
        return tuple(gauge.measure for gauge in self.gauges)


class _Verdict(NamedTuple):
    """One measure of some shards together: how far it moved, its lowest limit, and how bad that is."""

    window: range
    change: Change
    limit: float
    severity: Severity | None
    passed: float  # the limit of that severity

    @property
    def order(self) -> tuple[int, bool, float]:
        """Order by severity, then findings about the latest shard alone, then by how near the limit is."""
        severity = [None, Severity.WARN, Severity.ERROR].index(self.severity)
        return severity, severity > 0 and len(self.window) == 1, self.change.size / self.limit


class _Judged(NamedTuple):
    """One measure at a shard's arrival, and over which shards it was compared."""

    gauge: Gauge | None
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
        measure: list(_Walk(measure, pinned, judged, settings).steps())
        for measure in Measure
        if settings.threshold(measure).enabled
    }
    return [
        ShardJudgement(
            row["shard"],
            tuple(gauge for steps in by_measure.values() if (gauge := steps[number].gauge) is not None),
            tuple(finding for steps in by_measure.values() if (finding := steps[number].finding) is not None),
            {measure: steps[number].compared for measure, steps in by_measure.items()},
        )
        for number, row in enumerate(judged)
    ]


def nothing_judged(
    judgements: Sequence[ShardJudgement], settings: DriftSettings, kind: Kind | None = None
) -> str | None:
    """Return why no measure of the latest shard was judged; None if some was.

    Args:
        judgements: The corpus's judgements.
        settings: The settings they were made with.
        kind: The kind of measures; all by default.
    """
    if not judgements:
        return "no shard has been measured since the baseline's"
    latest = judgements[-1]
    if any(kind in (None, gauge.kind) for gauge in latest.gauges):
        return None
    over = [over for measure, over in latest.compared.items() if kind in (None, KINDS[measure])]
    if not over:
        return "the settings switch off all its measures"
    baseline, needed = max(len(compared.baseline) for compared in over), settings.min_baseline_shards
    if baseline < needed:
        return f"{len(judgements)} shards are measured, and {needed + 1} with the same measures are needed"
    return f"{latest.shard} lacks the measures, or has too few documents for any change to stand out"


class _Walk:
    """The judgement of one measure, shard by shard; shards go by their number.

    Attributes:
        quiet: Shards that have the measure and are not odd: the baseline is the latest of them.
        before: The same of the level before the present one was adopted.
        run: The current run of shards that deviate.
        odd: The current run of shards that deviate or are suspect.
        alarms: How many shards long that run is.
        size: By how much the measure deviated last.
        alone: The shard after the last one that deviated by itself, which has had its own alarm.
    """

    def __init__(self, measure: Measure, pinned: Sequence[Row], rows: Sequence[Row], settings: DriftSettings) -> None:
        self._measure, self._settings = measure, settings
        self._threshold = settings.threshold(measure)
        self._rows = [*pinned, *rows]
        self._series = Series(measure, self._rows)
        self._pinned = [number for number in range(len(pinned)) if self._series.tells[number]] if pinned else None
        self._first = len(pinned)
        self._windows = Windows(settings, [row["documents_in"] for row in self._rows])
        self.quiet, self.before, self.run, self.odd = list[int](), list[int](), list[int](), list[int]()
        self.alarms, self.size, self.alone = 0, 0.0, self._first

    def steps(self) -> Iterator[_Judged]:
        """Judge every row, with a baseline of earlier rows that did not deviate."""
        for number in range(self._first, len(self._rows)):
            window, baseline = self._windows.choose(number, self.alone, self.quiet, self._pinned)
            if not self._series.tells[number]:  # such a shard neither ends a run nor joins a baseline
                yield self._judged(None, window, baseline)
                continue
            verdicts = self._verdicts(window, baseline)
            if self.run and verdicts and not any(verdict.severity or self._shows(verdict) for verdict in verdicts):
                # It is too small to show by itself whether the run goes on: together with the run's shards it is not.
                window, baseline = self._windows.choose(number, self._first, self.quiet, self._pinned)
                verdicts = self._verdicts(window, baseline)
            worst = max(verdicts, key=lambda verdict: verdict.order, default=None)
            deviating = [] if worst is None or worst.severity is None else [*worst.window]
            self.run = [*self.run, *(shard for shard in deviating if shard not in self.run)] if deviating else []
            yield self._judged(worst, window, baseline)
            self._learn(number, verdicts, worst, deviating)

    def _shows(self, verdict: _Verdict) -> bool:
        """Tell whether the latest shard by itself would have shown the change of the current run."""
        return len(verdict.window) == 1 and verdict.limit <= self.size

    def _learn(
        self, number: int, verdicts: Sequence[_Verdict], worst: _Verdict | None, deviating: Sequence[int]
    ) -> None:
        """Let a shard join the baseline, or keep it out; a level that lasts becomes the baseline."""
        if worst is not None and deviating:
            self.size = worst.change.size
            if self.before and self._pinned is None and self._fits(worst.window, self.before):
                # The level before is back, and this was the finding about it.
                self.quiet, self.before, self.odd, self.run, self.alarms = [*self.before, number], [], [], [], 0
                return
        if any(verdict.severity is not None and len(verdict.window) == 1 for verdict in verdicts):
            self.alone = number + 1
        if not deviating and not (verdicts and self._suspect(verdicts[0].change)):
            self.quiet.append(number)
            self.odd, self.alarms = [], 0
            return
        self.alarms += 1
        # Shards that deviate together have not deviated alone, and have joined the baseline: take them out again.
        self.odd = sorted({*self.odd, number, *(shard for shard in deviating if self._series.tells[shard])})
        self.quiet = [shard for shard in self.quiet if shard not in deviating]
        if self.alarms == self._settings.adopt_after:  # from here on, the new level is the baseline
            self.before, self.quiet, self.odd, self.run, self.alarms = self.quiet, self.odd, [], [], 0

    def _fits(self, window: range, quiet: list[int]) -> bool:
        verdicts = self._verdicts(window, self._windows.latest(quiet), alone=False)
        return bool(verdicts) and all(verdict.severity is None for verdict in verdicts)

    def _verdicts(self, window: range, baseline: Sequence[int], *, alone: bool = True) -> list[_Verdict]:
        """Judge the latest shard alone and all of the window together; leave out what can tell nothing."""
        if len(baseline) < self._settings.min_baseline_shards:
            return []
        windows = [window[-1:], window] if alone and len(window) > 1 else [window]
        probability = self._settings.false_alarm_probability / len(windows)
        found = []
        for shards in windows:
            change = self._series.change(shards, baseline, self._windows.blocks(baseline, len(shards)))
            if change is not None and (verdict := self._verdict(shards, change, probability)) is not None:
                found.append(verdict)
        return found

    def _verdict(self, window: range, change: Change, probability: float) -> _Verdict | None:
        limits = [
            (severity, limit)
            for severity, threshold in ((Severity.ERROR, self._threshold.error), (Severity.WARN, self._threshold.warn))
            if threshold is not None and (limit := change.limit(threshold, probability)) is not None
        ]
        if not limits:
            return None
        lowest = limits[-1][1]
        for severity, limit in limits:
            if change.size >= limit:
                return _Verdict(window, change, lowest, severity, limit)
        return _Verdict(window, change, lowest, None, lowest)

    def _suspect(self, change: Change) -> bool:
        """Tell whether shards that do not deviate are still too odd to serve as a baseline."""
        warn = self._threshold.warn
        if warn is None or change.size < warn / 2:
            return False
        return change.size >= change.noise(max(SUSPECT_PROBABILITY, self._settings.false_alarm_probability))

    def _judged(self, verdict: _Verdict | None, window: range, baseline: Sequence[int]) -> _Judged:
        judged = window if verdict is None else verdict.window
        compared = Compared(*(tuple(self._rows[n]["shard"] for n in numbers) for numbers in (baseline, judged)))
        if verdict is None:
            return _Judged(None, None, compared)
        deviation = verdict.change.deviation()
        statistic, unit = STATISTICS[KINDS[self._measure]]
        gauge = Gauge(
            self._measure,
            statistic,
            unit,
            verdict.change.value,
            verdict.limit,
            deviation.baseline,
            deviation.current,
            len(judged),
        )
        if verdict.severity is None:
            return _Judged(gauge, None, compared)
        shards = tuple(self._rows[number]["shard"] for number in self.run)
        finding = DriftFinding(
            measure=self._measure,
            kind=KINDS[self._measure],
            severity=verdict.severity,
            statistic=statistic,
            value=verdict.change.value,
            threshold=verdict.passed,
            baseline=deviation.baseline,
            current=deviation.current,
            since=shards[0],
            shards=shards,
            message=message(
                deviation,
                verdict.passed,
                [self._rows[number] for number in baseline],
                [self._rows[number] for number in self.run],
                together=len(judged),
            ),
            examples=examples(self._measure, self._rows[self.run[0]]["corpus"], shards),
        )
        return _Judged(gauge, finding, compared)
