"""Reading files of programs, with errors that say what to do."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.publishing.programs.tables import PROGRAMS, Row, read_rows


def read_programs(folder: Storage, path: str, columns: Sequence[str] | None = None) -> Iterator[Row]:
    """Yield the rows of a file of programs.

    Args:
        folder: The folder that it is in.
        path: Its path there.
        columns: The columns to read; None for all.

    Raises:
        ProgramsError: It is not there, or damaged.
        LakeError: The folder cannot be read.
    """
    try:
        with folder.open(path) as file:
            yield from read_rows(file, PROGRAMS, columns)
    except FileNotFoundError as error:
        raise ProgramsError(f"{folder.uri(path)} is not there. Get the file again") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ProgramsError(f"{folder.uri(path)} cannot be read: {error}. Get the file again") from error
