"""What can go wrong with a lake, as types that callers can tell apart."""


class LakeError(Exception):
    """The lake cannot be read or written; the message names the path and the remedy."""


class MissingTableError(LakeError):
    """A table that a step needs has no file for the shard yet; the message names the step that writes it."""


class RetryableLakeError(LakeError):
    """Trying again may help: the storage did not answer, or what was in the way is gone or removed by now."""


class ReplacedTableError(RetryableLakeError):
    """Another run has replaced a table that a step works from; trying again takes what is there now."""


class LeaseHeldError(RetryableLakeError):
    """Another live run is writing the same asset of the same shard."""


class LeaseLostError(RetryableLakeError):
    """This run was taken for dead and another one has taken over; it must not publish."""
