"""The error of this folder."""

from prox_assets.stages.run import StageError


class ProgramsError(StageError):
    """A programs data set cannot be written, read or applied; the message names the file and the remedy."""
