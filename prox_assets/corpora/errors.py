"""Errors of a whole corpus or of one of its files; a single bad row is a Reject instead."""


class CorpusError(Exception):
    """A corpus or one of its files cannot be read; the message names the file and the remedy.

    A retry does not help: the file or the configuration has to change first.
    """


class SourceUnavailableError(CorpusError):
    """The corpus's storage did not answer, or denied access; trying again later may help."""
