"""Are the ids of token files those of a base's own tokenizer? Compared by file, else by vocabulary and merges."""

import json
from pathlib import Path
from typing import Any

import xxhash

from prox_assets.refiners.model.files import HUB_ID, model_folder
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.manifest import TokenizerNotes

FILE = "tokenizer.json"
_PATIENCE_SECONDS = 10


def compare(notes: TokenizerNotes, ours: bytes | None, base: str) -> str:
    """Return in a sentence how the tokenizer of token files relates to a base model's.

    Args:
        notes: The tokenizer of the token files.
        ours: Its tokenizer.json; None if it is not among the token files.
        base: Folder, tokenizer.json or hub name of the base, or of its tokenizer.

    Raises:
        TokensError: They are different tokenizers: to the base, the ids would mean other words.
    """
    theirs = _read(base)
    if theirs is None:
        return (
            f"Not compared: the tokenizer of {base} is not on this machine and cannot be downloaded. Compare the hash "
            "yourself, or name the base's tokenizer (base_tokenizer) and make the card again."
        )
    if xxhash.xxh3_128_hexdigest(theirs) == notes.hash:
        return f"The same as that of {base}, byte for byte."
    if ours is None:
        raise TokensError(
            f"the tokens were written with another tokenizer.json (hash {notes.hash}) than that of {base} (hash "
            f"{xxhash.xxh3_128_hexdigest(theirs)}), and it is not beside them to compare vocabularies: run `prox "
            "tokens` again, which puts it there"
        )
    try:
        difference = _difference(json.loads(ours), json.loads(theirs))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TokensError(f"the {FILE} of {base} cannot be read ({error!r}): name another (base_tokenizer)") from error
    if difference:
        raise TokensError(
            f"the tokens were written with {notes.source}, which is not the tokenizer of {base}: {difference}. Write "
            "them with the base's own"
        )
    return f"Another file than that of {base}, with the same ids and merges."


def _read(source: str) -> bytes | None:
    """Return a tokenizer.json; None where there is none that can be had."""
    path = model_folder(source)
    if path.is_dir():
        path = path / FILE
    if path.is_file():
        return path.read_bytes()
    if not HUB_ID.fullmatch(source):
        return None
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(source, FILE, etag_timeout=_PATIENCE_SECONDS)).read_bytes()
    except Exception:  # without a network, without the right to read it, and whatever else keeps a hub from answering
        return None


def _difference(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    a, b = _ids(ours), _ids(theirs)
    other = sorted((token for token in a.keys() | b.keys() if a.get(token) != b.get(token)), key=repr)
    if other:
        return (
            f"{len(other)} tokens have another id or none, such as {other[0]!r} ({a.get(other[0])}, {b.get(other[0])})"
        )
    if _merges(ours) != _merges(theirs):
        return "the merges differ"
    return ""


def _ids(file: dict[str, Any]) -> dict[str, int]:
    vocabulary = file["model"]["vocab"]
    if not isinstance(vocabulary, dict):  # Unigram: pairs of piece and score
        vocabulary = {piece: number for number, (piece, _) in enumerate(vocabulary)}
    return {**vocabulary, **{token["content"]: token["id"] for token in file.get("added_tokens", ())}}


def _merges(file: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the merges, which older files write as one string each."""
    merges = file["model"].get("merges") or ()
    return [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in merges]
