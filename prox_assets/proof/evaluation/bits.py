"""Bits per byte: comparable between tokenizers, and moves where accuracies do not yet.

The nats of all texts, divided by ln 2 and by their UTF-8 bytes. Special tokens count in neither sum (the definition of
nanochat's `evaluate_bpb`).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prox_assets.proof.evaluation.model import ScoredModel

BITS_PER_BYTE = "bits_per_byte"
TEXTS_PER_CALL = 64

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""

Score = Mapping[str, Any]
"""A row of tables.SCORES."""


def weight(text: str) -> float:
    """Return what a text's nats are divided by: its UTF-8 bytes times ln 2."""
    return len(text.encode()) * math.log(2)


def score_texts(
    model: ScoredModel,
    evaluation: str,
    texts: Sequence[Mapping[str, str]],
    tokens: int,
    progress: Progress | None = None,
) -> Iterator[Score]:
    """Yield a row of tables.SCORES for each text.

    Args:
        model: The model.
        evaluation: Name of the evaluation set.
        texts: Rows of tables.TEXTS.
        tokens: Tokens that the model had been trained on.
        progress: Told after each batch of texts.
    """
    for start in range(0, len(texts), TEXTS_PER_CALL):
        part = texts[start : start + TEXTS_PER_CALL]
        values = model.negative_log_likelihoods([(row["context"], row["text"]) for row in part])
        for row, nats in zip(part, values, strict=True):
            yield {
                "evaluation": evaluation,
                "measure": BITS_PER_BYTE,
                "item": row["item"],
                "site": row["site"],
                "tokens": tokens,
                "value": nats,
                "weight": weight(row["text"]),
            }
        if progress is not None:
            progress(start + len(part), len(texts))


def mean(scores: Sequence[Score]) -> float:
    """Return the measure of several scores: the sum of their values by the sum of their weights."""
    return sum(score["value"] for score in scores) / sum(score["weight"] for score in scores)


def standard_error(scores: Sequence[Score]) -> float | None:
    """Return the standard error of `mean` over items, None for a single one.

    The sum of values by the sum of weights is a ratio; its variance is that of the residuals (the delta method, as in
    Cochran, Sampling Techniques, section 2.11). With equal weights it is the standard error of a mean.
    """
    count = len(scores)
    if count < 2:
        return None
    ratio = mean(scores)
    squares = sum((score["value"] - ratio * score["weight"]) ** 2 for score in scores)
    return math.sqrt(squares / (count - 1) * count) / sum(score["weight"] for score in scores)
