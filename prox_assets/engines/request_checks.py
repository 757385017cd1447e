"""The checks that every engine makes before it starts a request.

A rejected request becomes a result with `error`, never an exception, and engines may rely on these checks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from prox_assets.engines.protocol import CompletionRequest, ScoreRequest


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an engine's model.

    Attributes:
        max_model_len: Context window in tokens.
        vocab_size: Number of token ids, or None if the engine cannot know it (a server checks this itself).
    """

    max_model_len: int
    vocab_size: int | None


def completion_problem(request: CompletionRequest, limits: Limits) -> str | None:
    """Return why `request` cannot be run, or None."""
    if request.max_tokens < 1:
        return f"max_tokens is {request.max_tokens}; at least 1 is needed"
    return _prompt_problem(request.prompt_token_ids, limits)


def score_problem(request: ScoreRequest, limits: Limits) -> str | None:
    """Return why `request` cannot be run, or None."""
    if problem := _prompt_problem(request.prompt_token_ids, limits):
        return problem
    if not request.positions or not request.candidate_token_ids:
        return "nothing is asked: positions and candidate_token_ids must not be empty"
    last = len(request.prompt_token_ids) - 1
    if outside := [position for position in request.positions if not 0 <= position <= last]:
        return f"position {outside[0]} is outside the prompt, whose last position is {last}"
    return _token_problem(request.candidate_token_ids, limits, "candidate")


def room_for_answer(request: CompletionRequest, limits: Limits) -> int:
    """Return how many tokens can be generated: `max_tokens`, capped by the room in the window after the prompt."""
    return min(request.max_tokens, limits.max_model_len - len(request.prompt_token_ids))


def _prompt_problem(prompt_token_ids: Sequence[int], limits: Limits) -> str | None:
    if not prompt_token_ids:
        return "the prompt is empty"
    # Engines generate at least one token, even for scores, so a prompt that fills the window is too long.
    if len(prompt_token_ids) + 1 > limits.max_model_len:
        return (
            f"the prompt has {len(prompt_token_ids)} tokens; with a window of {limits.max_model_len} tokens at most "
            f"{limits.max_model_len - 1} can be answered"
        )
    return _token_problem(prompt_token_ids, limits, "prompt")


def _token_problem(token_ids: Sequence[int], limits: Limits, where: str) -> str | None:
    highest = max(token_ids)
    if min(token_ids) < 0 or (limits.vocab_size is not None and highest >= limits.vocab_size):
        return f"a {where} token id is outside the vocabulary of {limits.vocab_size} tokens"
    return None
