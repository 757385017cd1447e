"""Turns token ids back into text as vLLM does, so that every engine returns the same `text`.

A completion is decoded in the context of its prompt. Decoding it alone would lose a leading space with
sentencepiece-like tokenizers, and would show half a character where the token limit cut one.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def completion_text(tokenizer: "Tokenizer", prompt_token_ids: Sequence[int], token_ids: Sequence[int]) -> str:
    """Return the text that `token_ids` add to the prompt, without special tokens and an unfinished last character.

    Args:
        tokenizer: A `tokenizers.Tokenizer`.
        prompt_token_ids: The prompt.
        token_ids: The completion.
    """
    from tokenizers.decoders import DecodeStream

    stream = DecodeStream(ids=list(prompt_token_ids), skip_special_tokens=True)
    pieces: list[str] = []
    for token_id in token_ids:
        try:
            piece = stream.step(tokenizer, token_id)
        except Exception as error:
            # Invalid UTF-8 can make the stream lose its place; like vLLM, we then start a new one.
            if "Invalid prefix" not in str(error):
                raise
            stream = DecodeStream(skip_special_tokens=True)
            piece = stream.step(tokenizer, token_id)
        pieces.append(piece or "")
    return "".join(pieces)
