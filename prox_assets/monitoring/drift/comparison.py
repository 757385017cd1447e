"""Compares the judged shards with a baseline in one measure: how far it has moved, and how far it would have to.

readings.py reads the values off a row, statistics.py has the formulas, judge.py chooses the shards. The readings of all
rows are laid out as arrays once: every row is compared with a baseline, and is part of dozens of others.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from prox_assets.monitoring.drift.messages import Deviation, summary
from prox_assets.monitoring.drift.readings import (
    ONLY_UPWARD,
    Histogram,
    Level,
    Rate,
    Reading,
    Row,
    combined,
    reading,
)
from prox_assets.monitoring.drift.settings import KINDS, Kind, Measure
from prox_assets.monitoring.drift.statistics import (
    COLLAPSE,
    Array,
    collapse_from,
    index_noise,
    level_noise,
    pooled,
    psi,
    rate_at,
    rate_noise,
)

# Which metrics exist is part of the schema too: a refiner that stops scoring leaves these columns null.
_OPTIONAL_COLUMNS = ("keep_probability_histogram", "doc_prompted", "chunk_prompted")
# So does a handful of documents that are all too long, or all dropped.
_FEWEST_WITHOUT = 5


class Change(ABC):
    """How far a measure has moved at the judged shards.

    Attributes:
        value: The change, in the unit of `Threshold`; rates and levels keep its sign.
    """

    value: float

    @property
    def size(self) -> float:
        """The size of the change, 0 for good news."""
        return abs(self.value)

    @abstractmethod
    def noise(self, probability: float) -> float:
        """Return the change that chance passes with this probability, in the direction of `value`."""

    def limit(self, threshold: float, probability: float) -> float | None:
        """Return the change from which on it matters and chance does not explain it.

        Args:
            threshold: The change that matters.
            probability: Probability that chance explains more than the limit.

        Returns:
            A change that can happen; None if chance explains whatever can happen to a sample of this size.
        """
        return max(threshold, self.noise(probability))

    @abstractmethod
    def deviation(self) -> Deviation:
        """Return what a message says about the change."""


class RateChange(Change):
    """A change of a rate."""

    def __init__(self, measure: Measure, before: Rate, current: Rate, pairs: Array) -> None:
        """Compare two rates.

        Args:
            measure: What the rate is of.
            before: The baseline's rate.
            current: The judged rate.
            pairs: (events, trials) of each of the baseline's shards, as if all trials were independent.
        """
        self._measure, self._before, self._current, self._pairs = measure, before.value, current.value, pairs
        # A few documents seldom show how alike their lines are: the baseline knows better.
        self._units = min(current.units, current.trials * before.units / before.trials)
        self.value = current.value - before.value
        self._upward = self.value >= 0 or measure in ONLY_UPWARD
        self._chance = rate_noise(pairs, self._units)

    @property
    def size(self) -> float:  # noqa: D102
        return max(self.value, 0.0) if self._measure in ONLY_UPWARD else abs(self.value)

    def noise(self, probability: float) -> float:  # noqa: D102
        return self._noise(probability, self._upward)

    def _noise(self, probability: float, upward: bool) -> float:
        low, high = self._chance.limits(probability)
        limit = rate_at(high if upward else low, self._units)
        if not 0 <= limit <= 1:
            return math.inf
        return limit - self._before if upward else self._before - limit

    def limit(self, threshold: float, probability: float) -> float | None:  # noqa: D102
        fall = None if self._upward else self._limit(threshold, probability, upward=False)
        if fall is not None:
            return fall
        # A rate may be too low for any fall to count; then say how far it may rise.
        rise = self._limit(threshold, probability, upward=True)
        return None if rise is None or self.size >= rise > self.value else rise

    def _limit(self, threshold: float, probability: float, upward: bool) -> float | None:
        limit = max(threshold, self._noise(probability, upward))
        room = 1 - self._before if upward else self._before
        if limit <= COLLAPSE * room:
            return limit
        # Everything dropped is always worth an alarm, nothing dropped only where much was dropped before.
        if not upward and room < threshold / 2:
            return None
        pairs = self._pairs if upward else np.column_stack([self._pairs[:, 1] - self._pairs[:, 0], self._pairs[:, 1]])
        rate = collapse_from(pairs, self._units, probability)
        if rate is None:
            return limit if limit <= room else None
        return min(limit, max(COLLAPSE * room, rate - (1 - room)))

    def deviation(self) -> Deviation:  # noqa: D102
        return Deviation(self._measure, self.value, self._before, self._current, ())


class LevelChange(Change):
    """A relative change of a level."""

    def __init__(self, measure: Measure, before: Level, current: Level, pairs: Array) -> None:
        """Compare two levels; `pairs` has the level and the sampling variance of its logarithm, by baseline shard."""
        self._measure, self._before, self._current = measure, before.value, current.value
        # A few documents seldom include the odd ones that make up most of the variance: the baseline has them.
        variance = max(current.sampling_variance, before.variance_among(current.numerator))
        self._chance = level_noise(pairs, variance)
        self.value = current.value / float(np.exp(self._chance.centre)) - 1

    def noise(self, probability: float) -> float:  # noqa: D102
        low, high = np.exp(np.array(self._chance.limits(probability)) - self._chance.centre)
        return float(high - 1 if self.value > 0 else 1 - low)

    def deviation(self) -> Deviation:  # noqa: D102
        return Deviation(self._measure, self.value, self._before, self._current, ())


class DistributionChange(Change):
    """A change of a distribution: the population stability index of two histograms."""

    def __init__(self, measure: Measure, names: list[Any], current: Array, shards: Array) -> None:
        """Compare two histograms.

        Args:
            measure: What is distributed.
            names: Name of each bin; neighbours may be pooled.
            current: The judged histogram.
            shards: The baseline's histograms, by shard and bin.
        """
        self._measure, self._names = measure, names
        before = shards.sum(axis=0)
        # Bins must suit the judged sample, and the baseline's shards too: they tell how much shards differ.
        sample = min(float(current.sum()), float(before.sum()) / len(shards))
        self._groups = pooled(before.tolist(), sample)
        self._modal = int(current.argmax())
        if current[self._modal] >= COLLAPSE * current.sum():  # what has collapsed shows only in a bin of its own
            self._groups = _split(self._groups, self._modal)
        starts = [group[0] for group in self._groups]
        self._before, self._current = np.add.reduceat(before, starts), np.add.reduceat(current, starts)
        self._counts, self._bins = (before, current), shards
        self._shards = np.add.reduceat(shards, starts, axis=1)
        self._chance = index_noise(float(current.sum()), self._shards)
        self.value = psi(self._current, self._before)

    def noise(self, probability: float) -> float:  # noqa: D102
        return self._chance.limit(probability)

    def limit(self, threshold: float, probability: float) -> float | None:  # noqa: D102
        limit = max(threshold, self.noise(probability))
        if threshold <= self.value < limit and self._collapsed(probability):
            return self.value
        if limit <= threshold:
            return limit
        size = float(self._current.sum())
        alone = [psi(size * unit, self._before) for unit in np.eye(len(self._groups))]
        if limit <= COLLAPSE * max(alone):
            return limit
        possible = [alone[end] for end in (0, -1) if self._collapse(self._shards[:, end], probability) is not None]
        return min(limit, max(possible)) if possible else None

    def _collapse(self, counts: Array, probability: float) -> float | None:
        """Return the share from which on the judged histogram has collapsed to bins with these counts by shard."""
        sizes = self._bins.sum(axis=1)
        pairs = np.column_stack([counts[sizes > 0], sizes[sizes > 0]])
        # Any bin may be the one.
        return collapse_from(pairs, float(self._current.sum()), probability / self._bins.shape[1])

    def _collapsed(self, probability: float) -> bool:
        share = self._collapse(self._bins[:, self._modal], probability)
        current = self._counts[1]
        return share is not None and current[self._modal] / current.sum() >= share

    def deviation(self) -> Deviation:  # noqa: D102
        (before, current), names = self._counts, self._names
        shares = tuple(
            (names[group[0]], names[group[-1]], float(old / before.sum()), float(new / current.sum()))
            for group, old, new in zip(self._groups, self._before, self._current, strict=True)
        )
        then, now = (
            summary(self._measure, Histogram(dict(zip(names, counts.tolist(), strict=True)), isinstance(names[0], int)))
            for counts in self._counts
        )
        return Deviation(self._measure, self.value, then, now, shares)


def _split(groups: list[list[int]], number: int) -> list[list[int]]:
    """Give a bin a group of its own."""
    parts = []
    for group in groups:
        cut = [[own for own in group if own < number], [number], [own for own in group if own > number]]
        parts += [part for part in cut if part] if number in group else [group]
    return parts


class SchemaChange(Change):
    """Native columns that came or went."""

    def __init__(self, window: Sequence[Row], baseline: Sequence[Row]) -> None:
        """Find the columns that every baseline shard has and now are gone, and those that are new."""
        current = {key for row in window for key in row["metadata_keys"]}
        gone = set.intersection(*({*row["metadata_keys"]} for row in baseline)) - current
        come = current - {key for row in baseline for key in row["metadata_keys"]}
        shown = min(sum(row["documents_in"] for row in window), sum(row["chunks"] for row in window))
        for column in _OPTIONAL_COLUMNS:
            had = [row.get(column) is not None for row in baseline]
            has = any(row.get(column) is not None for row in window)
            if all(had) and not has and shown >= _FEWEST_WITHOUT:
                gone.add(column)
            if has and not any(had):
                come.add(column)
        self._changes = tuple((name, "gone", 0.0, 0.0) for name in sorted(gone)) + tuple(
            (name, "new", 0.0, 0.0) for name in sorted(come)
        )
        self.value = float(len(self._changes))

    def noise(self, probability: float) -> float:  # noqa: D102
        return 0.0

    def deviation(self) -> Deviation:  # noqa: D102
        return Deviation(Measure.SCHEMA, self.value, None, None, self._changes)


class Series:
    """The readings of one measure at every shard.

    Attributes:
        tells: Whether each shard has the measure.
    """

    tells: list[bool]

    def __init__(self, measure: Measure, rows: Sequence[Row]) -> None:
        """Read the measure off rows of `shard_metrics`."""
        self._measure, self._rows = measure, rows
        if KINDS[measure] is Kind.SCHEMA:
            self.tells = [row.get("metadata_keys") is not None and bool(row["documents_in"]) for row in rows]
            return
        self._parts = [reading(measure, [row]) for row in rows]
        self.tells = [part is not None for part in self._parts]
        if KINDS[measure] is Kind.DISTRIBUTION:
            found = [part for part in self._parts if isinstance(part, Histogram)]
            self._ordered = all(part.ordered for part in found)
            self._names = np.array(sorted({name for part in found for name in part.counts}), dtype=object)
            self._values = np.array([self._row(part, self._names) for part in self._parts], dtype=float)
        else:
            self._values = np.array([list(vars(part).values()) if part else [0.0] * 3 for part in self._parts])

    @staticmethod
    def _row(part: Reading | None, names: Array) -> list[int]:
        return [part.counts.get(name, 0) for name in names] if isinstance(part, Histogram) else [0] * len(names)

    def change(self, window: Sequence[int], baseline: Sequence[int], blocks: Sequence[int] | None) -> Change | None:
        """Compare shards; return None if they cannot be compared.

        Args:
            window: Numbers of the judged shards.
            baseline: Numbers of the baseline's shards, all of which have the measure.
            blocks: Where in the baseline the shards begin that count as one; None if each counts by itself.
        """
        judged = [number for number in window if self.tells[number]]
        if not judged:
            return None
        if KINDS[self._measure] is Kind.SCHEMA:
            return SchemaChange([self._rows[number] for number in judged], [self._rows[number] for number in baseline])
        shards = self._values[baseline]
        if blocks is not None:
            shards = np.add.reduceat(shards[blocks[0] :], np.array(blocks) - blocks[0], axis=0)
        if KINDS[self._measure] is Kind.DISTRIBUTION:
            return self._distribution(self._values[judged].sum(axis=0), shards)
        total = shards.sum(axis=0).tolist()
        current = combined([part for number in judged if (part := self._parts[number]) is not None])
        if isinstance(current, Rate):
            before = Rate(*total)
            units = shards[:, 1] * before.units / before.trials
            pairs = np.column_stack([shards[:, 0] / shards[:, 1] * units, units])
            return RateChange(self._measure, before, current, pairs)
        if isinstance(current, Level):
            before = Level(*total)
            variances = before.variance_among(shards[:, 0])
            pairs = np.column_stack([shards[:, 0] / shards[:, 1], variances])
            return LevelChange(self._measure, before, current, pairs)
        return None

    def _distribution(self, current: Array, shards: Array) -> Change:
        before = shards.sum(axis=0)
        used = np.flatnonzero(before + current)
        if not self._ordered:  # most frequent first, so that rare and new categories are pooled
            used = used[np.argsort(-before[used], kind="stable")]
        return DistributionChange(self._measure, self._names[used].tolist(), current[used], shards[:, used])
