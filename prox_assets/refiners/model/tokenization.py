"""A thin layer over a checkpoint's own tokenizer: loading, batch encoding, special tokens."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from prox_assets.engines.extras import packages_of
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.word_pieces import PieceCache, PieceEncoding, piece_rule

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer


class WholeEncoding:
    """The tokens of one text that was encoded as a whole."""

    def __init__(self, encoding: Encoding) -> None:
        """Take the result of the tokenizers library."""
        self.token_ids = tuple(encoding.ids)
        self._encoding = encoding

    def tokens_before(self, character: int) -> int:
        """Return how many tokens start before the character at this index."""
        return bisect_left(self._starts, character)

    def start(self, token: int) -> int:
        """Return the index of the character in which a token starts; it never decreases from token to token."""
        return self._starts[token]

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _ in self._encoding.offsets]

    def __len__(self) -> int:
        return len(self.token_ids)


EncodedText = WholeEncoding | PieceEncoding
"""The tokens of one text, without any beginning-of-sequence token."""


class MarkedToken(NamedTuple):
    """An added token in a text: its place among the tokens, and the characters [start, end) that it stands for."""

    place: int
    start: int
    end: int


class MarkedText(NamedTuple):
    """The tokens of a text, and which of them are added tokens."""

    token_ids: tuple[int, ...]
    added: tuple[MarkedToken, ...]


class PromptTokenizer:
    """Encodes prompts exactly as they are written.

    Text that happens to spell a special token ("</s>" on a page about tokenizers) is encoded as ordinary text, so a
    document cannot end its own prompt. A prompt begins with one beginning-of-sequence token if the checkpoint has one.

    Attributes:
        opening: The beginning-of-sequence token, as a tuple of at most one id; it starts every prompt.
        end_token_ids: The end-of-sequence token, as a tuple of at most one id.
        folder: The checkpoint folder that it was loaded from; None if it was not.
        line_break: The token of a line break, if the tokenizer encodes every line break as this token and merges it
            with nothing: then lines encode to the same tokens alone as inside a text. None if that is not known.
    """

    def __init__(self, backend: Tokenizer, beginning: str | None, end: str | None, folder: Path | None = None) -> None:
        """Wrap a tokenizer; see `load_tokenizer` for one from a checkpoint folder.

        Args:
            backend: The tokenizer; its truncation, padding and handling of special tokens are set here.
            beginning: The beginning-of-sequence token, or None.
            end: The end-of-sequence token, or None.
            folder: The checkpoint folder that it comes from.
        """
        self.folder = folder
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = True
        self._backend = backend
        rule = piece_rule(backend)
        self._pieces = None if rule is None else PieceCache(backend, rule)
        self._marked: Tokenizer | None = None
        self._foreign = "" if rule is None else rule.foreign
        self.line_break: int | None = None
        if rule is not None and rule.opening == "\n":
            self.line_break = backend.encode("\n\n", add_special_tokens=False).ids[-1]
        self.opening = self._optional_id(beginning)
        self.end_token_ids = self._optional_id(end)

    def _optional_id(self, token: str | None) -> tuple[int, ...]:
        token_id = None if token is None else self._backend.token_to_id(token)
        return () if token_id is None else (token_id,)

    def encode(self, texts: Sequence[str]) -> list[EncodedText]:
        """Encode texts in one batch; characters that UTF-8 cannot encode (lone surrogates) become "?"."""
        try:
            return self._encode(texts)
        except (UnicodeEncodeError, TypeError):
            return self._encode([text.encode("utf-8", "replace").decode() for text in texts])

    def _encode(self, texts: Sequence[str]) -> list[EncodedText]:
        if self._pieces is None:
            return self._encode_whole(texts)
        foreign = self._foreign
        whole = {index: text for index, text in enumerate(texts) if foreign and foreign in text}
        others = iter(self._encode_whole([*whole.values()]) if whole else ())
        cut = iter(self._pieces.encode([text for index, text in enumerate(texts) if index not in whole]))
        return [next(others) if index in whole else next(cut) for index in range(len(texts))]

    def _encode_whole(self, texts: Sequence[str]) -> list[EncodedText]:
        return [*map(WholeEncoding, self._backend.encode_batch(list(texts), add_special_tokens=False))]

    def as_text_only(self) -> PromptTokenizer:
        """Return a tokenizer that begins with no token, and to which every added token is ordinary text.

        Some added tokens, such as "<think>", are not special, and `encode` would find them in a document.
        """
        from tokenizers import Tokenizer

        settings = json.loads(self._backend.to_str())
        for added in settings["added_tokens"]:
            added["special"] = True
        return PromptTokenizer(Tokenizer.from_str(json.dumps(settings)), None, None, self.folder)

    def encode_marked(self, text: str) -> MarkedText:
        """Encode a text that was not written by a document: added tokens in it are encoded as themselves."""
        if self._marked is None:
            from tokenizers import Tokenizer

            self._marked = Tokenizer.from_str(self._backend.to_str())
        encoding = self._marked.encode(text, add_special_tokens=False)
        added = self._marked.get_added_tokens_decoder()
        return MarkedText(
            tuple(encoding.ids),
            tuple(
                MarkedToken(place, start, end)
                for place, (token, (start, end)) in enumerate(zip(encoding.ids, encoding.offsets, strict=True))
                if token in added
            ),
        )

    def special_token_id(self, token: str) -> int:
        """Return the id of a special token.

        Raises:
            RefinerError: The vocabulary lacks the token, or has it as ordinary text, which a page could imitate.
        """
        token_id = self._special.get(token)
        if token_id is None:
            raise RefinerError(
                f"The tokenizer has no special token {token!r}, which the line-labels dialect needs as a single token. "
                "Use the tokenizer that this refiner was trained with, or change the refiner's line_labels settings."
            )
        return token_id

    def special_token_ids(self, tokens: Sequence[str]) -> list[int]:
        """Return the ids of several special tokens; raises as `special_token_id`."""
        return [self.special_token_id(token) for token in tokens]

    @cached_property
    def _special(self) -> dict[str, int]:
        added = self._backend.get_added_tokens_decoder()
        return {token.content: token_id for token_id, token in added.items() if token.special}


def load_tokenizer(folder: Path) -> PromptTokenizer:
    """Load the tokenizer of a checkpoint folder.

    `tokenizer.json` is read directly: it is the tokenizer the model was trained with, and loads in milliseconds. A
    folder without one (SentencePiece only) goes through the conversion in transformers.

    Raises:
        RefinerError: The folder has no readable tokenizer, or the extra `models` is not installed.
    """
    with packages_of("models", RefinerError):
        from tokenizers import Tokenizer

    try:
        if (folder / "tokenizer.json").is_file():
            tokens = _special_tokens(folder)
            backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
            return PromptTokenizer(backend, tokens.get("bos_token"), tokens.get("eos_token"), folder)
        from transformers import AutoTokenizer

        converted = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        return PromptTokenizer(converted.backend_tokenizer, converted.bos_token, converted.eos_token, folder)
    # The tokenizers library raises a bare Exception for a file that it cannot read.
    except Exception as error:
        raise RefinerError(
            f"The tokenizer in {folder} cannot be read: {error}. Save it again with tokenizer.save_pretrained(folder)."
        ) from error


def _special_tokens(folder: Path) -> dict[str, str]:
    """Return the beginning and end tokens; the files hold each as a string or as an object with "content"."""
    tokens: dict[str, str] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            settings = json.loads((folder / name).read_text(encoding="utf-8"))
            for key in ("bos_token", "eos_token"):
                value = settings.get(key)
                content = value.get("content") if isinstance(value, dict) else value
                if isinstance(content, str):
                    tokens[key] = content
    return tokens
