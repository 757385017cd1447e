"""The tokenizer of a proof's models: trained on its raw text, or a given one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.proof.errors import ProofError
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.settings import ProofSettings
from prox_assets.proof.texts.documents import DocumentTable, training_texts
from prox_assets.training.data.vocabulary import train_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

FILE = "tokenizer.json"
CONFIGURATION = "tokenizer_config.json"
USUAL_ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "<｜end▁of▁sentence｜>")
"""Names of end-of-text tokens, for tokenizers that do not say which of theirs it is."""
MADE_FROM = "made_from"
"""File beside a trained tokenizer: hash of the documents and of its size, written last."""
NO_LIMIT = int(1e30)
"""What transformers takes for a context without end."""


@dataclass(frozen=True)
class ProofTokenizer:
    """A tokenizer in a folder that transformers' AutoTokenizer loads.

    Attributes:
        folder: The folder.
        vocabulary: Largest id + 1.
        end_of_text: Id of the token that ends a document.
        hash: Hash of its file, 32 hex digits.
        backend: The tokenizer itself.
    """

    folder: Path
    vocabulary: int
    end_of_text: int
    hash: str
    backend: Tokenizer

    def encode(self, texts: Sequence[str], most: int) -> list[list[int]]:
        """Return the first `most` ids of each text; there is no token that is not text among them, such as BOS."""
        # Else a page of 60 MB would be tokenised for the sake of its first 1,500 tokens.
        longest = most * self._longest_token
        encoded = self.backend.encode_batch_fast([text[:longest] for text in texts], add_special_tokens=False)
        return [encoding.ids[:most] for encoding in encoded]

    @cached_property
    def _longest_token(self) -> int:
        return max(map(len, self.backend.get_vocab(with_added_tokens=True)))


def write_tokenizer(lake: Lake, settings: ProofSettings, folder: ProofFolder) -> ProofTokenizer:
    """Write the tokenizer of a proof: `tokenizer.path`, or a byte-level BPE trained on the raw text of its documents.

    Raises:
        ProofError: The given one cannot be read, or has no end-of-text token.
    """
    wanted = settings.tokenizer
    if wanted.path is not None:
        return save_tokenizer(wanted.path, folder.tokenizer())
    return trained_tokenizer(lake, folder, wanted.vocabulary, folder.tokenizer())


def trained_tokenizer(lake: Lake, folder: ProofFolder, vocabulary: int, target: Path) -> ProofTokenizer:
    """Return a byte-level BPE that was trained on the raw text of a proof's documents; a current one is kept.

    Args:
        lake: The lake.
        folder: The proof's files.
        vocabulary: Largest number of tokens.
        target: Folder that it is written into.

    Raises:
        ProofError: There is no table of documents.
        LakeError: The lake cannot be read.
    """
    made_from = fingerprint([DocumentTable(folder).notes.identity, vocabulary])
    note = target / MADE_FROM
    if note.is_file() and note.read_text(encoding="utf-8") == made_from:
        return open_tokenizer(target)
    note.unlink(missing_ok=True)
    saved = _save(train_tokenizer(training_texts(lake, folder), vocabulary, (), NO_LIMIT), target)
    note.write_text(made_from, encoding="utf-8")
    return saved


def save_tokenizer(source: str, folder: Path) -> ProofTokenizer:
    """Copy a tokenizer into a folder, with its end-of-text token named.

    Args:
        source: Folder, tokenizer.json or hub name.
        folder: Where to; replaced.

    Raises:
        ProofError: It cannot be read, has no file of its own (tokenizer.json), or has no end-of-text token.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    try:
        tokenizer = (
            PreTrainedTokenizerFast(tokenizer_file=source)
            if Path(source).is_file()
            else AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        )
    except Exception as error:  # tokenizers and the hub raise plain Exception, among others
        reason = " ".join(str(error).split())
        raise ProofError(
            f"{source} is no tokenizer that can be read ({reason}): name a folder of transformers, a tokenizer.json, "
            "or a model on the hub"
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise ProofError(f"the tokenizer {source} has no tokenizer.json; convert it with transformers first")
    if tokenizer.eos_token is None:
        ends = [name for name in USUAL_ENDS if name in tokenizer.get_vocab()]
        if not ends:
            raise ProofError(
                f"the tokenizer {source} has no end-of-text token (eos_token, or one of {', '.join(USUAL_ENDS)}), so "
                "documents would run into each other: take another, or add one"
            )
        tokenizer.eos_token = ends[0]
    return _save(tokenizer, folder)


def open_tokenizer(folder: Path) -> ProofTokenizer:
    """Open a tokenizer that `write_tokenizer` or `save_tokenizer` wrote.

    Raises:
        ProofError: There is none.
    """
    path = folder / FILE
    if not path.is_file():
        raise ProofError(f"{path} is not there: materialize arms first")
    backend = open_backend(path)
    named = special_token(json.loads((folder / CONFIGURATION).read_text(encoding="utf-8")), "eos_token")
    end_of_text = backend.token_to_id(named) if named is not None else None
    if end_of_text is None:
        raise ProofError(f"{path} does not have the end-of-text token {named!r} of {CONFIGURATION}")
    return ProofTokenizer(
        folder=folder,
        vocabulary=vocabulary_of(backend),
        end_of_text=end_of_text,
        hash=xxhash.xxh3_128_hexdigest(path.read_bytes()),
        backend=backend,
    )


def open_backend(path: Path) -> Tokenizer:
    """Open a tokenizer.json for whole texts, in which what looks like a special token is text.

    Raises:
        Exception: It is no tokenizer (tokenizers raises a plain Exception).
    """
    from tokenizers import Tokenizer

    backend = Tokenizer.from_file(str(path))
    backend.no_truncation()
    backend.no_padding()
    # A page about language models may contain "<|endoftext|>": that is text, and ends nothing.
    backend.encode_special_tokens = True
    return backend


def vocabulary_of(backend: Tokenizer) -> int:
    """Return the largest id + 1."""
    return max(backend.get_vocab(with_added_tokens=True).values()) + 1


def special_token(configuration: Mapping[str, Any], name: str) -> str | None:
    """Return the token that a tokenizer_config.json names, such as eos_token; None if it names none."""
    named = configuration.get(name)
    return named.get("content") if isinstance(named, dict) else named


def _save(tokenizer: PreTrainedTokenizerFast, folder: Path) -> ProofTokenizer:
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    tokenizer.save_pretrained(unfinished)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.replace(folder)
    return open_tokenizer(folder)
