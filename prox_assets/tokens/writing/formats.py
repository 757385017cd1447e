"""The formats: each is written from a token file and the lengths of its documents, and holds the same ids.

Layouts, as read in the readers: Megatron's index in megatron-core's `indexed_dataset.py`, datatrove's in its
`utils/dataset.py`, LITPKDS in lit-gpt's `packed_dataset.py`, which ProX trains with.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from prox_assets.tokens.folder import token_file
from prox_assets.tokens.settings import Format, TokenSettings
from prox_assets.tokens.sources import ShardName

MEGATRON_MAGIC = b"MMIDIDX\x00\x00"
MEGATRON_CODES = {2: 8, 4: 4}
"""Code of uint16 and of int32, by bytes of an id; ids are below 2**31, so that uint32 is int32."""
LITGPT_MAGIC = b"LITPKDS"
LITGPT_CODES = {2: 8, 4: 4}
BLOCK_TOKENS = 1 << 20
"""Tokens in memory at a time."""
INPUT_IDS = pa.schema([("input_ids", pa.list_(pa.int32()))])


@dataclass(frozen=True)
class FormatFile:
    """A file of a format.

    Attributes:
        format: The format.
        path: Relative to the folder of the token files.
        tokens: Tokens in it; None for an index.
    """

    format: Format
    path: str
    tokens: int | None = None


@dataclass(frozen=True)
class TokenFileParts:
    """A token file on the local disk.

    Attributes:
        path: The file.
        lengths: int64 (documents,): tokens of each document.
        dtype: Type of an id, little-endian.
    """

    path: Path
    lengths: NDArray[np.int64]
    dtype: np.dtype[Any]

    @property
    def tokens(self) -> int:
        """All tokens."""
        return int(self.lengths.sum())

    def blocks(self, tokens: int, most: int | None = None) -> Iterator[np.ndarray]:
        """Yield the ids in blocks of so many, the last one shorter; of the whole file, or of its first `most` ids."""
        left = self.tokens if most is None else most
        with self.path.open("rb") as file:
            while left > 0:
                ids = np.fromfile(file, self.dtype, min(tokens, left))
                left -= len(ids)
                yield ids


def dtype_of(size: int, tokens: int) -> np.dtype[Any]:
    """Return the type of an id in a token file of so many bytes and tokens."""
    return np.dtype(f"<u{size // tokens}")


def format_files(settings: TokenSettings, name: ShardName, split: str, tokens: int) -> list[FormatFile]:
    """Return the files, beside the token file, that a shard has in the formats of some settings."""
    files: list[FormatFile] = []
    base = token_file(split, name)
    for format_ in sorted(set(settings.formats)):
        match format_:
            case "megatron":
                files.append(FormatFile(format_, f"{base.removesuffix('.bin')}.idx"))
            case "datatrove":
                files.append(FormatFile(format_, f"{base}.index"))
            case "olmo_core":
                pass  # the token file is all that it reads
            case "parquet_packed":
                packed = tokens - tokens % settings.sequence_length
                files.append(FormatFile(format_, f"{format_}/{split}/{name[0]}/{name[1]}.parquet", packed))
            case "parquet_documents":
                files.append(FormatFile(format_, f"{format_}/{split}/{name[0]}/{name[1]}.parquet", tokens))
            case "litgpt":
                chunk = _chunk(settings)
                paths = (f"{format_}/{split}/{name[0]}/{name[1]}_{n:010d}.bin" for n in range(tokens // chunk))
                files += (FormatFile(format_, path, chunk) for path in paths)
    return files


def write_formats(
    settings: TokenSettings, source: TokenFileParts, files: Sequence[FormatFile], paths: Sequence[Path]
) -> None:
    """Write the files that `format_files` returned, each to a local path."""
    for format_, write in _WRITERS.items():
        targets = [path for file, path in zip(files, paths, strict=True) if file.format == format_]
        if targets:
            write(settings, source, targets)


def _megatron(settings: TokenSettings, source: TokenFileParts, targets: Sequence[Path]) -> None:
    del settings
    documents, size = len(source.lengths), source.dtype.itemsize
    starts = np.zeros(documents, "<i8")
    np.cumsum(source.lengths[:-1] * size, out=starts[1:])
    with targets[0].open("wb") as file:
        file.write(MEGATRON_MAGIC + struct.pack("<QBQQ", 1, MEGATRON_CODES[size], documents, documents + 1))
        for part in (source.lengths.astype("<i4"), starts, np.arange(documents + 1, dtype="<i8")):
            file.write(part.tobytes())


def _datatrove(settings: TokenSettings, source: TokenFileParts, targets: Sequence[Path]) -> None:
    del settings
    targets[0].write_bytes(np.cumsum(source.lengths).astype("<u8").tobytes())


def _parquet_packed(settings: TokenSettings, source: TokenFileParts, targets: Sequence[Path]) -> None:
    length = settings.sequence_length
    whole = source.tokens - source.tokens % length
    with _parquet(targets[0]) as sink:
        for ids in source.blocks(max(1, BLOCK_TOKENS // length) * length, whole):
            _write_lists(sink, ids, np.arange(0, len(ids) + 1, length))


def _parquet_documents(settings: TokenSettings, source: TokenFileParts, targets: Sequence[Path]) -> None:
    del settings
    ends = np.cumsum(source.lengths)
    first, start = 0, 0
    with _parquet(targets[0]) as sink, source.path.open("rb") as file:
        while first < len(ends):
            last = max(first + 1, int(np.searchsorted(ends, start + BLOCK_TOKENS, side="right")))
            offsets = np.concatenate([[0], ends[first:last] - start])
            _write_lists(sink, np.fromfile(file, source.dtype, int(offsets[-1])), offsets)
            first, start = last, int(ends[last - 1])


def _litgpt(settings: TokenSettings, source: TokenFileParts, targets: Sequence[Path]) -> None:
    chunk = _chunk(settings)
    header = LITGPT_MAGIC + struct.pack("<QBQ", 1, LITGPT_CODES[source.dtype.itemsize], chunk)
    for ids, target in zip(source.blocks(chunk, chunk * len(targets)), targets, strict=True):
        with target.open("wb") as file:
            file.write(header)
            file.write(ids.tobytes())


def _chunk(settings: TokenSettings) -> int:
    """Return the tokens of a file of litgpt: whole sequences, each with the token that the last one predicts."""
    return settings.litgpt_sequences * (settings.sequence_length + 1)


def _parquet(path: Path) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, INPUT_IDS, compression="zstd", use_dictionary=False)


def _write_lists(sink: pq.ParquetWriter, ids: np.ndarray, offsets: np.ndarray) -> None:
    lists = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(ids.astype(np.int32)))
    sink.write_table(pa.Table.from_arrays([lists], schema=INPUT_IDS))


_WRITERS: dict[Format, Callable[[TokenSettings, TokenFileParts, Sequence[Path]], None]] = {
    "megatron": _megatron,
    "datatrove": _datatrove,
    "parquet_packed": _parquet_packed,
    "parquet_documents": _parquet_documents,
    "litgpt": _litgpt,
}
