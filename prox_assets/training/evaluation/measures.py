"""Formulas that measure refiners against labelled pages, with their sources."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prox_assets.training.data.targets.lines import WORD

BINS = 10


def word_f1(text: str, gold: str) -> float:
    r"""Return 2 * common / (words of text + words of gold), in [0, 1]; 1.0 when neither has a word.

    This is SQuAD's F1 over two bags of words (arXiv 1606.05250, section 6.1) with one reference, but articles are not
    removed. A word is a maximal run of letters, digits and underscores (`\w+`), case folded, so punctuation and layout
    do not count. Text without spaces counts as few long words: compare such pages only with each other.
    """
    found, wanted = (Counter(WORD.findall(one.casefold())) for one in (text, gold))
    total = found.total() + wanted.total()
    return 2 * (found & wanted).total() / total if total else 1.0


@dataclass
class BinaryCounts:
    """Decisions against truth, for one class.

    Attributes:
        hits: Decisions for the class that are correct (true positives).
        false_alarms: Decisions for the class that are wrong (false positives).
        misses: Members of the class that were not found (false negatives).
    """

    hits: int = 0
    false_alarms: int = 0
    misses: int = 0

    def add(self, decided: bool, true: bool) -> None:
        """Count one decision."""
        self.hits += decided and true
        self.false_alarms += decided and not true
        self.misses += true and not decided

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1.0 if the class is empty and nothing was decided for it."""
        total = 2 * self.hits + self.false_alarms + self.misses
        return 2 * self.hits / total if total else 1.0


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Predictions in [low, high): their count, their mean probability, and the share that turned out true."""

    low: float
    high: float
    count: int
    mean_probability: float
    share_true: float


def reliability(predictions: Iterable[tuple[float, bool]]) -> list[ReliabilityBin]:
    """Return ten bins of equal width, without empty ones (reliability diagram; Niculescu-Mizil, Caruana 2005).

    A prediction is a probability and whether it came true.
    """
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for probability, truth in predictions:
        bins[min(BINS - 1, int(probability * BINS))].append((probability, truth))
    return [
        ReliabilityBin(
            low=number / BINS,
            high=(number + 1) / BINS,
            count=len(entries),
            mean_probability=mean(probability for probability, _ in entries),
            share_true=mean(float(truth) for _, truth in entries),
        )
        for number, entries in enumerate(bins)
        if entries
    ]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Return the expected calibration error: mean |probability - share true| over predictions (arXiv 1706.04599)."""
    count = sum(entry.count for entry in bins)
    error = sum(entry.count * abs(entry.mean_probability - entry.share_true) for entry in bins)
    return error / count if count else 0.0


def mean(values: Iterable[float]) -> float:
    """Return the arithmetic mean; 0.0 for no values."""
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else 0.0
