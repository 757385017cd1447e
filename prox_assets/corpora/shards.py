"""Lists the shards of a corpus. `reading.py` reads one as a stream of documents."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from prox_assets.corpora.cutting import Piece, count_rows, pieces_by_rows, pieces_by_size
from prox_assets.corpora.errors import CorpusError, SourceUnavailableError
from prox_assets.corpora.grouping import FilesOf, groups, place_known, shard_bytes
from prox_assets.corpora.keys import of_many, shard_stems, stem_of, with_rows
from prox_assets.corpora.listing.files import list_files
from prox_assets.corpora.listing.raw_files import RawFile, RawFiles
from prox_assets.corpora.listing.walk import LeaveOut
from prox_assets.corpora.reading import read_shard, relist_shard
from prox_assets.corpora.shard import Shard
from prox_assets.corpora.source import CorpusSource

__all__ = [
    "CorpusError",
    "Shard",
    "SourceUnavailableError",
    "list_shards",
    "read_shard",
    "relist_shard",
    "shard_of_file",
]


def _no_files(_keys: Sequence[str]) -> Iterable[tuple[str, Sequence[RawFile]]]:
    return ()


def list_shards(
    source: CorpusSource,
    known: Mapping[str, Shard] | None = None,
    leave_out: LeaveOut | None = None,
    *,
    files_of: FilesOf = _no_files,
    missing_since: datetime | None = None,
) -> list[Shard]:
    """Return the shards of a corpus, in the order of its URLs, then by path, then by row.

    A file that shares a shard stays in it: new files make new shards. Without `rows_per_shard` and `shard_bytes` this
    only lists files. With `rows_per_shard`, files with an unknown number of rows are opened: only the footer of a
    Parquet file is read, but all of any other file. With `shard_bytes`, so are new files that are large enough to cut.

    Args:
        source: The corpus.
        known: Shards from earlier listings by key: files keep their keys, and `file_rows` is reused if a file's size
            and version are unchanged.
        leave_out: Tells which files are not part of the corpus, even if its URLs match them; by default none.
        files_of: Loads the files of known shards of many files.
        missing_since: Noted for files of such a shard that the listing lacks; by default nothing follows from a file's
            absence.

    Raises:
        SourceUnavailableError: The source could not be listed or read; it never returns an empty list instead.
        CorpusError: Nothing matches, a match is not a corpus file, or a file whose rows must be counted is unreadable.
    """
    known = known or {}
    files = list_files(source, leave_out)
    of_many_files = {key: shard for key, shard in known.items() if shard.has_many_files}
    placed = place_known(files, of_many_files, files_of, missing_since)
    plan = _Plan(source, known, shard_bytes(source, files, known))
    rest = files.take(placed.rest) if len(placed.rest) < len(files) else files
    shares = list(plan.shares(rest))
    stems = shard_stems((share.first.source_file for share in shares), plan.recorded)
    found = [(position, replace(shard, format=source.format)) for position, shard in placed.shards]
    for share in shares:
        position = int(placed.rest[share.position])
        found.extend((position, shard) for shard in plan.shards(share, stems[share.first.source_file]))
    found.sort(key=lambda item: item[0])  # keeps the rows of a file in order
    return [shard for _, shard in found]


def shard_of_file(source: CorpusSource, file: RawFile, stem: str | None = None) -> Shard:
    """Return a whole file as a shard of its own; its key is the stem, by default the one of a new corpus."""
    stem = shard_stems([file.source_file])[file.source_file] if stem is None else stem
    return Shard(stem, file.url, file.source_file, source.format, None, None, file.size, file.version, rows=None)


@dataclass(frozen=True, slots=True)
class _Share:
    """Files that make one shard, or one file that makes one or several; `position` is that of the first."""

    position: int
    first: RawFile
    files: RawFiles | None = None


class _Plan:
    """How files that are in no shard of many files become shards.

    Attributes:
        recorded: The stems that the lake has, by first file.
    """

    def __init__(self, source: CorpusSource, known: Mapping[str, Shard], size: int | None) -> None:
        self._source = source
        self._size = size
        self._known: dict[str, list[Shard]] = {}
        for shard in known.values():
            if not shard.has_many_files:
                self._known.setdefault(shard.source_file, []).append(shard)
        self._counted: dict[tuple[str, int | None, str | None], int] = {
            (shard.source_file, shard.size, shard.etag): shard.file_rows
            for shard in known.values()
            if shard.file_rows is not None and shard.etag is not None
        }
        self.recorded = {shard.source_file: stem_of(shard.key) for shard in known.values()}

    def shares(self, files: RawFiles) -> Iterator[_Share]:
        """Yield what makes shards together; in no certain order."""
        if self._size is None:
            yield from (_Share(position, file) for position, file in enumerate(files))
            return
        alone: list[_Share] = []
        for positions in groups(self._small(files, alone), self._size):
            first = files[positions[0]]
            yield _Share(positions[0], first, files.take(positions) if len(positions) > 1 else None)
        yield from alone

    def _small(self, files: RawFiles, alone: list[_Share]) -> Iterator[tuple[int, RawFile]]:
        for position, file in enumerate(files):
            if file.source_file in self._known or (file.size or 0) >= (self._size or 0):
                alone.append(_Share(position, file))
            else:
                yield position, file

    def shards(self, share: _Share, stem: str) -> Iterator[Shard]:
        """Yield the shards of a share."""
        file = share.first
        whole = shard_of_file(self._source, file, stem)
        if share.files is not None:
            yield replace(whole, key=of_many(stem, len(share.files))).of_files(share.files)
        elif self._source.shard_bytes is not None:
            yield from self._cut_by_size(whole, file)
        elif self._source.rows_per_shard is not None:
            yield from self._cut_by_rows(whole, file, self._source.rows_per_shard)
        else:
            yield whole

    def _cut_by_rows(self, whole: Shard, file: RawFile, step: int) -> Iterator[Shard]:
        rows = self._counted.get((file.source_file, file.size, file.version))
        rows = count_rows(self._source, file.url) if rows is None else rows
        return _parts(replace(whole, file_rows=rows), pieces_by_rows(rows, step) if rows > step else [])

    def _cut_by_size(self, whole: Shard, file: RawFile) -> Iterator[Shard]:
        known = self._known.get(file.source_file, [])
        known = [shard for shard in known if shard.gone_since is None] or known
        if any(shard.row_start is None for shard in known):
            return iter([whole])  # a file that began as one shard stays one
        same = sorted(
            (shard for shard in known if shard.version == whole.version and shard.etag is not None),
            key=lambda shard: shard.row_start or 0,
        )
        # A kill may have left only some of a file's shards on record.
        if same and sum(shard.rows or 0 for shard in same) == same[0].file_rows:
            return (replace(shard, url=file.url, format=whole.format, gone_since=None) for shard in same)
        return _parts(whole, pieces_by_size(self._source, file, self._source.shard_bytes or 0))


def _parts(whole: Shard, pieces: Sequence[Piece]) -> Iterator[Shard]:
    """Yield the shards of a file's pieces; the whole file if it is in one piece."""
    if len(pieces) < 2:
        yield replace(whole, rows=whole.file_rows)
        return
    for piece in pieces:
        yield replace(
            whole,
            key=with_rows(whole.key, piece.row_start, piece.row_end),
            row_start=piece.row_start,
            row_end=piece.row_end,
            rows=piece.row_end - piece.row_start,
            file_rows=pieces[-1].row_end,
            byte_start=piece.byte_start,
            byte_end=piece.byte_end,
        )
