"""Scores put together from answers that name only some tokens: the part that vLLM and its server have in common.

Belongs here: which queries a ScoreRequest takes, and the table their answers fill. vLLM returns chosen tokens only
after the last position of a prompt; for the positions before it returns the most likely ones. So inner positions are
first asked for their `TOP_TOKENS` most likely tokens, all in one forward pass, and a position that lacks a candidate
is asked again as the last position of a shortened prompt, whose tokens the prefix cache still holds. (Asking for the
whole vocabulary instead is exact too, but returns positions x vocabulary numbers.)
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prox_assets.engines.protocol import ScoreRequest

TOP_TOKENS = 20
"""Most likely tokens asked for at every inner position: vLLM's default `max_logprobs`."""

MAX_CHOSEN_TOKENS = 128
"""Tokens that one query may choose at the last position: vLLM's limit (MAX_LOGPROB_TOKEN_IDS)."""


@dataclass(frozen=True, slots=True)
class ScoreQuery:
    """One generation of a single token, asked for its log-probabilities.

    Attributes:
        prompt_token_ids: What the model sees.
        chosen_token_ids: Tokens whose log-probabilities are wanted after the last position.
        inner: Whether the most likely tokens of every earlier position are wanted too.
    """

    prompt_token_ids: tuple[int, ...]
    chosen_token_ids: tuple[int, ...]
    inner: bool = False

    @property
    def last_position(self) -> int:
        """The position that `chosen_token_ids` are asked at."""
        return len(self.prompt_token_ids) - 1


class ScoreTable:
    """The log-probabilities of one ScoreRequest, position by position, as answers come in."""

    def __init__(self, request: ScoreRequest) -> None:
        self.request = request
        self._rows: dict[int, dict[int, float]] = {position: {} for position in request.positions}

    @property
    def inner_positions(self) -> list[int]:
        """The wanted positions before the last."""
        last = len(self.request.prompt_token_ids) - 1
        return [position for position in self._rows if position < last]

    def first_query(self) -> ScoreQuery:
        """Return the query to begin with; `queries_for_missing` names the rest."""
        prompt = self.request.prompt_token_ids
        wants_last = len(prompt) - 1 in self._rows
        return ScoreQuery(
            prompt_token_ids=prompt,
            chosen_token_ids=self._missing(len(prompt) - 1) if wants_last else (),
            inner=bool(self.inner_positions),
        )

    def add(self, position: int, log_probabilities: Mapping[int, float]) -> None:
        """Take in what is known of a position: natural-log probabilities by token id, wanted or not."""
        row = self._rows[position]
        for token_id in self.request.candidate_token_ids:
            if token_id in log_probabilities:
                row[token_id] = log_probabilities[token_id]

    def queries_for_missing(self) -> list[ScoreQuery]:
        """Return one query for each position that still lacks candidates; none when the table is full."""
        return [
            ScoreQuery(self.request.prompt_token_ids[: position + 1], missing)
            for position in self._rows
            if (missing := self._missing(position))
        ]

    def rows(self) -> tuple[tuple[float, ...], ...]:
        """Return the full table, shape (positions, candidates), in the order of the request."""
        return tuple(
            tuple(self._rows[position][token_id] for token_id in self.request.candidate_token_ids)
            for position in self.request.positions
        )

    def _missing(self, position: int) -> tuple[int, ...]:
        row = self._rows[position]
        unique = dict.fromkeys(self.request.candidate_token_ids)
        return tuple(token_id for token_id in unique if token_id not in row)[:MAX_CHOSEN_TOKENS]
