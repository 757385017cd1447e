"""The error of a proof that cannot be made as it is set up."""


class ProofError(Exception):
    """A proof cannot go on; the message names the arm, file or document and the remedy."""
