"""The error of a data set that cannot be published as it is set up."""

from prox_assets.stages.run import StageError


class PublishError(StageError):
    """A data set cannot be written or uploaded; the message names the file, corpus or setting and the remedy."""
