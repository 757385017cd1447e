"""The lake's errors, one type for each case that callers handle differently."""


class LakeError(Exception):
    """The lake cannot be read or written; the message names the path and the remedy."""


class MissingTableError(LakeError):
    """A table that a step needs has no file for the shard yet; the message names the step that writes it."""


class DamagedTableError(LakeError):
    """A table's file cannot be read: it is cut off, or holds something else; the message names it and its writer."""


class RetryableLakeError(LakeError):
    """Trying again may help: the storage did not answer, or the obstacle has since gone or been removed."""


class ReplacedTableError(RetryableLakeError):
    """Another run has replaced a table that a step reads; a retry reads the new one."""


class LeaseHeldError(RetryableLakeError):
    """Another live run is writing the same asset of the same shard."""


class LeaseLostError(RetryableLakeError):
    """Another run presumed this one dead and took over its lease; this run must not publish."""
