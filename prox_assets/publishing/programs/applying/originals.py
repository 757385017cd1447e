"""The original files that programs are applied to, found by the names that the programs have for them."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from prox_assets.corpora.document import Document, Reject
from prox_assets.corpora.listing.files import list_files
from prox_assets.corpora.listing.raw_files import RawFile
from prox_assets.corpora.reading import read_shard
from prox_assets.corpora.shards import shard_of_file
from prox_assets.corpora.source import CorpusSource


class Originals:
    """Original files.

    Attributes:
        source: Where they are, and how they are read.
        files: The files by their path relative to the glob root.

    Raises:
        SourceUnavailableError: They could not be listed.
        CorpusError: Nothing matches.
    """

    def __init__(self, source: CorpusSource) -> None:
        self.source = source
        self.files = {file.source_file: file for file in list_files(source)}
        names = Counter(PurePosixPath(name).name for name in self.files)
        # A copy may lie in other folders.
        self._by_name = {
            PurePosixPath(path).name: file for path, file in self.files.items() if names[PurePosixPath(path).name] == 1
        }

    def of(self, source_files: Collection[str]) -> dict[str, RawFile]:
        """Return the files that programs mean, by the path that these have for them: that path, or the only such name.

        Args:
            source_files: All paths that programs have. Where two of them end in the same name, it says nothing.
        """
        names = Counter(PurePosixPath(path).name for path in source_files)
        found: dict[str, RawFile] = {}
        for path in source_files:
            name = PurePosixPath(path).name
            file = self.files.get(path) or (self._by_name.get(name) if names[name] == 1 else None)
            if file is not None:
                found[path] = file
        return found


def documents_of(
    source: CorpusSource, file: RawFile, row_start: int | None = None, row_end: int | None = None
) -> Iterator[Document]:
    """Yield the documents of a file in the order of its rows; rows that are no documents are left out.

    Args:
        source: How files are read.
        file: The file.
        row_start: First row; None for the whole file.
        row_end: Row after the last one; None for the end of the file.

    Raises:
        SourceUnavailableError: The file could not be opened, or a read failed.
        CorpusError: It is damaged or in another format, or ends before `row_end`. What came before was sound.
    """
    shard = shard_of_file(source, file)
    if row_end is not None:
        shard = replace(shard, row_start=row_start, row_end=row_end)
    for row in read_shard(source, shard):
        if not isinstance(row, Reject) and row.source_row >= (row_start or 0):
            yield row
