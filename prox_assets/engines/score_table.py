"""Assembles scores from answers that cover only some tokens; shared by the vLLM and server engines.

It decides which queries a ScoreRequest needs, and collects their answers in a table. vLLM returns chosen tokens only
after the last position of a prompt; for earlier positions it returns the most likely ones. So we first query the inner
positions for their `TOP_TOKENS` most likely tokens, all in one forward pass. A position that lacks a candidate is then
queried again as the last position of a shortened prompt, whose tokens the prefix cache still holds. (Querying the whole
vocabulary would be exact too, but returns positions x vocabulary numbers.)
"""

from collections.abc import Mapping
from dataclasses import dataclass

from prox_assets.engines.protocol import ScoreRequest

TOP_TOKENS = 20
"""Number of most likely tokens to query at every inner position: vLLM's default `max_logprobs`."""

MAX_CHOSEN_TOKENS = 128
"""Maximum tokens that one query may choose at the last position: vLLM's limit (MAX_LOGPROB_TOKEN_IDS)."""


@dataclass(frozen=True, slots=True)
class ScoreQuery:
    """A query that generates a single token to get log-probabilities.

    Attributes:
        prompt_token_ids: The tokens that the model sees.
        chosen_token_ids: Tokens to score after the last position.
        inner: Whether to also return the most likely tokens at every earlier position.
    """

    prompt_token_ids: tuple[int, ...]
    chosen_token_ids: tuple[int, ...]
    inner: bool = False

    @property
    def last_position(self) -> int:
        """The position at which `chosen_token_ids` are scored."""
        return len(self.prompt_token_ids) - 1


class ScoreTable:
    """The log-probabilities of one ScoreRequest, filled position by position as answers arrive."""

    def __init__(self, request: ScoreRequest) -> None:
        self.request = request
        self._rows: dict[int, dict[int, float]] = {position: {} for position in request.positions}

    @property
    def inner_positions(self) -> list[int]:
        """The requested positions before the prompt's last one."""
        last = len(self.request.prompt_token_ids) - 1
        return [position for position in self._rows if position < last]

    def first_query(self) -> ScoreQuery:
        """Return the first query; `queries_for_missing` returns the rest."""
        prompt = self.request.prompt_token_ids
        wants_last = len(prompt) - 1 in self._rows
        return ScoreQuery(
            prompt_token_ids=prompt,
            chosen_token_ids=self._missing(len(prompt) - 1) if wants_last else (),
            inner=bool(self.inner_positions),
        )

    def add(self, position: int, log_probabilities: Mapping[int, float]) -> None:
        """Add natural-log probabilities at a position, by token id; tokens that are not candidates are ignored."""
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
