"""The error of a proof that cannot be made as it is set up."""

from prox_assets.stages.run import StageError


class ProofError(StageError):
    """A proof cannot go on; the message names the arm, file or document and the remedy."""
