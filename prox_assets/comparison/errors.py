"""The error of a comparison that cannot be made."""

from prox_assets.stages.run import StageError


class ComparisonError(StageError):
    """The corpora cannot be compared; the message says why, and the remedy."""
