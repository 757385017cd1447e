"""A shard, the unit of partitioning: one raw file, part of a large one, or many small ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import xxhash

from prox_assets.corpora.keys import is_of_many
from prox_assets.corpora.listing.raw_files import RawFile


@dataclass(frozen=True)
class Shard:
    """One raw file, a row range of one, or many files.

    Rows are counted from the beginning of the file; of many files, from the beginning of the first, as if they were one
    file. `RawFile.first_row` tells where in the shard a file begins.

    Attributes:
        key: Unique within the corpus; serves as partition key and file name.
        url: The file's URL; of many files, the first one's.
        source_file: Path relative to the glob root, which stays the same if the corpus is moved; of many files, the
            first one's.
        format: The corpus's format; with "auto", each file's format is detected when it is read.
        row_start: First physical row, None for a whole file.
        row_end: Row after the last one, None for a whole file.
        size: Size of the file or files in bytes.
        etag: Version of the source: the store's content tag, else "modified" and a time; of many files, a hash of
            their names and versions; None if unknown.
        rows: Rows of the shard, including rejects; None until counted.
        file_rows: Rows of the whole file; None until counted.
        gone_since: When a listing first missed its file, or all of its files; None while the source has it.
        byte_start: Where the row range begins in an uncompressed JSON file; None where reading it begins at the first
            row, or needs no position.
        byte_end: Where it ends.
        files: Of a shard of many files: the files. They are not loaded where nobody reads them, and then None.
    """

    key: str
    url: str
    source_file: str
    format: str
    row_start: int | None
    row_end: int | None
    size: int | None
    etag: str | None
    rows: int | None
    file_rows: int | None = None
    gone_since: datetime | None = None
    byte_start: int | None = None
    byte_end: int | None = None
    files: Sequence[RawFile] | None = field(default=None, compare=False, repr=False)

    @property
    def version(self) -> tuple[int | None, str | None]:
        """Size and etag of the file; they change when it does."""
        return self.size, self.etag

    @property
    def has_many_files(self) -> bool:
        """Whether it is a shard of many files."""
        return is_of_many(self.key)

    def check_files(self) -> None:
        """Raise if the files of a shard of many are not loaded: it would pass for a shard of its first file."""
        if self.has_many_files and self.files is None:
            raise ValueError(f"shard {self.key!r} comes without its files: load it with discovery.known_shard")

    def of_files(self, files: Sequence[RawFile]) -> "Shard":
        """Return the shard with other files, or other versions of its files."""
        first = files[0]
        sizes = [file.size for file in files]
        return replace(
            self,
            url=first.url,
            source_file=first.source_file,
            size=None if None in sizes else sum(size for size in sizes if size is not None),
            etag=_version_of_all(files),
            files=files,
        )


def _version_of_all(files: Iterable[RawFile]) -> str:
    digest = xxhash.xxh3_128()
    for file in files:
        digest.update("\x00".join((file.source_file, str(file.size), str(file.version), "")).encode())
    return digest.hexdigest()
