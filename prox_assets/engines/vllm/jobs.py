"""Translates protocol requests into vLLM requests, and vLLM outputs into results.

worker.py decides when they run.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from prox_assets.engines.protocol import Completion, CompletionRequest, Score, ScoreRequest
from prox_assets.engines.score_table import TOP_TOKENS, ScoreQuery, ScoreTable
from prox_assets.engines.stream import Outbox, completion_error, score_error

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.logprobs import Logprob, PromptLogprobs, SampleLogprobs
    from vllm.outputs import RequestOutput


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """One vLLM request."""

    prompt_token_ids: tuple[int, ...]
    parameters: "SamplingParams"


class Job(ABC):
    """One protocol request on its way through vLLM."""

    outbox: Outbox

    @abstractmethod
    def first_asks(self) -> list[Ask]:
        """Return the first vLLM requests."""

    @abstractmethod
    def take(self, ask: Ask, output: "RequestOutput") -> list[Ask]:
        """Read the final output of `ask` and return further vLLM requests; pass the result on once it is complete."""

    @abstractmethod
    def refuse(self, error: str) -> None:
        """Pass on a result that says why vLLM rejected the request."""


class CompletionJob(Job):
    """A CompletionRequest; `max_tokens` already fits the context window."""

    def __init__(self, request: CompletionRequest, max_tokens: int, outbox: Outbox[Completion]) -> None:
        self.outbox: Outbox[Completion] = outbox
        self._request = request
        self._max_tokens = max_tokens

    def first_asks(self) -> list[Ask]:
        """Return the single request that is needed."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        grammar = self._request.grammar
        parameters = SamplingParams(
            temperature=0.0,
            max_tokens=self._max_tokens,
            stop_token_ids=list(self._request.stop_token_ids),
            skip_special_tokens=True,
            output_kind=RequestOutputKind.FINAL_ONLY,
            structured_outputs=StructuredOutputsParams(grammar=grammar) if grammar is not None else None,
        )
        return [Ask(self._request.prompt_token_ids, parameters)]

    def take(self, ask: Ask, output: "RequestOutput") -> list[Ask]:
        """Pass the completion on."""
        answer = output.outputs[0]
        token_ids = tuple(answer.token_ids)
        stopped = answer.finish_reason == "stop"
        if not stopped and answer.finish_reason != "length":
            self.refuse(f"vLLM ended the request with {answer.finish_reason!r}")
            return []
        # We never set stop strings, so the last token of a stopped answer is the one that stopped it.
        if stopped:
            token_ids = token_ids[:-1]
        self.outbox.put(
            Completion(
                request_id=self._request.request_id,
                text=answer.text,
                token_ids=token_ids,
                finish_reason="stop" if stopped else "length",
                prompt_tokens=len(self._request.prompt_token_ids),
                completion_tokens=len(token_ids),
            )
        )
        return []

    def refuse(self, error: str) -> None:
        """Pass on a completion with `error`."""
        self.outbox.put(completion_error(self._request, error))


class ScoreJob(Job):
    """A ScoreRequest: one vLLM request, and more if a candidate is not among the most likely tokens."""

    def __init__(self, request: ScoreRequest, outbox: Outbox[Score]) -> None:
        self.outbox: Outbox[Score] = outbox
        self._request = request
        self._table = ScoreTable(request)
        self._open: dict[Ask, ScoreQuery] = {}
        self._refused = False

    def first_asks(self) -> list[Ask]:
        """Return the request over the whole prompt."""
        return [self._ask(self._table.first_query())]

    def take(self, ask: Ask, output: "RequestOutput") -> list[Ask]:
        """Fill the table; pass the score on once it is full, else return requests for the missing entries."""
        query = self._open.pop(ask)
        if self._refused:
            return []
        if output.outputs[0].finish_reason == "error":
            self.refuse("vLLM ended the request with an error")
            return []
        self._read(query, output)
        if self._open:
            return []
        more = [self._ask(query) for query in self._table.queries_for_missing()]
        if not more:
            score = Score(self._request.request_id, self._table.rows(), len(self._request.prompt_token_ids))
            self.outbox.put(score)
        return more

    def refuse(self, error: str) -> None:
        """Pass on a score with `error`, once."""
        if not self._refused:
            self._refused = True
            self.outbox.put(score_error(self._request, error))

    def _ask(self, query: ScoreQuery) -> Ask:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        parameters = SamplingParams(
            temperature=0.0,
            max_tokens=1,
            logprob_token_ids=list(query.chosen_token_ids) or None,
            # vLLM does not read the prefix cache for requests with prompt_logprobs.
            prompt_logprobs=TOP_TOKENS if query.inner else None,
            # Arrays instead of one object per token and position.
            flat_logprobs=True,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        ask = Ask(query.prompt_token_ids, parameters)
        self._open[ask] = query
        return ask

    def _read(self, query: ScoreQuery, output: "RequestOutput") -> None:
        if query.chosen_token_ids:
            after_last = cast("SampleLogprobs", output.outputs[0].logprobs)
            chosen = {token_id: entry.logprob for token_id, entry in after_last[0].items()}
            self._table.add(query.last_position, chosen)
        if query.inner:
            in_prompt = cast("PromptLogprobs", output.prompt_logprobs)
            for position in self._table.inner_positions:
                # Entry i belongs to prompt token i, so it is the distribution after position i - 1.
                entries = cast("dict[int, Logprob]", in_prompt[position + 1])
                self._table.add(position, {token_id: entry.logprob for token_id, entry in entries.items()})
