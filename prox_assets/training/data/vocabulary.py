"""The tokenizer of a refiner trained from scratch: byte-level BPE with the special tokens of its prompts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.line_labels.surroundings import LINE_TOKENS, SIZE_TOKENS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END_TOKEN = "<eos>"  # noqa: S105 (a token of the vocabulary, not a password)
# More text from one page would teach the page's vocabulary rather than the language's.
CHARACTERS_PER_TEXT = 20_000


def special_tokens(settings: LineLabelsSettings) -> list[str]:
    """Return every special token of the line-labels dialect, each once; ids follow this order."""
    tokens = [settings.start_token, settings.top_token, settings.bottom_token, settings.middle_token]
    tokens += [settings.keep_token, settings.remove_token, settings.judge_token]
    if settings.inline is not None:
        tokens += settings.inline.tokens
    tokens += [*settings.elision_tokens, *SIZE_TOKENS, *LINE_TOKENS]
    return list(dict.fromkeys(tokens))


def train_tokenizer(
    texts: Iterable[str], vocabulary: int, tokens: Sequence[str], window: int
) -> PreTrainedTokenizerFast:
    """Return a tokenizer with a vocabulary learned from the heads of the texts.

    It adds no tokens of its own to a prompt and has no chat template. `vocabulary` is the largest number of tokens,
    including the 256 bytes and the special `tokens`; `window`, in tokens, goes into the tokenizer's configuration.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_TOKEN, *tokens],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator((text[:CHARACTERS_PER_TEXT] for text in texts), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token=END_TOKEN, clean_up_tokenization_spaces=False, model_max_length=window
    )
