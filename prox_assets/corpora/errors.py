"""What goes wrong with a corpus as a whole or with one of its files; a single bad row is a Reject instead."""


class CorpusError(Exception):
    """A corpus or one of its files cannot be read; the message names the file and the remedy.

    Trying again does not help: the file or the configuration has to change first.
    """


class SourceUnavailableError(CorpusError):
    """The place where a corpus lies did not answer, or refused; trying again later may help."""
