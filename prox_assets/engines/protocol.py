"""The protocol that every engine implements: `complete` and `score` over streams of token-id prompts.

It also defines the request and result types and the errors.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, Self

FinishReason = Literal["stop", "length", "error"]


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A request to generate greedily after a prompt.

    Attributes:
        request_id: The caller's name for the request; unique within one call.
        prompt_token_ids: Exactly the tokens that the model sees; engines add none.
        max_tokens: Upper bound on generated tokens.
        stop_token_ids: Tokens that end generation, in addition to the model's own end-of-sequence token.
        grammar: Lark grammar for constrained decoding, or None. Engines without support raise EngineError.
    """

    request_id: str
    prompt_token_ids: tuple[int, ...]
    max_tokens: int
    stop_token_ids: tuple[int, ...] = ()
    grammar: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """The result of one CompletionRequest; `error` is set exactly when finish_reason is "error"."""

    request_id: str
    text: str
    token_ids: tuple[int, ...]
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """A request to score, in one forward pass, how likely candidate tokens are after given prompt positions.

    Attributes:
        request_id: The caller's name for the request; unique within one call.
        prompt_token_ids: Exactly the tokens that the model sees.
        positions: 0-based indices into the prompt; the answer at position p is the distribution of the token that
            follows prompt_token_ids[: p + 1]. The last position is len(prompt_token_ids) - 1.
        candidate_token_ids: The tokens to score at every position.
        relative: Whether only the differences between a position's candidates matter. An engine may then leave out what
            they have in common, and need not compute the logits of all other tokens.
    """

    request_id: str
    prompt_token_ids: tuple[int, ...]
    positions: tuple[int, ...]
    candidate_token_ids: tuple[int, ...]
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """Natural-log probabilities over the full vocabulary, shape (positions, candidates); empty when `error` is set.

    Those of a `relative` request may differ from that by a number for each position.
    """

    request_id: str
    log_probabilities: tuple[tuple[float, ...], ...]
    prompt_tokens: int
    error: str | None = None


class EngineError(Exception):
    """An engine cannot continue; the message names the cause and the remedy."""


class EngineStartError(EngineError):
    """The engine did not start: missing package, bad model folder, no memory, unreachable server."""


class EngineStalledError(EngineError):
    """Requests were in flight, but the engine made no progress for longer than its `stall_timeout_seconds`."""


class Engine(Protocol):
    """A running model.

    `complete` and `score` take any iterable, pull at most a bounded look-ahead beyond the results returned so far, and
    yield one result per request, as they finish, in any order. A request that fails on its own (too long, rejected by
    the server after retries) yields a result with `error`; a dead or stalled engine raises EngineError.
    """

    @property
    def max_model_len(self) -> int:
        """The context window in tokens, prompt and answer together."""
        ...

    def complete(self, requests: Iterable[CompletionRequest]) -> Iterator[Completion]:
        """Generate for each request."""
        ...

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Score candidates for each request."""
        ...

    def close(self) -> None:
        """Release the model, its processes and connections; safe to call twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...
