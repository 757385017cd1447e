"""Any causal language model of transformers as a ScoredModel: a folder or hub model, safetensors only, no remote code.

A text's tokens are those of context and text together, less the tokens of the context alone, as lm-eval takes them:
spaces at the context's end are scored with the text, because they are part of its first token.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.devices import devices_of, lease_for_engine
from prox_assets.engines.transformers.batches import BATCH_TOKENS, PACKED_BATCH_TOKENS_ON_CPU
from prox_assets.proof.evaluation.errors import EvaluationError
from prox_assets.proof.evaluation.model import Request
from prox_assets.refiners.model.files import find_checkpoint

END_OF_TEXT = "<|endoftext|>"
"""What ends a document for GPT-2, Pythia, OLMo, Qwen and SmolLM2. Chat models end turns with another token."""

_CONTEXTS = 1024
"""Contexts whose tokens are remembered: the choices of a question share theirs."""


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of a request that the model reads at once.

    Attributes:
        request: Index of the request.
        token_ids: At most one more than the model's context, because the last one is only predicted.
        scored: How many of them count, from the end.
    """

    request: int
    token_ids: tuple[int, ...]
    scored: int


class HuggingFaceModel:
    """A causal language model that scores texts.

    The beginning of a document is what the tokenizer itself begins with (the BOS token of Llama's). Where it adds
    nothing, the token that ended the document before stands there: `<|endoftext|>`, else the end-of-sequence token.

    Args:
        model: Folder, or hub id (owner/name).
        tokenizer: Folder of the tokenizer; the model's own if None.
        dtype: float32 or bfloat16; auto is bfloat16 on a GPU and float32 on a CPU.
        device: cpu or cuda; auto takes CUDA where there is one.
        max_model_len: Context in tokens; the model's own if None.
        batch_tokens: Tokens of a batch, which shifts memory and speed, not scores.

    Raises:
        EngineStartError: The model cannot be loaded.
        RefinerError: There is no such folder or hub model, or it has no safetensors.
        EvaluationError: Its tokenizer has no end-of-text token.
    """

    def __init__(
        self,
        model: str,
        *,
        tokenizer: str | None = None,
        dtype: Literal["auto", "float32", "bfloat16"] = "auto",
        device: Literal["auto", "cpu", "cuda"] = "auto",
        max_model_len: int | None = None,
        batch_tokens: int | None = None,
    ) -> None:
        folder = model if Path(model).is_dir() else str(find_checkpoint(model).path)
        lease_for_engine(devices_of(TransformersEngineConfig(device=device)))
        import torch

        from prox_assets.engines.transformers.model import TorchModel

        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if dtype == "auto":
            dtype = "float32" if device == "cpu" else "bfloat16"
        config = TransformersEngineConfig(device=device, dtype=dtype, max_model_len=max_model_len)
        self._model = TorchModel(config, folder, tokenizer)
        self._tokenizer = self._model.tokenizer
        self.max_model_len = self._model.max_model_len
        packed_on_cpu = device == "cpu" and self._model.packs
        self._batch_tokens = batch_tokens or (PACKED_BATCH_TOKENS_ON_CPU if packed_on_cpu else BATCH_TOKENS)
        bos = self._tokenizer.bos_token_id
        self._bos = bos if bos is not None and self._tokenizer("a")["input_ids"][:1] == [bos] else None
        self._beginning = self._find_beginning(model)
        self._context = lru_cache(_CONTEXTS)(self._tokens)

    def negative_log_likelihoods(self, requests: Sequence[Request]) -> list[float]:
        """Return, for each request, the nats of its text given its context; special tokens do not count.

        What does not fit into the model's context is read in windows. They overlap by half, so that a token is
        predicted from at least half a window; of a context that is too long, its end counts.
        """
        nats = [0.0] * len(requests)
        windows = [window for index, request in enumerate(requests) for window in self._windows(index, request)]
        for batch in _batches(windows, self._batch_tokens):
            found = self._model.surprisals([window.token_ids for window in batch])
            for window, values in zip(batch, found, strict=True):
                nats[window.request] += sum(values[-window.scored :])
        return nats

    def _windows(self, index: int, request: Request) -> Iterator[_Window]:
        before, scored = self._split(*request)
        token_ids = (*before, *scored)
        room = self.max_model_len + 1
        position = len(before)
        while position < len(token_ids):
            end = min(len(token_ids), max(room, position + room // 2))
            yield _Window(index, token_ids[max(0, end - room) : end], end - position)
            position = end

    def _split(self, context: str, text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the tokens that come before, never none, and those that are scored."""
        if not text:
            return (), ()
        trimmed = context.rstrip()
        if not trimmed:
            return (self._beginning,), self._tokens(context + text)
        before = self._context(trimmed)
        whole = self._tokens(context + text)
        if len(whole) <= len(before):  # the text has become part of the context's last token
            whole = before + self._tokens(context[len(trimmed) :] + text)
        start = () if self._bos is None else (self._bos,)
        return (*start, *before), whole[len(before) :]

    def _tokens(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a text; names of special tokens in it are text like any other."""
        found = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        # Some tokenizers cannot be asked to add nothing.
        while found and found[0] == self._tokenizer.bos_token_id:
            found = found[1:]
        return tuple(found)

    def _find_beginning(self, model: str) -> int:
        if self._bos is not None:
            return self._bos
        tokenizer: Any = self._tokenizer
        end = tokenizer.get_vocab().get(END_OF_TEXT, tokenizer.eos_token_id)
        if end is None:
            raise EvaluationError(
                f"the tokenizer of {model} has no end-of-text token: set eos_token in its tokenizer_config.json"
            )
        return end


def _batches(windows: Sequence[_Window], batch_tokens: int) -> Iterator[list[_Window]]:
    """Yield the windows in batches of similar length; the longest come first, so that lack of memory shows early."""
    batch: list[_Window] = []
    for window in sorted(windows, key=lambda window: len(window.token_ids), reverse=True):
        if batch and (len(batch) + 1) * len(batch[0].token_ids) > batch_tokens:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch
