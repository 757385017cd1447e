"""A causal language model on torch: generates greedily for one batch, or scores one batch.

engine.py has the queue and the thread, batches.py chooses the batches, and packing.py does without padding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.extras import packages_of
from prox_assets.engines.grammar_mask import GrammarMasks
from prox_assets.engines.protocol import EngineError, EngineStartError
from prox_assets.engines.transformers.packing import can_pack, packed_states
from prox_assets.engines.transformers.processor import warn_if_bfloat16_is_slow
from prox_assets.machine.malloc import keep_freed_memory

if TYPE_CHECKING:
    import torch
    from llguidance import LLMatcher

_LOGIT_ROWS = 512
"""Maximum positions whose logits exist at one time when scoring: 512 x 32,000 x 4 bytes are 66 MB."""


@dataclass(slots=True, eq=False)
class GenerationRow:
    """One sequence of a generation batch, filled in place.

    Attributes:
        prompt_token_ids: The prompt to continue.
        max_tokens: Maximum number of tokens to generate.
        stop_token_ids: Tokens that end the sequence, including the model's own end-of-sequence tokens.
        matcher: Grammar state, or None.
        cancelled: Tells whether the caller no longer wants the sequence.
        token_ids: The generated tokens, without the one that stopped the sequence.
        finish_reason: "stop" or "length" once the sequence is finished, else None.
    """

    prompt_token_ids: tuple[int, ...]
    max_tokens: int
    stop_token_ids: frozenset[int]
    matcher: "LLMatcher | None"
    cancelled: Callable[[], bool]
    token_ids: list[int] = field(default_factory=list)
    finish_reason: str | None = None

    def take(self, token_id: int) -> None:
        """Append a generated token, or finish the sequence."""
        if token_id in self.stop_token_ids:
            self.finish_reason = "stop"
            return
        self.token_ids.append(token_id)
        if self.matcher is not None:
            self.matcher.consume_token(token_id)
        if len(self.token_ids) >= self.max_tokens:
            self.finish_reason = "length"


class TorchModel:
    """A causal language model and its tokenizer, loaded from a local folder.

    Args:
        config: Device, dtype and threads.
        model_path: Folder with safetensors weights, configuration and tokenizer.
        tokenizer_path: Folder of the tokenizer where it is another.

    Raises:
        EngineStartError: The folder cannot be loaded, or the device is not available.

    Attributes:
        device: Where it runs, "cpu" or "cuda".
    """

    def __init__(self, config: TransformersEngineConfig, model_path: str, tokenizer_path: str | None = None) -> None:
        if not Path(model_path, "config.json").is_file():
            raise EngineStartError(f"{model_path} is not a model folder: it has no config.json.")
        with packages_of("models", EngineStartError):
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
            from transformers.utils import logging

        logging.disable_progress_bar()  # keep the weight-loading progress bar out of a command's output
        if config.device == "cuda" and not torch.cuda.is_available():
            raise EngineStartError("device is cuda, but torch sees no CUDA device; set device to cpu or auto.")
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        device = ("cuda" if torch.cuda.is_available() else "cpu") if config.device == "auto" else config.device
        if device == "cpu":
            keep_freed_memory()
        dtype = "auto" if config.dtype == "auto" else getattr(torch, config.dtype)
        try:
            # Loading pickled weights or remote code would execute that code.
            self.tokenizer = cast(
                "Any", AutoTokenizer.from_pretrained(tokenizer_path or model_path, trust_remote_code=False)
            )
            model: Any = AutoModelForCausalLM.from_pretrained(
                model_path, dtype=dtype, use_safetensors=True, trust_remote_code=False
            )
            self._model = model.to(device).eval()
        except (OSError, ValueError, RuntimeError) as error:
            raise EngineStartError(f"transformers cannot load {model_path}: {error}") from error
        if device == "cpu" and self._model.dtype is torch.bfloat16:
            warn_if_bfloat16_is_slow(model_path)
        self.device = device
        self.vocab_size: int = self._model.get_output_embeddings().weight.shape[0]
        window = self._model.config.max_position_embeddings
        self.max_model_len: int = min(window, config.max_model_len or window)
        self.eos_token_ids = self._find_eos_token_ids()
        self._masks: GrammarMasks | None = None
        self._head_is_plain: bool | None = None

    def matcher(self, grammar: str) -> "LLMatcher":
        """Return a matcher for a Lark grammar.

        Raises:
            GrammarError: The grammar is not valid.
            EngineError: llguidance is not installed.
        """
        if self._masks is None:
            self._masks = GrammarMasks(self.tokenizer, self.vocab_size, sorted(self.eos_token_ids))
        return self._masks.matcher(grammar)

    def generate(self, rows: Sequence[GenerationRow], on_step: Callable[[list[GenerationRow]], bool]) -> None:
        """Generate greedily until every row is finished or cancelled.

        Args:
            rows: The batch.
            on_step: Called after each token with the rows that it finished; generation stops if it returns False.
        """
        import torch
        from transformers import DynamicCache

        with torch.inference_mode():
            running = list(rows)
            # Left padding: the last column is the last prompt token of every row.
            token_ids, mask = self._pad([row.prompt_token_ids for row in running], left=True)
            cache = DynamicCache(config=self._model.config)
            while running:
                positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -token_ids.shape[1] :]
                logits = self._model(
                    input_ids=token_ids,
                    attention_mask=mask,
                    position_ids=positions,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                ).logits[:, -1]
                for row, row_logits in zip(running, logits, strict=True):
                    if row.matcher is not None and self._masks is not None:
                        self._masks.apply(row.matcher, row_logits)
                chosen = logits.argmax(-1)
                for row, token_id in zip(running, chosen.tolist(), strict=True):
                    row.take(token_id)
                if not on_step([row for row in running if row.finish_reason is not None]):
                    return
                kept = [i for i, row in enumerate(running) if row.finish_reason is None and not row.cancelled()]
                if len(kept) < len(running):
                    index = torch.tensor(kept, dtype=torch.long, device=self.device)
                    running = [running[i] for i in kept]
                    chosen, mask = chosen[index], mask[index]
                    cache.batch_select_indices(index)
                token_ids = chosen[:, None]
                mask = torch.cat([mask, mask.new_ones((len(running), 1))], dim=1)

    def score(
        self,
        prompts: Sequence[tuple[int, ...]],
        positions: Sequence[Sequence[int]],
        candidates: Sequence[Sequence[int]],
        *,
        relative: bool = False,
    ) -> list[tuple[tuple[float, ...], ...]]:
        """Return natural-log probabilities, one table of shape (positions, candidates) per prompt.

        It computes logits only for the requested positions, and if `relative` only those of the candidates, in float32.

        Raises:
            EngineError: The model transforms its logits after the output layer.
        """
        import torch

        with torch.inference_mode():
            if not self._has_plain_head():
                raise EngineError(
                    f"The transformers engine cannot score with {type(self._model).__name__}, which transforms its "
                    "logits after the output layer; use a vLLM engine."
                )
            hidden = packed_states(self._model, prompts, self.device) if self.packs else self._padded_states(prompts)
            states = torch.cat([row[list(wanted)] for row, wanted in zip(hidden, positions, strict=True)])
            columns = self._columns(positions, candidates)
            head = self._model.get_output_embeddings()
            answers: list[list[float]] = []
            for start in range(0, len(states), _LOGIT_ROWS):
                part = slice(start, start + _LOGIT_ROWS)
                if relative and isinstance(head, torch.nn.Linear):
                    answers += _candidate_logits(head, states[part], columns[part]).tolist()
                    continue
                logits = head(states[part]).float()
                answers += (logits.gather(1, columns[part]) - logits.logsumexp(-1, keepdim=True)).tolist()
        rows = iter(answers)
        return [
            tuple(tuple(next(rows)[: len(scored)]) for _ in wanted)
            for wanted, scored in zip(positions, candidates, strict=True)
        ]

    def surprisals(self, prompts: Sequence[tuple[int, ...]]) -> list[list[float]]:
        """Return the nats of each token but the first, given those before it: one list per prompt.

        Args:
            prompts: Token ids, at least two each. The last one is predicted and not read.
        """
        import torch

        with torch.inference_mode():
            read = [prompt[:-1] for prompt in prompts]
            plain = self._has_plain_head()
            if plain and self.packs:
                rows = torch.cat(packed_states(self._model, read, self.device))
            else:
                padded = self._padded_states(read) if plain else self._padded_logits(read)
                rows = torch.cat([row[: len(ids)] for row, ids in zip(padded, read, strict=True)])
            targets = torch.tensor(list(chain.from_iterable(prompt[1:] for prompt in prompts)), device=self.device)
            head = self._model.get_output_embeddings()
            nats: list[float] = []
            for start in range(0, len(rows), _LOGIT_ROWS):
                part = rows[start : start + _LOGIT_ROWS]
                logits = (head(part) if plain else part).float()
                chosen = logits.gather(1, targets[start : start + _LOGIT_ROWS, None])
                nats += (logits.logsumexp(-1) - chosen[:, 0]).tolist()
        values = iter(nats)
        return [[next(values) for _ in ids] for ids in read]

    @cached_property
    def packs(self) -> bool:
        """Whether `score` runs without padding; otherwise batches are best made of prompts of similar length."""
        return can_pack(self._model, self.device)

    def _padded_states(self, prompts: Sequence[tuple[int, ...]]) -> "torch.Tensor":
        """Return the last hidden states, shape (prompts, width of the longest, hidden size)."""
        # Right padding: in a causal model, later tokens do not affect earlier positions.
        token_ids, mask = self._pad(prompts, left=False)
        return self._model.base_model(input_ids=token_ids, attention_mask=mask, use_cache=False).last_hidden_state

    def _padded_logits(self, prompts: Sequence[tuple[int, ...]]) -> "torch.Tensor":
        """Return all logits, shape (prompts, width of the longest, vocabulary)."""
        token_ids, mask = self._pad(prompts, left=False)
        return self._model(input_ids=token_ids, attention_mask=mask, use_cache=False).logits

    def _columns(self, positions: Sequence[Sequence[int]], candidates: Sequence[Sequence[int]]) -> "torch.Tensor":
        """Return the candidates of every position as one tensor; shorter rows are filled up with token 0."""
        import torch

        most = max(map(len, candidates))
        filled = [(*scored, *[0] * (most - len(scored))) for scored in candidates]
        rows = chain.from_iterable([row] * len(wanted) for row, wanted in zip(filled, positions, strict=True))
        return torch.tensor(list(rows), device=self.device)

    def _pad(self, prompts: Sequence[tuple[int, ...]], *, left: bool) -> "tuple[torch.Tensor, torch.Tensor]":
        import torch

        width = max(map(len, prompts))
        token_ids = torch.zeros((len(prompts), width), dtype=torch.long)
        mask = torch.zeros_like(token_ids)
        for row, prompt in enumerate(prompts):
            columns = slice(width - len(prompt), width) if left else slice(0, len(prompt))
            token_ids[row, columns] = torch.tensor(prompt)
            mask[row, columns] = 1
        return token_ids.to(self.device), mask.to(self.device)

    def _find_eos_token_ids(self) -> frozenset[int]:
        """Return the end-of-sequence tokens of the tokenizer and of the generation configuration, as vLLM does."""
        configured = self._model.generation_config.eos_token_id
        several = configured if isinstance(configured, list) else [configured]
        return frozenset(i for i in (*several, self.tokenizer.eos_token_id) if i is not None)

    def _has_plain_head(self) -> bool:
        """Try once whether the output layer alone produces the logits; some families scale or cap them later."""
        import torch

        if self._head_is_plain is None:
            probe = torch.zeros((1, 1), dtype=torch.long, device=self.device)
            whole = self._model(input_ids=probe, use_cache=False).logits
            states = self._model.base_model(input_ids=probe, use_cache=False).last_hidden_state
            parts = self._model.get_output_embeddings()(states)
            self._head_is_plain = torch.allclose(whole.float(), parts.float(), rtol=1e-3, atol=1e-3)
        return self._head_is_plain


def _candidate_logits(head: "torch.nn.Linear", states: "torch.Tensor", columns: "torch.Tensor") -> "torch.Tensor":
    """Return the logits of some tokens for each state, float32, shape (states, candidates), that of `columns`."""
    logits = (states.float()[:, None] * head.weight[columns].float()).sum(-1)
    return logits if head.bias is None else logits + head.bias[columns].float()
