"""Token ids back to text, the way vLLM does it, so that every engine's `text` is the same.

Belongs here: decoding of a completion in the light of its prompt. Decoding the completion alone would lose a leading
space with sentencepiece-like tokenizers, and would show half a character where the token limit cut one.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def completion_text(tokenizer: "Tokenizer", prompt_token_ids: Sequence[int], token_ids: Sequence[int]) -> str:
    """Return the text that `token_ids` add after the prompt; special tokens and an unfinished last character left out.

    Args:
        tokenizer: A `tokenizers.Tokenizer`.
        prompt_token_ids: What the completion continues.
        token_ids: The completion.
    """
    from tokenizers.decoders import DecodeStream

    stream = DecodeStream(ids=list(prompt_token_ids), skip_special_tokens=True)
    pieces: list[str] = []
    for token_id in token_ids:
        try:
            piece = stream.step(tokenizer, token_id)
        except Exception as error:
            # Bytes that are no UTF-8 can make the stream lose its place; vLLM starts a new one there too.
            if "Invalid prefix" not in str(error):
                raise
            stream = DecodeStream(skip_special_tokens=True)
            piece = stream.step(tokenizer, token_id)
        pieces.append(piece or "")
    return "".join(pieces)
