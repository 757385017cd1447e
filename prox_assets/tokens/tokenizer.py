"""The tokenizer of token files: its tokenizer.json as it is, and which of its tokens begin and end a document.

It is read by the tokenizers library alone. transformers may build another tokenizer from the same folder: for Llama-2
its release 5 leaves out the token that stands for the space at the beginning of a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from prox_assets.proof.tokens.tokenizer import (
    CONFIGURATION,
    FILE,
    USUAL_ENDS,
    open_backend,
    special_token,
    vocabulary_of,
)
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.manifest import TokenizerNotes
from prox_assets.tokens.settings import TokenSettings
from prox_assets.tokens.words import Words, spaces_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

USUAL_BEGINNINGS = ("<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>", "<｜begin▁of▁sentence｜>")
"""Names of BOS tokens, for tokenizers that do not say which of theirs it is."""
SPECIAL_TOKENS = "special_tokens_map.json"
"""Where older folders of transformers name the special tokens."""
UINT32_IDS = 1 << 16
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class OpenTokenizer:
    """A tokenizer that can be used.

    Attributes:
        backend: The tokenizer itself.
        notes: What the manifest says of it.
        file: Its tokenizer.json.
        configuration: What else its folder says, with the tokens that begin and end documents.
    """

    backend: Tokenizer
    notes: TokenizerNotes
    file: bytes
    configuration: Mapping[str, Any]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of an id in a token file."""
        return np.dtype("<u2" if self.notes.vocabulary < UINT32_IDS else "<u4")

    @cached_property
    def words(self) -> Words | None:
        """The same by words; None for a tokenizer whose ids do not follow from those of words."""
        spaces = spaces_of(self.file)
        return None if spaces is None else Words(self.backend, spaces, self.dtype)


def open_tokenizer(settings: TokenSettings) -> OpenTokenizer:
    """Open the tokenizer of some settings.

    Raises:
        TokensError: It cannot be read, has no end-of-text token and none is named, does not have the one that is
            named, or has no BOS token although documents shall begin with one.
    """
    path, configuration = _files(settings.tokenizer)
    try:
        backend = open_backend(path)
    except Exception as error:  # tokenizers raises a plain Exception
        reason = " ".join(str(error).split())
        raise TokensError(f"{path} is no tokenizer that can be read ({reason}): name another tokenizer") from error
    end = settings.end_of_text or _named(backend, configuration, "eos_token", USUAL_ENDS)
    if end is None:
        raise TokensError(
            f"the tokenizer {settings.tokenizer} names no end-of-text token, and has none of {', '.join(USUAL_ENDS)}: "
            "documents would run into each other. Name the token that shall end them (end_of_text, --end-of-text)"
        )
    beginning = None
    if settings.beginning_of_text == "document":
        beginning = _named(backend, configuration, "bos_token", USUAL_BEGINNINGS)
        if beginning is None:
            raise TokensError(
                f"the tokenizer {settings.tokenizer} has no BOS token that documents could begin with: leave "
                "beginning_of_text at none"
            )
    file = path.read_bytes()
    notes = TokenizerNotes(
        source=settings.tokenizer,
        hash=xxhash.xxh3_128_hexdigest(file),
        vocabulary=vocabulary_of(backend),
        end_of_text=end,
        end_of_text_id=_id(backend, settings.tokenizer, end),
        beginning_of_text=beginning,
        beginning_of_text_id=None if beginning is None else _id(backend, settings.tokenizer, beginning),
    )
    return OpenTokenizer(backend, notes, file, {**configuration, "eos_token": end})


def _id(backend: Tokenizer, source: str, token: str) -> int:
    found = backend.token_to_id(token)
    if found is None:
        raise TokensError(f"the tokenizer {source} has no token {token!r}: name one that it has")
    return found


def _named(backend: Tokenizer, configuration: Mapping[str, Any], name: str, usual: tuple[str, ...]) -> str | None:
    """Return the token that the tokenizer's folder names, or else the first usual one that it has."""
    token = special_token(configuration, name)
    if token is not None:
        return token
    return next((token for token in usual if backend.token_to_id(token) is not None), None)


def _files(source: str) -> tuple[Path, dict[str, Any]]:
    """Return a tokenizer.json, and what is said beside it."""
    path = Path(source)
    if path.is_file():
        return path, {}
    if path.is_dir():
        if not (path / FILE).is_file():
            raise TokensError(
                f"{path} has no {FILE}: convert the tokenizer with transformers "
                "(AutoTokenizer.from_pretrained(...).save_pretrained(...)), and name the folder that it is saved to"
            )
        return path / FILE, _json(path / SPECIAL_TOKENS) | _json(path / CONFIGURATION)
    if not _HUB_NAME.fullmatch(source):
        raise TokensError(f"there is no tokenizer {source}: name a folder, a {FILE}, or a model on the hub")
    return _from_hub(source)


def _from_hub(name: str) -> tuple[Path, dict[str, Any]]:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        path = Path(hf_hub_download(name, FILE))
        try:
            return path, _json(Path(hf_hub_download(name, CONFIGURATION)))
        except EntryNotFoundError:
            return path, {}
    except Exception as error:  # the hub's errors are of many kinds
        reason = str(error).strip().split("\n")[0]
        raise TokensError(
            f"there is no folder {name}, and the hub does not give the {FILE} of a model of that name ({reason}): "
            "check the name, or name a folder that has one"
        ) from error


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TokensError(f"{path} is no JSON ({error}): repair it, or name the {FILE} alone") from error
