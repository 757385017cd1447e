"""Calibration: corrects the probabilities that a model gives, so that of lines with P(keep) .7, seven in ten stay.

The log-odds are multiplied by a slope and moved by an offset (Platt, "Probabilistic outputs for support vector
machines", 1999). A slope alone is temperature scaling (Guo et al., arXiv 1706.04599). The order of probabilities stays.
training/evaluation/calibration.py fits both numbers.
"""

import math

from pydantic import BaseModel, ConfigDict, Field


class Calibration(BaseModel):
    """A correction of log-odds: slope * log-odds + offset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float = Field(gt=0, allow_inf_nan=False, description="Factor of the log-odds; below 1 makes them less sure.")
    offset: float = Field(default=0.0, allow_inf_nan=False, description="Added to the log-odds afterwards.")

    def log_odds(self, log_odds: float) -> float:
        """Return corrected log-odds; infinite ones stay infinite."""
        return self.slope * log_odds + self.offset

    def probability(self, probability: float) -> float:
        """Return a corrected probability; 0 and 1 stay."""
        return sigmoid(self.log_odds(logit(probability)))

    def uncorrected(self, probability: float) -> float:
        """Return the probability that was corrected to this one, up to rounding."""
        return sigmoid((logit(probability) - self.offset) / self.slope)


def logit(probability: float) -> float:
    """Return log(p / (1 - p)); infinite for 0 and 1."""
    if probability <= 0:
        return -math.inf
    return math.inf if probability >= 1 else math.log(probability) - math.log1p(-probability)


def sigmoid(log_odds: float) -> float:
    """Return 1 / (1 + exp(-x)), without overflow for any x."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1.0 + odds)
