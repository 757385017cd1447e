"""Turns labels and gold text into line targets: the P(keep) that a model should give each line, and a weight."""

import re
from typing import NamedTuple

from prox_assets.training.data.pages import LabelledPage, Regime

WORD = re.compile(r"\w+")
SHINGLE_WORDS = 3
AMBIGUOUS_WEIGHT = 0.5
# Blank lines follow their neighbour. They are a third of all lines, and getting them right gains nothing.
BLANK_WEIGHT = 0.1


class LineTargets(NamedTuple):
    """Target P(keep) in [0, 1] and weight of each line of a text; the weight is 0 if the target is unknown."""

    targets: list[float]
    weights: list[float]


def line_targets(page: LabelledPage, regime: Regime) -> LineTargets:
    """Return the targets of one text of a page.

    Labelled lines have full weight. The target of an ambiguous line is the share of its word 3-grams that occur in the
    gold text, at half weight; without gold text, or with fewer than three words, its weight is 0. A blank line follows
    the line before it, so that paragraphs stay apart and removed blocks leave no gaps.
    """
    lines = page.text(regime).split("\n")
    shingles = frozenset(word_grams(page.gold, SHINGLE_WORDS)) if page.gold else None
    targets: list[float] = []
    weights: list[float] = []
    before: float | None = None
    for line, label in zip(lines, page.labels(regime), strict=True):
        if not line.strip():
            targets.append(before or 0.0)
            weights.append(BLANK_WEIGHT)
            continue
        target = float(label) if label >= 0 else _share_in_gold(line, shingles)
        # A line with an unknown target has no weight where answers are scored, and stays where programs are written.
        targets.append(1.0 if target is None else target)
        weights.append(0.0 if target is None else 1.0 if label >= 0 else AMBIGUOUS_WEIGHT)
        before = before if target is None else target
    return LineTargets(targets, weights)


def _share_in_gold(line: str, gold: frozenset[tuple[str, ...]] | None) -> float | None:
    """Return the share of a line's word 3-grams that occur in the gold text; None without gold text or 3-grams."""
    shingles = word_grams(line, SHINGLE_WORDS)
    if gold is None or not shingles:
        return None
    return sum(shingle in gold for shingle in shingles) / len(shingles)


def word_grams(text: str, size: int) -> list[tuple[str, ...]]:
    """Return the runs of `size` words of a text, case folded, in order."""
    words = WORD.findall(text.casefold())
    return [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]


def visible_characters(text: str) -> int:
    """Return the number of characters that are not white space."""
    return sum(map(len, text.split()))
