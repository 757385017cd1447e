"""The budget: reserves the most that a request could cost, then books what it did cost."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from prox_assets.training.annotation.config import AnnotatorConfig, Tokens
from prox_assets.training.annotation.errors import BudgetExceededError


class Budget:
    """Limits the spending of a run; use it inside one event loop.

    The token counts of attempts that never returned (timeouts, broken connections) are unknown and not included.

    Args:
        config: The limits and prices.
        spent: Tokens spent by earlier runs with the same folder.
        folder: Named in messages.
    """

    def __init__(self, config: AnnotatorConfig, spent: Tokens, folder: str) -> None:
        self._config = config
        self._folder = folder
        self._reserved = Tokens()
        self._under_way = 0
        self._settled = asyncio.Event()
        self.spent = spent

    async def wait_for_room(self, most: Tokens) -> None:
        """Wait until a request of at most this many tokens fits, given what is spent and reserved.

        Raises:
            BudgetExceededError: It does not fit, and no request in flight might still turn out cheaper.
        """
        while not self._fits(self.spent + self._reserved + most):
            if not self._under_way:
                raise self._exceeded(most)
            self._settled.clear()
            await self._settled.wait()

    @contextmanager
    def reserve(self, most: Tokens) -> Iterator[None]:
        """Reserve tokens for a request while the block runs; enter it right after `wait_for_room`, without awaiting."""
        self._reserved += most
        self._under_way += 1
        try:
            yield
        finally:
            self._reserved -= most
            self._under_way -= 1
            self._settled.set()

    def spend(self, tokens: Tokens) -> None:
        """Book the tokens that a request took; call it inside the request's reservation."""
        self.spent += tokens

    def _fits(self, tokens: Tokens) -> bool:
        if self._config.budget_tokens is not None and tokens.total > self._config.budget_tokens:
            return False
        cost = self._config.cost(tokens)
        return self._config.budget_cost is None or cost is None or cost <= self._config.budget_cost

    def _exceeded(self, most: Tokens) -> BudgetExceededError:
        tokens, limit = self.spent + most, self._config.budget_tokens
        if limit is not None and tokens.total > limit:
            used = (
                f"{self.spent.total:,} of budget_tokens = {limit:,} tokens are spent, and the next request may take "
                f"{most.total:,} (the prompt, and the longest answer)"
            )
            least = f"budget_tokens to at least {tokens.total:,}"
        else:
            spent = self._config.cost(self.spent)
            following = self._config.cost(most)
            used = (
                f"{spent:.4f} of budget_cost = {self._config.budget_cost:g} is spent, and the next request may cost "
                f"{following:.4f}"
            )
            least = f"budget_cost to at least {self._config.cost(tokens):.4f}"
        return BudgetExceededError(
            f"The budget is used up: {used}. No answer is lost. To continue, raise {least} and run again with the "
            f"folder {self._folder}: only open questions are asked."
        )
