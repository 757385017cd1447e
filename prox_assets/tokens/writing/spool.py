"""Token ids of a shard as they come, on the disk, until the order of its documents is known."""

import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prox_assets.lake.storage.storage import TEMPORARY, Storage
from prox_assets.machine.capacity import usable_cores
from prox_assets.tokens.tokenizer import OpenTokenizer
from prox_assets.tokens.words import Words

if TYPE_CHECKING:
    from tokenizers import Encoding

BATCH_CHARACTERS = 2 << 20
BATCH_DOCUMENTS = 1024
BLOCK_BYTES = 4 << 20
THREADS_OF_WORDS = 2
"""Looking words up takes one thread, and is faster than the library on up to so many."""


class Spool:
    """A file without a name, so that a kill leaves nothing of it.

    Args:
        folder: Where the token files will lie; a local one has room for them.
        dtype: Type of an id.
    """

    def __init__(self, folder: Storage, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self._folder = folder
        self._ends = array("q", [0])
        place = Path(folder.root) / TEMPORARY if folder.is_local else Path(tempfile.gettempdir())
        self._place = str(place)
        place.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=place, buffering=0)  # noqa: SIM115 (__exit__ closes it)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, documents: Sequence[bytes]) -> None:
        """Append documents, their ids in bytes.

        Raises:
            RetryableLakeError: The disk is full.
        """
        end = self._ends[-1]
        for ids in documents:
            end += len(ids) // self.dtype.itemsize
            self._ends.append(end)
        view = memoryview(b"".join(documents))
        with self._folder.full_disk(self._place):
            while view:
                view = view[self._file.write(view) :]

    def blocks(self, order: NDArray[np.int64]) -> Iterator[bytes]:
        """Yield the bytes of documents in this order, some MiB at a time."""
        size = self.dtype.itemsize
        ends = np.frombuffer(self._ends, np.int64)
        pending: list[bytes] = []
        held = 0
        for number in order.tolist():
            start, end = int(ends[number]) * size, int(ends[number + 1]) * size
            while start < end:
                piece = os.pread(self._file.fileno(), min(end - start, BLOCK_BYTES), start)
                pending.append(piece)
                start += len(piece)
                held += len(piece)
                if held >= BLOCK_BYTES:
                    yield b"".join(pending)
                    pending, held = [], 0
        yield b"".join(pending)


def encoded(tokenizer: OpenTokenizer, frames: Iterable[pl.DataFrame]) -> Iterator[tuple[pl.DataFrame, list[bytes]]]:
    """Yield documents with their ids in bytes, BOS and end-of-text included.

    Args:
        tokenizer: The tokenizer.
        frames: Documents with a column text.
    """
    dtype, notes = tokenizer.dtype, tokenizer.notes
    end = np.array([notes.end_of_text_id], dtype).tobytes()
    before = b"" if notes.beginning_of_text_id is None else np.array([notes.beginning_of_text_id], dtype).tobytes()
    words = tokenizer.words if _threads() <= THREADS_OF_WORDS else None
    batches = _batches(frames)
    found = _by_the_library(tokenizer, batches) if words is None else _by_words(words, batches)
    for batch, documents in found:
        yield batch, [b"".join((before, ids, end)) for ids in documents]


def _by_words(words: Words, batches: Iterable[pl.DataFrame]) -> Iterator[tuple[pl.DataFrame, list[bytes]]]:
    for batch in batches:
        yield batch, words.encode(batch["text"].to_list())


def _by_the_library(
    tokenizer: OpenTokenizer, batches: Iterable[pl.DataFrame]
) -> Iterator[tuple[pl.DataFrame, list[bytes]]]:
    """Tokenise a batch while the caller works on the one before."""

    def encode(batch: pl.DataFrame) -> "list[Encoding]":
        # Whatever the tokenizer adds by itself is left out; a BOS token is one of ours or none.
        return tokenizer.backend.encode_batch_fast(batch["text"].to_list(), add_special_tokens=False)

    def ready(batch: pl.DataFrame, encodings: "Future[list[Encoding]]") -> tuple[pl.DataFrame, list[bytes]]:
        return batch, [np.array(encoding.ids, tokenizer.dtype).tobytes() for encoding in encodings.result()]

    with ThreadPoolExecutor(1) as thread:
        ahead: tuple[pl.DataFrame, Future[list[Encoding]]] | None = None
        for batch in batches:
            started = batch, thread.submit(encode, batch)
            if ahead is not None:
                yield ready(*ahead)
            ahead = started
        if ahead is not None:
            yield ready(*ahead)


def _threads() -> int:
    """Return how many threads the library works with in this process."""
    said = os.environ.get("RAYON_NUM_THREADS", "")
    return int(said) if said.isdecimal() and int(said) else usable_cores()


def _batches(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for frame in frames:
        numbers = (frame["text"].str.len_chars().cum_sum() // BATCH_CHARACTERS).to_numpy()
        starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), frame.height]
        for start, stop in pairwise(starts):
            for first in range(start, stop, BATCH_DOCUMENTS):
                yield frame[first : min(stop, first + BATCH_DOCUMENTS)]
