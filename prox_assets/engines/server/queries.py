"""The requests to a completions server, and how to read its answers.

The JSON is that of vLLM's /v1/completions, including its extensions to the OpenAI protocol; client.py sends it.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from prox_assets.engines.protocol import Completion, CompletionRequest, EngineError, Score, ScoreRequest
from prox_assets.engines.score_table import TOP_TOKENS, ScoreQuery, ScoreTable
from prox_assets.engines.server.client import CompletionsClient, RequestRefusedError

_TOKEN_PREFIX = "token_id:"  # noqa: S105 (how vLLM spells a token by its id)


class ServerModel:
    """One served model, queried through a client.

    Args:
        client: The client.
        name: The served model name.
    """

    def __init__(self, client: CompletionsClient, name: str) -> None:
        self._client = client
        # All sampling parameters are explicit, because a server takes unset ones from the model's generation_config.
        self._common = {
            "model": name,
            "temperature": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "return_token_ids": True,
        }
        self._can_choose_tokens = True

    async def complete(self, request: CompletionRequest, max_tokens: int) -> Completion:
        """Generate for one request; `max_tokens` already fits the context window.

        Raises:
            RequestRefusedError: The server will not run the request.
            RequestFailedError: Every attempt failed.
            EngineError: The server is gone, or is not a vLLM server.
        """
        payload: dict[str, Any] = {
            **self._common,
            "prompt": request.prompt_token_ids,
            "max_tokens": max_tokens,
            "stop_token_ids": request.stop_token_ids,
            "skip_special_tokens": True,
        }
        if request.grammar is not None:
            payload["structured_outputs"] = {"grammar": request.grammar}
        choice = _first_choice(await self._client.complete(payload))
        token_ids = choice.get("token_ids")
        if token_ids is None:
            raise EngineError("The server returns no token ids; a vLLM server (0.24 or later) is needed.")
        if choice["finish_reason"] not in {"stop", "length"}:
            raise RequestRefusedError(f"the server ended the request with {choice['finish_reason']!r}")
        # We never set stop strings, so the last token of a stopped answer is the one that stopped it.
        stopped = choice["finish_reason"] == "stop"
        kept = tuple(token_ids[:-1] if stopped else token_ids)
        return Completion(
            request_id=request.request_id,
            text=choice["text"],
            token_ids=kept,
            finish_reason="stop" if stopped else "length",
            prompt_tokens=len(request.prompt_token_ids),
            completion_tokens=len(kept),
        )

    async def score(self, request: ScoreRequest) -> Score:
        """Score one request; raises like `complete`."""
        table = ScoreTable(request)
        queries = [table.first_query()]
        while queries:
            # All or nothing: if one query fails, the others are cancelled.
            async with asyncio.TaskGroup() as group:
                for query in queries:
                    group.create_task(self._fill(table, query))
            queries = table.queries_for_missing()
        return Score(request.request_id, table.rows(), len(request.prompt_token_ids))

    async def _fill(self, table: ScoreTable, query: ScoreQuery) -> None:
        chose_tokens = self._can_choose_tokens
        choice = await self._ask(query)
        if query.inner:
            in_prompt = choice["prompt_logprobs"]
            for position in table.inner_positions:
                # Entry i belongs to prompt token i, so it is the distribution after position i - 1.
                entries: Mapping[str, Any] = in_prompt[position + 1]
                table.add(position, {int(token_id): entry["logprob"] for token_id, entry in entries.items()})
        if query.chosen_token_ids:
            after_last = _after_last(choice)
            if not after_last.keys() >= set(query.chosen_token_ids) and chose_tokens:
                # Older servers' completions endpoint ignores logprob_token_ids, so ask for the whole vocabulary.
                self._can_choose_tokens = False
                after_last = _after_last(await self._ask(ScoreQuery(query.prompt_token_ids, query.chosen_token_ids)))
            if not after_last.keys() >= set(query.chosen_token_ids):
                raise EngineError("The server leaves candidates out even when asked for the whole vocabulary.")
            table.add(query.last_position, after_last)

    async def _ask(self, query: ScoreQuery) -> dict[str, Any]:
        payload: dict[str, Any] = {
            **self._common,
            "prompt": query.prompt_token_ids,
            "max_tokens": 1,
            "return_tokens_as_token_ids": True,
        }
        if query.inner:
            payload["prompt_logprobs"] = TOP_TOKENS
        if query.chosen_token_ids and self._can_choose_tokens:
            payload |= {"logprobs": TOP_TOKENS, "logprob_token_ids": query.chosen_token_ids}
        elif query.chosen_token_ids:
            payload["logprobs"] = -1
        try:
            return _first_choice(await self._client.complete(payload))
        except RequestRefusedError as error:
            if payload.get("logprobs") != -1:
                raise
            raise EngineError(
                f"The server cannot score tokens of the caller's choice ({error}). Start it with `--max-logprobs -1`, "
                "or use a later vLLM."
            ) from error


def _first_choice(answer: Mapping[str, Any]) -> dict[str, Any]:
    try:
        choice = answer["choices"][0]
        choice["finish_reason"]
    except (KeyError, IndexError, TypeError) as error:
        raise EngineError("The server's answer is not that of an OpenAI-compatible completions endpoint.") from error
    return choice


def _after_last(choice: Mapping[str, Any]) -> dict[int, float]:
    """Return the log-probabilities at the generated token's position, by token id."""
    tops = (choice.get("logprobs") or {}).get("top_logprobs") or [{}]
    return {int(name.removeprefix(_TOKEN_PREFIX)): value for name, value in (tops[0] or {}).items()}
