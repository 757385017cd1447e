"""What asking a model about a line is worth: by how much the document's word F1 is expected to rise.

A line whose probability is far from the document's cutoff stays or goes whatever the model says, so asking about it is
worth nothing. The value of a line is the expected value of perfect information (Howard, "Information value theory",
1966) in the plug-in rule for F1 (programs/execution/line_decision.py): with the cutoff t, a line of w words adds
2 * w * (p - t) / (kept words + expected words to keep) if it stays and nothing if it goes. After the model's answer,
the log-odds of p are taken to be normally distributed around the classifier's.
"""

from collections.abc import Sequence
from math import inf
from statistics import NormalDist

import numpy as np

from prox_assets.programs import Chunk, expected_f1_cutoff
from prox_assets.programs.words import count_words

# Quantiles of the normal distribution. Gauss-Hermite quadrature with nine nodes was off by a tenth: what is integrated
# has a kink at the cutoff.
_ANSWERS = 32
_QUANTILES = np.array([NormalDist().inv_cdf((place + 0.5) / _ANSWERS) for place in range(_ANSWERS)])


def expected_gains(keep: np.ndarray, words: Sequence[int], spread: float) -> np.ndarray:
    """Return how much asking about each line of a document is expected to raise the document's word F1, shape (n,).

    Args:
        keep: P(keep) of each line by the classifier, shape (n,).
        words: Words of each line, n of them.
        spread: Standard deviation of what the answer adds to the log-odds.
    """
    counts = np.asarray(words, dtype=np.float64)
    cutoff = expected_f1_cutoff(zip(keep.tolist(), words, strict=True))
    total = counts[keep >= cutoff].sum() + (keep * counts).sum()
    if not total:
        return np.zeros(len(keep))
    bounded = np.clip(keep, 1e-9, 1 - 1e-9)
    log_odds = np.log(bounded) - np.log1p(-bounded)
    answers = 1 / (1 + np.exp(-(log_odds[:, None] + spread * _QUANTILES)))
    known = np.maximum(answers - cutoff, 0).mean(axis=1)
    unknown = np.maximum(answers.mean(axis=1) - cutoff, 0)
    return 2 * counts * np.maximum(known - unknown, 0) / total


def gains_of_chunks(
    text: str, keep: Sequence[float], chunks: Sequence[tuple[Chunk, int]], spread: float
) -> list[float]:
    """Return by how much asking about each chunk is expected to raise the document's word F1, per 1,000 tokens.

    Args:
        text: The document.
        keep: P(keep) of each of its lines by the classifier.
        chunks: Its chunks with the tokens of their prompts; without tokens the gain is infinite.
        spread: See `expected_gains`.
    """
    gains = expected_gains(np.array(keep), [count_words(line) for line in text.split("\n")], spread)
    return [
        float(gains[chunk.line_start : chunk.line_end + 1].sum()) * 1000 / tokens if tokens else inf
        for chunk, tokens in chunks
    ]
