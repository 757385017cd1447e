"""Files of expressed programs: their columns, and how they are written and read in both formats.

Equal rows give equal bytes: nothing else is in a file, not even a time.
"""

import gzip
import io
import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.dialect_files.settings import ExportSettings, FileFormat
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.publishing.programs.tables import PLACE, RowWriter, read_rows, schema_of

Row = dict[str, Any]

SUFFIXES: dict[FileFormat, str] = {"parquet": ".parquet", "jsonl": ".jsonl.gz"}


class _Sink(Protocol):
    def write(self, row: Row) -> None: ...
    def close(self) -> None: ...


def columns(settings: ExportSettings) -> pa.Schema:
    """Return the columns of an export."""
    text, program = settings.columns
    what = "input" if text == "input" else "text"
    of_text = {
        "text": "The original text.",
        "input": "Its lines as a prompt numbers them.",
    }[what]
    return schema_of(
        *PLACE,
        ("outcome", pa.string(), "What refining did: kept_unchanged, kept_edited, dropped_by_document or _by_chunks."),
        (program, pa.large_string(), f"The program for the whole document, in the dialect {settings.dialect}."),
        (
            "fidelity",
            pa.string(),
            "Whether it leaves the refined text: exact, white_space (the same words in the same lines) or inexact.",
        ),
        ("unsaid", pa.list_(pa.string()), "Why changes are left out that the dialect cannot say; empty if none is."),
        (
            "refined_hash",
            pa.string(),
            "Hash of what the program leaves when it is strictly executed; null if it drops the document.",
        ),
        *(((text, pa.large_string(), of_text),) if settings.has_text else ()),
    )


@contextmanager
def new_file(folder: Storage, path: str, settings: ExportSettings) -> Generator[_Sink, None, None]:
    """Open a file for writing rows; it is put in place when the block ends.

    Raises:
        LakeError: It cannot be written.
    """
    with folder.new_files([path]) as [unfinished]:
        schema = columns(settings)
        writer = RowWriter(unfinished, schema) if settings.format == "parquet" else _JsonLines(unfinished, schema.names)
        with closing(writer):
            yield writer


def rows_of(folder: Storage, path: str, settings: ExportSettings, names: Sequence[str] | None = None) -> Iterator[Row]:
    """Yield the rows of a file.

    Args:
        folder: The folder.
        path: The file in it.
        settings: What it holds.
        names: The columns to read; None for all.

    Raises:
        ProgramsError: It is not there, or damaged.
        LakeError: The folder cannot be read.
    """
    try:
        with folder.open(path) as file:
            if settings.format == "parquet":
                yield from read_rows(file, columns(settings), names)
            else:
                with gzip.open(file, "rt", encoding="utf-8") as lines:
                    yield from _json_rows(lines, columns(settings).names, names)
    except FileNotFoundError as error:
        raise ProgramsError(f"{folder.uri(path)} is not there. Export it again") from error
    except (pa.ArrowException, OSError, EOFError, ValueError) as error:
        raise ProgramsError(f"{folder.uri(path)} cannot be read: {error}. Export it again") from error


class _JsonLines:
    """Writes rows as lines of JSON, compressed, with the columns always in one order."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._file = path.open("wb")
        # A gzip file would name the file and the time.
        self._packed = gzip.GzipFile("", "wb", 6, self._file, mtime=0)
        self._text = io.TextIOWrapper(self._packed, "utf-8", newline="\n")
        self._names = names

    def write(self, row: Row) -> None:
        self._text.write(json.dumps({name: row[name] for name in self._names}, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._text.close()
        self._file.close()


def _json_rows(lines: Iterable[str], names: Sequence[str], wanted: Sequence[str] | None) -> Iterator[Row]:
    for line in lines:
        row = json.loads(line)
        if not isinstance(row, dict) or list(row) != list(names):
            raise ValueError("a line of it has other columns")
        yield row if wanted is None else {name: row[name] for name in wanted}
