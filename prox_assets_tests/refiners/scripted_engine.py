"""An engine that answers as a test says: for failures and orders of results that a real engine cannot show."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Self

from prox_assets.engines.protocol import Completion, CompletionRequest, Score, ScoreRequest


class ScriptedEngine:
    """Takes requests in groups and gives each group's results back in reverse.

    Attributes:
        pulled: How many requests have been taken so far.
    """

    def __init__(
        self,
        answer: Callable[[CompletionRequest], Completion | None] | None = None,
        score: Callable[[ScoreRequest], Score | None] | None = None,
        group: int = 3,
        max_model_len: int = 2048,
    ) -> None:
        self._answer = answer
        self._score = score
        self._group = group
        self.max_model_len = max_model_len
        self.pulled = 0

    def complete(self, requests: Iterable[CompletionRequest]) -> Iterator[Completion]:
        assert self._answer is not None
        yield from self._serve(requests, self._answer)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        assert self._score is not None
        yield from self._serve(requests, self._score)

    def _serve(self, requests, answer):
        waiting = iter(requests)
        while group := list(islice(waiting, self._group)):
            self.pulled += len(group)
            yield from (result for request in reversed(group) if (result := answer(request)) is not None)

    def close(self) -> None:
        """Hold nothing, close nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
