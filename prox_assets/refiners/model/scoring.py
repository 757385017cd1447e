"""Turns the log-probabilities of two answers into P(keep)."""

import math

from prox_assets.refiners.calibration import Calibration, sigmoid


def keep_probability(keep: float, drop: float, *, calibration: Calibration | None = None) -> float | None:
    """Return P(keep) / (P(keep) + P(drop)), calibrated if need be; None where both are zero or undefined.

    Args:
        keep: Natural logarithm of the probability of the answer that keeps.
        drop: The same of the answer that drops.
        calibration: Corrects the log-odds.
    """
    if math.isnan(keep) or math.isnan(drop) or max(keep, drop) == -math.inf:
        return None
    if calibration is not None:
        return sigmoid(calibration.log_odds(keep - drop))
    if drop - keep > 700:  # exp would overflow
        return 0.0
    return 1.0 / (1.0 + math.exp(drop - keep))
