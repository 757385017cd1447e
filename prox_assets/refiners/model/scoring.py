"""Turns the log-probabilities of two answers into P(keep)."""

import math


def keep_probability(keep: float, drop: float) -> float | None:
    """Return P(keep) / (P(keep) + P(drop)) from natural-log probabilities; None where both are zero or undefined."""
    if math.isnan(keep) or math.isnan(drop) or max(keep, drop) == -math.inf:
        return None
    if drop - keep > 700:  # exp would overflow
        return 0.0
    return 1.0 / (1.0 + math.exp(drop - keep))
