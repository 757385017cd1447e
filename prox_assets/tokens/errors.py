"""The error of token files that cannot be written as they are set up."""

from prox_assets.stages.run import StageError


class TokensError(StageError):
    """Token files cannot be written; the message names the source, shard or tokenizer and the remedy."""
