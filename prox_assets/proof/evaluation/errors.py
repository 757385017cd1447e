"""What goes wrong in evaluation and can be put right by its user."""

from prox_assets.proof.errors import ProofError


class EvaluationError(ProofError):
    """A model cannot be evaluated; the message names the file, the cause and the remedy."""
