"""Constrained decoding outside vLLM: which tokens a Lark grammar allows next.

It uses llguidance, the library behind vLLM's `guidance` backend, which is installed with the vLLM extras. Engines
without grammars do not need it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from prox_assets.engines.protocol import EngineError

if TYPE_CHECKING:
    import torch
    from llguidance import LLMatcher
    from transformers import PreTrainedTokenizerFast


class GrammarError(ValueError):
    """A grammar cannot be used; the error concerns only one request."""


class GrammarMasks:
    """Creates matchers for one tokenizer.

    Args:
        tokenizer: The model's tokenizer.
        vocab_size: Width of the model's logits.
        eos_token_ids: Tokens that may end the answer once the grammar is satisfied.

    Raises:
        EngineError: llguidance is not installed.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerFast", vocab_size: int, eos_token_ids: Sequence[int]) -> None:
        try:
            import llguidance
            import llguidance.hf
        except ImportError as error:
            raise EngineError(
                "Grammars on the transformers engine need the package llguidance; install it, use a vLLM engine, or "
                "set no grammar."
            ) from error
        self._matcher_class = llguidance.LLMatcher
        self._tokenizer = llguidance.hf.from_tokenizer(
            tokenizer, n_vocab=max(vocab_size, len(tokenizer)), eos_token=list(eos_token_ids)
        )

    def matcher(self, grammar: str) -> "LLMatcher":
        """Return a new matcher at the start of a Lark grammar.

        Raises:
            GrammarError: The grammar is not valid.
        """
        matcher = self._matcher_class(self._tokenizer, self._matcher_class.grammar_from_lark(grammar), log_level=0)
        if matcher.is_error():
            raise GrammarError(f"Grammar error: {matcher.get_error()}")
        return matcher

    def apply(self, matcher: "LLMatcher", logits: "torch.Tensor") -> None:
        """Set the logits of forbidden next tokens to minus infinity, in place; shape (vocabulary,)."""
        import torch

        # One bit per token id, lowest bit first. llguidance's own torch helper would compile a kernel for this.
        packed = torch.frombuffer(bytearray(matcher.compute_bitmask()), dtype=torch.uint8)
        allowed = (packed[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
        forbidden = allowed.flatten()[: logits.shape[0]] == 0
        logits.masked_fill_(forbidden.to(logits.device), float("-inf"))
