"""A file in an object store that reports failed reads as failures of the store."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, BinaryIO


class StoreFile(io.RawIOBase):
    """See above; `errors` turns a failed read into a failure of the store."""

    def __init__(self, file: BinaryIO, errors: Callable[[], AbstractContextManager[None]]) -> None:
        self._file = file
        self._errors = errors

    def readable(self) -> bool:
        """Return True: the file is open for reading."""
        return True

    def seekable(self) -> bool:
        """Return True: the store serves byte ranges."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position, without a request to the store."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes.

        Raises:
            RetryableLakeError: The store did not deliver them.
        """
        with self._errors():
            return self._file.read(size)

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 (any writable buffer, as in the base class)
        """Read into a buffer; raises as `read` does."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
