"""What evaluation asks of a model, whatever it is."""

from collections.abc import Sequence
from typing import Protocol

Request = tuple[str, str]
"""(context, text): the text is scored, given the context; an empty context is the beginning of a document."""


class ScoredModel(Protocol):
    """A language model that scores texts."""

    def negative_log_likelihoods(self, requests: Sequence[Request]) -> list[float]:
        """Return, for each request, the nats of its text given its context; special tokens do not count.

        Texts longer than the model's context are cut into windows, each predicted from what precedes it in the window.
        """
        ...
