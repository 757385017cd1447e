"""A faster way to the same ids, for tokenizers like those of Llama-2, CodeLlama and Mistral: each word once.

Such a tokenizer merges over a text as a whole, its spaces written as `▁`. None of its tokens has a `▁` after anything
else, so no merge reaches over the beginning of a word, and the ids of a text are those of its words one after the
other. Most words of a text have been seen before, so that their ids are looked up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPACE = "▁"
REMEMBERED_WORDS = 500_000
LONGEST_WORD = 64
MOST_CHARACTERS = 4 << 20
_WORDS = re.compile(f"{SPACE}+[^{SPACE}]*|[^{SPACE}]+")
_BEGINNING = re.compile(f"[^{SPACE}](?={SPACE})")
_REACHES_OVER = re.compile(f"[^{SPACE}]{SPACE}")
_PREPENDED = {
    "type": "Sequence",
    "normalizers": [
        {"type": "Prepend", "prepend": SPACE},
        {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
    ],
}
_METASPACE = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "first", "split": False}


class Words:
    """A tokenizer that looks words up.

    Args:
        backend: The tokenizer, one of which `spaces_of` returns how it writes spaces.
        spaces: That.
        dtype: Type of an id.
    """

    def __init__(self, backend: Tokenizer, spaces: Callable[[str], str], dtype: np.dtype[Any]) -> None:
        from tokenizers import Tokenizer

        self._model = Tokenizer(backend.model)
        self._spaces = spaces
        self._dtype = dtype
        self._known: dict[str, bytes] = {}

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        """Return the ids of each text, in bytes."""
        written = [self._spaces(text) for text in texts]
        if any(len(text) > MOST_CHARACTERS for text in written):  # as words it would take ten times its memory
            return [b"".join(self._encode([part])[0] for part in _parts(text)) for text in written]
        return self._encode(written)

    def _encode(self, texts: Sequence[str]) -> list[bytes]:
        words = [_WORDS.findall(text) for text in texts]
        if len(self._known) > REMEMBERED_WORDS:
            self._known.clear()
        new = list(set().union(*words).difference(self._known))
        ids = [encoding.ids for encoding in self._model.encode_batch_fast(new, add_special_tokens=False)]
        data = np.array([number for each in ids for number in each], self._dtype).tobytes()
        start = 0
        for word, each in zip(new, ids, strict=True):
            end = start + len(each) * self._dtype.itemsize
            self._known[word] = data[start:end]
            start = end
        encoded = [b"".join(map(self._known.__getitem__, each)) for each in words]
        for word in new:
            if len(word) > LONGEST_WORD:  # it will not be seen again
                del self._known[word]
        return encoded


def _parts(text: str) -> Iterator[str]:
    """Yield a long text in parts that begin with words; one word alone may be longer than a part should be."""
    start = 0
    while len(text) - start > MOST_CHARACTERS:
        found = _BEGINNING.search(text, start + MOST_CHARACTERS - 1)
        if found is None:
            break
        yield text[start : found.end()]
        start = found.end()
    yield text[start:]


def spaces_of(file: bytes) -> Callable[[str], str] | None:
    """Return how a tokenizer writes spaces; None if its ids do not follow from those of words, or nobody knows.

    Args:
        file: Its tokenizer.json.
    """
    values = json.loads(file)
    if not _goes_by_words(values["model"]) or not all(token["special"] for token in values["added_tokens"]):
        return None
    before = values["normalizer"], _without_defaults(values["pre_tokenizer"])
    if before == (_PREPENDED, None):
        return lambda text: SPACE + text.replace(" ", SPACE) if text else ""
    if before == (None, _METASPACE):
        return _with_one_in_front
    return None


def _with_one_in_front(text: str) -> str:
    written = text.replace(" ", SPACE)
    return written if written.startswith(SPACE) or not written else SPACE + written


def _goes_by_words(model: Mapping[str, Any]) -> bool:
    unusual = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges")
    if model.get("type") != "BPE" or any(model.get(name) for name in unusual):
        return False
    vocabulary = model["vocab"]
    # With a token for every byte, nothing is unknown; unknown characters would become one token over words.
    has_bytes = model.get("byte_fallback") and all(f"<0x{byte:02X}>" in vocabulary for byte in range(256))
    return bool(has_bytes) and not any(_REACHES_OVER.search(token) for token in vocabulary)


def _without_defaults(pre_tokenizer: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if pre_tokenizer is None:
        return None
    return {name: value for name, value in pre_tokenizer.items() if name in _METASPACE}
