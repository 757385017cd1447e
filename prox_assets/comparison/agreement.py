"""From sums by site to shares, agreement and their intervals.

Intervals are those of the percentiles over resamples of whole sites (training/evaluation/bootstrap.py). A resample's
sums are all divided by the same number of documents, which cancels out of every share.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from prox_assets.comparison.contents import Estimate, LineAgreement, PairAgreement
from prox_assets.comparison.counting import LINE_CELLS, PAIR_CELLS, REFINER_CELLS, Counts
from prox_assets.training.evaluation.bootstrap import SHARE, resampled_means

AT_ONCE = 32
"""Refiners or pairs whose resamples are in memory together: 32 pairs take 33 MB for each of their sums."""

Values = dict[str, np.ndarray]
"""Sums by cell: the totals as one value each, or a value for each resample."""
Measure = Callable[[Values], np.ndarray]


class Sums:
    """The sums of one refiner or one pair: their totals and their resamples."""

    def __init__(self, names: Sequence[str], totals: np.ndarray, resamples: np.ndarray | None) -> None:
        self._totals = dict(zip(names, totals, strict=True))
        self._resamples = None if resamples is None else dict(zip(names, resamples, strict=True))

    def total(self, name: str) -> int:
        """Return a total."""
        return round(float(self._totals[name]))

    def estimate(self, measure: Measure) -> Estimate:
        """Return what a measure gives for the totals, and its interval over the resamples."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(measure(self._totals))
            if np.isnan(value):
                return Estimate(value=None)
            if self._resamples is None:
                return Estimate(value=value)
            found = measure(self._resamples)
        found = found[~np.isnan(found)]
        low, high = np.quantile(found, [(1 - SHARE) / 2, (1 + SHARE) / 2])
        return Estimate(value=value, low=float(low), high=float(high))


def refiner_sums(counts: Counts, seed: int) -> Iterator[Sums]:
    """Yield the sums of each refiner, in order."""
    return _sums(counts, counts.refiners, REFINER_CELLS, seed)


def pair_agreements(counts: Counts, names: Sequence[tuple[str, str]], seed: int) -> Iterator[PairAgreement]:
    """Yield how far each pair agrees.

    Args:
        counts: The sums.
        names: The corpora of each pair, in the order of `counts.pairs`.
        seed: Seed of the resamples.
    """
    for (first, second), sums in zip(names, _sums(counts, counts.pairs, PAIR_CELLS, seed), strict=True):
        documents = ("documents", "first_keeps", "second_keeps", "both_keep")
        yield PairAgreement(
            first=first,
            second=second,
            documents=sums.total("documents"),
            first_keeps=sums.total("first_keeps"),
            second_keeps=sums.total("second_keeps"),
            both_keep=sums.total("both_keep"),
            agreement=sums.estimate(agreement_of(documents)),
            kappa=sums.estimate(kappa_of(documents)),
            same_text=sums.total("same_text"),
            identical=sums.estimate(share("same_text", "both_keep")),
            lines_both_keep=_lines(sums, "kept"),
            lines_all=_lines(sums, "all"),
        )


def _lines(sums: Sums, prefix: str) -> LineAgreement:
    cells = tuple(f"{prefix}_{name}" for name in LINE_CELLS)
    lines, first, second, both = map(sums.total, cells)
    return LineAgreement(
        lines=lines,
        first_removes=first,
        second_removes=second,
        both_remove=both,
        agreement=sums.estimate(agreement_of(cells)),
        kappa=sums.estimate(kappa_of(cells)),
        jaccard=sums.estimate(jaccard_of(cells)),
    )


def share(part: str, whole: str) -> Measure:
    """Return the measure of one sum by another; nan without a whole."""
    return lambda values: values[part] / np.where(values[whole] == 0, np.nan, values[whole])


def agreement_of(cells: Sequence[str]) -> Measure:
    """Return the share of cases in which two say the same.

    Args:
        cells: Names of four sums: cases, and those to which the first, the second and both say yes.
    """

    def measure(values: Values) -> np.ndarray:
        cases, first, second, both = (values[name] for name in cells)
        return 1 - (first + second - 2 * both) / np.where(cases == 0, np.nan, cases)

    return measure


def kappa_of(cells: Sequence[str]) -> Measure:
    """Return Cohen's kappa (1960): agreement beyond what these shares of yes would give by chance.

    It is nan where both say the same of every case, for then chance alone agrees.
    """
    agreed = agreement_of(cells)

    def measure(values: Values) -> np.ndarray:
        cases, first, second, _ = (values[name] for name in cells)
        cases = np.where(cases == 0, np.nan, cases)
        chance = first / cases * (second / cases) + (1 - first / cases) * (1 - second / cases)
        left = 1 - chance
        # Where both always say the same, rounding would leave a tiny number to divide by.
        return (agreed(values) - chance) / np.where(left < 1e-12, np.nan, left)

    return measure


def jaccard_of(cells: Sequence[str]) -> Measure:
    """Return the share of what both remove in what either removes; nan if neither removes anything."""

    def measure(values: Values) -> np.ndarray:
        _, first, second, both = (values[name] for name in cells)
        either = first + second - both
        return both / np.where(either <= 0, np.nan, either)

    return measure


def _sums(counts: Counts, cells: np.ndarray, names: Sequence[str], seed: int) -> Iterator[Sums]:
    used = counts.documents > 0
    for start in range(0, len(cells), AT_ONCE):
        part = cells[start : start + AT_ONCE][:, :, used]
        resamples: Sequence[np.ndarray | None] = [None] * len(part)
        if part.shape[2] > 1:
            flat = part.reshape(-1, 1, part.shape[2])
            resamples = [*resampled_means(flat, counts.documents[used], seed).reshape(*part.shape[:2], -1)]
        for one, drawn in zip(part, resamples, strict=True):
            yield Sums(names, one.sum(1), drawn)
