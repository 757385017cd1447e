"""What goes wrong in evaluation and can be put right by its user."""

from prox_assets.stages.run import StageError


class EvaluationError(StageError):
    """A model cannot be evaluated; the message names the file, the cause and the remedy."""
