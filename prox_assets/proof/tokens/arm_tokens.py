"""An arm's tokens on disk, and the stream of them that a model is trained on."""

import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.storage import Storage
from prox_assets.proof.arms.table import arm_notes, arm_texts
from prox_assets.proof.errors import ProofError
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.settings import ProofSettings
from prox_assets.proof.tokens.tokenizer import ProofTokenizer, open_tokenizer

TOKENS = "tokens.json"
"""Says which files hold the tokens; put in place last."""
BATCH_CHARACTERS = 4 << 20
BATCH_DOCUMENTS = 1024
UINT16_IDS = 1 << 16
REMEMBERED_EPOCHS = 2


@dataclass(frozen=True)
class ArmTokens:
    """The tokens of an arm, document by document in the order of their positions.

    Attributes:
        ids: Token ids of all documents, uint16 or uint32, without end-of-text tokens; memory-mapped.
        offsets: int64, documents + 1: document i is ids[offsets[i]:offsets[i + 1]]; an empty one keeps its place.
        end_of_text: Id of the token that ends a document.
        vocabulary: Size of the tokenizer's vocabulary.
        tokenizer_hash: Hash of the tokenizer's file.
        identity: Hash of the arm, the tokenizer and the cap on documents.
        cut: Documents that were longer than the cap.
    """

    ids: np.ndarray
    offsets: np.ndarray
    end_of_text: int
    vocabulary: int
    tokenizer_hash: str
    identity: str = ""
    cut: int = 0

    @classmethod
    def open(cls, folder: Path) -> "ArmTokens":
        """Open the tokens that `write_arm_tokens` wrote into a folder (ProofFolder.tokens).

        Raises:
            ProofError: There are none.
        """
        notes = _notes(folder)
        if notes is None:
            raise ProofError(f"{folder / TOKENS} is not there: materialize arm_tokens for it first")
        return cls(
            ids=np.memmap(folder / notes["ids"], dtype=notes["dtype"], mode="r"),
            offsets=np.load(folder / notes["offsets"], mmap_mode="r"),
            end_of_text=notes["end_of_text"],
            vocabulary=notes["vocabulary"],
            tokenizer_hash=notes["tokenizer_hash"],
            identity=notes["identity"],
            cut=notes["cut"],
        )


def write_arm_tokens(
    lake: Lake,
    settings: ProofSettings,
    folder: ProofFolder,
    name: str,
    *,
    tokenizer: Path | None = None,
    into: Path | None = None,
) -> ArmTokens:
    """Write the tokens of an arm, each document cut after `text.document_tokens` of them; a few MiB in memory.

    Tokens that are current are left as they are.

    Args:
        lake: The lake.
        settings: All settings of the proof.
        folder: Its files.
        name: Name of the arm.
        tokenizer: Folder of a tokenizer, for a model that brings its own; by default that of the proof.
        into: Folder of the tokens, likewise; by default the arm's.

    Raises:
        ProofError: The arm or the tokenizer is missing, the arm's text has been replaced, or has no token.
        LakeError: The lake cannot be read.
    """
    opened = open_tokenizer(tokenizer or folder.tokenizer())
    most = settings.text.document_tokens
    target = into or folder.tokens(name)
    identity = fingerprint([arm_notes(folder, name).identity, opened.hash, opened.end_of_text, most])
    before = _notes(target)
    if before is not None and before["identity"] == identity:
        return ArmTokens.open(target)
    dtype = np.dtype(np.uint16 if opened.vocabulary <= UINT16_IDS else np.uint32)
    files = {"ids": f"ids-{identity}.bin", "offsets": f"offsets-{identity}.npy"}
    with Storage(str(target)).new_files([*files.values(), TOKENS]) as [ids_file, offsets_file, notes_file]:
        offsets, cut = array("q", [0]), 0
        with ids_file.open("wb") as sink:
            # One more than is kept, to know which documents go on.
            for ids in _encoded(opened, (text for _, text in arm_texts(lake, folder, name)), most + 1):
                sink.write(np.array(ids[:most], dtype).tobytes())
                offsets.append(offsets[-1] + len(ids[:most]))
                cut += len(ids) > most
        if not offsets[-1]:
            raise ProofError(f"arm {name} has no token: its documents are empty")
        with offsets_file.open("wb") as sink:
            np.save(sink, np.frombuffer(offsets, np.int64))
        notes = {
            **files,
            "dtype": dtype.name,
            "documents": len(offsets) - 1,
            "tokens": offsets[-1],
            "cut": cut,
            "end_of_text": opened.end_of_text,
            "vocabulary": opened.vocabulary,
            "tokenizer_hash": opened.hash,
            "identity": identity,
        }
        notes_file.write_text(json.dumps(notes, indent=1), encoding="utf-8")
    for path in [*target.glob("ids-*.bin"), *target.glob("offsets-*.npy")]:
        if path.name not in files.values():
            path.unlink(missing_ok=True)
    return ArmTokens.open(target)


class TokenStream:
    """The tokens that a model is trained on, read by position without building the whole in memory.

    Documents come in the order of a permutation that depends on the seed and the epoch alone, so that arms which share
    their documents share their order, too. Every document that is not empty ends with the end-of-text token. An epoch
    that is over is followed by the next, in another order.
    """

    documents: int
    """Documents that the stream contains, each counted once."""
    unique_tokens: int
    """Tokens of the stream that are not repeats of an earlier epoch."""
    epochs: float
    """How often the stream passes over the arm."""

    def __init__(self, arm: ArmTokens, seed: int) -> None:
        """Prepare a stream of one epoch; `of_tokens` and `of_documents` are what to call."""
        self._arm, self._seed = arm, seed
        sizes = np.diff(arm.offsets)
        self._sizes: NDArray[np.int64] = sizes + (sizes > 0)
        self._epoch_tokens = int(self._sizes.sum())
        if not self._epoch_tokens:
            raise ProofError("the arm has no token to train on")
        self._orders: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self._set_length(self._epoch_tokens)

    @classmethod
    def of_tokens(cls, arm: ArmTokens, seed: int, tokens: int) -> "TokenStream":
        """Return a stream of exactly so many tokens, over as many epochs as it takes.

        Raises:
            ProofError: The arm has no token.
        """
        stream = cls(arm, seed)
        stream._set_length(tokens)
        return stream

    @classmethod
    def of_documents(cls, arm: ArmTokens, seed: int, documents: int | None) -> "TokenStream":
        """Return the first so many places of the order, once; all of them for None.

        Raises:
            ProofError: There are not so many documents, or all of these have been dropped from the arm.
        """
        stream = cls(arm, seed)
        if documents is None:
            return stream
        _, ends = stream._order(0)
        if documents > len(ends):
            raise ProofError(
                f"there are {len(ends)} documents to train on, fewer than {documents} (`documents`): ask for fewer, or "
                "leave it out to take all"
            )
        tokens = int(ends[documents - 1])
        if not tokens:
            raise ProofError(f"the arm has none of the first {documents} documents: compare more (`documents`)")
        stream._set_length(tokens)
        return stream

    def __len__(self) -> int:
        """Return the number of tokens."""
        return self._length

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the tokens [start, stop) of the stream, in the arm's dtype.

        Raises:
            IndexError: The stream does not have all of them.
        """
        if not 0 <= start <= stop <= self._length:
            raise IndexError(f"tokens {start} to {stop} of a stream of {self._length}")
        tokens = np.empty(stop - start, self._arm.ids.dtype)
        filled = 0
        for piece in self._pieces(start):
            part = piece[: len(tokens) - filled]
            tokens[filled : filled + len(part)] = part
            filled += len(part)
            if filled == len(tokens):
                break
        return tokens

    def _pieces(self, start: int) -> Iterator[np.ndarray]:
        """Yield the stream from a place on, in pieces of no particular size; it never ends."""
        ids, offsets = self._arm.ids, self._arm.offsets
        end_of_text = np.array([self._arm.end_of_text], ids.dtype)
        epoch, place = divmod(start, self._epoch_tokens)
        while True:
            order, ends = self._order(epoch)
            first = int(np.searchsorted(ends, place, side="right"))
            for number in range(first, len(order)):
                document = order[number]
                skipped = max(0, place - int(ends[number] - self._sizes[document]))
                begin, end = int(offsets[document]), int(offsets[document + 1])
                if begin < end:
                    yield ids[begin + skipped : end]
                    yield end_of_text
            epoch, place = epoch + 1, 0

    def _order(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return an epoch's documents in order, and where each ends."""
        if epoch not in self._orders:
            order = np.random.default_rng([self._seed, epoch]).permutation(len(self._sizes))
            while len(self._orders) >= REMEMBERED_EPOCHS:
                self._orders.pop(next(iter(self._orders)))
            self._orders[epoch] = order, np.cumsum(self._sizes[order])
        return self._orders[epoch]

    def _set_length(self, tokens: int) -> None:
        self._length = tokens
        self.unique_tokens = min(tokens, self._epoch_tokens)
        self.epochs = tokens / self._epoch_tokens
        order, ends = self._order(0)
        places = int(np.searchsorted(ends, self.unique_tokens, side="left")) + 1
        self.documents = int(np.count_nonzero(self._sizes[order[:places]]))


def _encoded(tokenizer: ProofTokenizer, texts: Iterable[str], most: int) -> Iterator[list[int]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        batch.append(text)
        characters += len(text)
        if len(batch) >= BATCH_DOCUMENTS or characters >= BATCH_CHARACTERS:
            yield from tokenizer.encode(batch, most)
            batch, characters = [], 0
    yield from tokenizer.encode(batch, most)


def _notes(folder: Path) -> dict[str, Any] | None:
    path = folder / TOKENS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
