"""Writes the Parquet files of a data set, one pass over the lake; files that are there already are kept.

A file's footer says what it follows from and which shards its rows are of, so that a killed run goes on where it was,
and a document is found without the manifest.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Self

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.schemas import DESCRIPTIONS, Table
from prox_assets.lake.storage.storage import Storage
from prox_assets.proof.texts.outcomes import RefinedShard
from prox_assets.publishing.errors import PublishError
from prox_assets.publishing.manifest import DataFile, Feature
from prox_assets.publishing.rows import SPLIT, published_frame
from prox_assets.publishing.settings import PublishSettings
from prox_assets.publishing.survey import PlannedFile, Survey, SurveyedCorpus

DATA = "data"
IDENTITY = b"prox.identity"
SEGMENTS = b"prox.segments"
# Text that is held at a time. Readers on the hub show a page of a row group, so small ones open faster.
ROW_GROUP_BYTES = 32 << 20
HASH_BYTES = 8 << 20

_ARROW = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}


def features(settings: PublishSettings, metadata: dict[str, str]) -> tuple[Feature, ...]:
    """Return the columns of the data files, in order."""
    said = DESCRIPTIONS[Table.REFINED]
    own = [Feature(name=name, dtype="string", description=said[name]) for name in settings.columns]
    added = [Feature(name=name, dtype=dtype, description="As in the source.") for name, dtype in metadata.items()]
    return (*own, *added)


def schema_of(columns: Sequence[Feature]) -> pa.Schema:
    """Return the Arrow schema of the data files."""
    return pa.schema([pa.field(column.name, _ARROW[column.dtype]) for column in columns])


class OpenDataFile:
    """A data file that is being written; it appears, complete, when the block ends without an error.

    Args:
        storage: The published folder.
        path: Relative to it.
        schema: Its columns.
        identity: What its contents follow from.
        segments: Rows of each shard, in order.
    """

    def __init__(
        self,
        storage: Storage,
        path: str,
        schema: pa.Schema,
        identity: str,
        segments: Sequence[tuple[str, int]],
    ) -> None:
        self._path = path
        self._stack = ExitStack()
        [self._temporary] = self._stack.enter_context(storage.new_files([path]))
        self._schema = schema
        # Pages are cut where the contents say so: a new version of a file then shares most of its bytes with the old
        # one, and a hub that stores by contents takes only the others.
        self._sink = self._stack.enter_context(
            pq.ParquetWriter(
                self._temporary,
                self._schema,
                compression="zstd",
                write_page_index=True,
                use_content_defined_chunking=True,
            )
        )
        self._sink.add_key_value_metadata({IDENTITY: identity, SEGMENTS: json.dumps([*map(list, segments)])})
        self._pending: list[pl.DataFrame] = []
        self._pending_bytes = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Add rows; a row group is written once there is enough text for one."""
        if not frame.height:
            return
        self._pending.append(frame)
        self._pending_bytes += int(frame["text"].str.len_bytes().sum())
        if self._pending_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def finish(self) -> DataFile:
        """Put the file in its place and return what it is."""
        self._flush()
        self._sink.close()
        with self._temporary.open("rb") as file:
            done, _, _ = _described(file, self._path)
        self._stack.close()
        return done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self._stack.__exit__(kind, error, traceback)

    def _flush(self) -> None:
        if self._pending:
            table = pl.concat(self._pending).to_arrow().cast(self._schema)
            self._sink.write_table(table, row_group_size=table.num_rows)
            self._pending, self._pending_bytes = [], 0


def write_data(
    storage: Storage, settings: PublishSettings, found: Survey, progress: Callable[[int, int], None]
) -> list[DataFile]:
    """Write the data files of all corpora, and remove others that lie among them.

    Raises:
        PublishError: The lake has changed since it was surveyed.
        LakeError: The lake cannot be read or the folder not written.
    """
    columns = features(settings, found.metadata)
    done: list[DataFile] = []
    total = sum(file.rows for corpus in found.corpora for file in corpus.files)
    for corpus in found.corpora:
        before = sum(file.rows for file in done)
        done += _write_corpus(storage, found, corpus, columns, lambda rows, b=before: progress(b + rows, total))
    wanted = {file.path for file in done}
    for path in data_paths(storage):
        if path not in wanted:
            storage.remove(path)
    return done


def data_paths(storage: Storage) -> list[str]:
    """Return the paths of a folder's data files, finished by a manifest or not."""
    folders = storage.list_folders(DATA)
    names = ((folder, name) for folder in folders for name in storage.list_files(f"{DATA}/{folder}"))
    return [f"{DATA}/{folder}/{name}" for folder, name in names if name.endswith(".parquet")]


def data_file(storage: Storage, path: str) -> tuple[DataFile, str, list[tuple[str, int]]]:
    """Return what a data file in its place is, its identity, and the rows of each shard in it.

    Raises:
        PublishError: It is damaged.
        LakeError: It cannot be read.
    """
    try:
        with storage.open(path) as file:
            return _described(file, path)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise PublishError(
            f"{storage.uri(path)} is damaged ({' '.join(str(error).split())}): remove it and run `prox publish` again"
        ) from error


def identity_of(storage: Storage, path: str) -> str | None:
    """Return what a data file's contents follow from, as its footer says; None if it is not there or damaged.

    Raises:
        LakeError: It cannot be read.
    """
    try:
        with storage.open(path) as file:
            return (pq.read_metadata(file).metadata or {})[IDENTITY].decode()
    except (FileNotFoundError, pa.ArrowException, OSError, KeyError):
        return None


def sha256_of(file: BinaryIO) -> str:
    """Return the hash of a file's contents, read a few MiB at a time."""
    digest = hashlib.sha256()
    while block := file.read(HASH_BYTES):
        digest.update(block)
    return digest.hexdigest()


def _described(file: BinaryIO, path: str) -> tuple[DataFile, str, list[tuple[str, int]]]:
    _, config, name = path.split("/")
    digest = sha256_of(file)
    length = file.tell()
    footer = pq.ParquetFile(file).metadata
    notes = footer.metadata or {}
    done = DataFile(
        path=path,
        config=config,
        split=name.split("-")[0],
        rows=footer.num_rows,
        table_bytes=sum(footer.row_group(group).total_byte_size for group in range(footer.num_row_groups)),
        bytes=length,
        sha256=digest,
    )
    segments = [(str(shard), int(rows)) for shard, rows in json.loads(notes[SEGMENTS])]
    return done, notes[IDENTITY].decode(), segments


class _Splits:
    """The files of one split, filled in order."""

    def __init__(self, storage: Storage, columns: Sequence[Feature], files: Sequence[PlannedFile]) -> None:
        self._storage = storage
        self._schema = schema_of(columns)
        self._files = list(files)
        self._kept = [_there(storage, file) for file in files]
        self._at = 0
        self._rows = 0
        self._open: OpenDataFile | None = None
        self.done: list[DataFile] = []

    def needs(self, rows: int) -> bool:
        """Tell whether any of the next rows goes into a file that is not there yet."""
        at, room = self._at, rows + self._rows
        while room > 0:
            if self._kept[at] is None:
                return True
            room -= self._files[at].rows
            at += 1
        return False

    def skip(self, rows: int) -> None:
        """Go past rows that are all in files that are there."""
        self._rows += rows
        self._pass_full()

    def add(self, frame: pl.DataFrame) -> None:
        """Add the next rows."""
        while frame.height:
            if self._at == len(self._files):
                raise PublishError(_CHANGED)
            file = self._files[self._at]
            part, frame = frame.head(file.rows - self._rows), frame.slice(file.rows - self._rows)
            self._rows += part.height
            if self._kept[self._at] is None:
                if self._open is None:
                    self._open = OpenDataFile(self._storage, file.path, self._schema, file.identity, file.segments)
                self._open.add(part)
            self._pass_full()

    def _pass_full(self) -> None:
        while self._at < len(self._files) and self._rows >= self._files[self._at].rows:
            self._rows -= self._files[self._at].rows
            kept = self._kept[self._at]
            if kept is None:
                if self._open is None:
                    raise PublishError(_CHANGED)
                kept, self._open = self._open.finish(), None
            self.done.append(kept)
            self._at += 1

    def abandon(self, error: BaseException) -> None:
        """Discard a file that is not finished."""
        if self._open is not None:
            self._open.__exit__(type(error), error, error.__traceback__)

    @property
    def complete(self) -> bool:
        return self._at == len(self._files)


_CHANGED = "the lake has changed while the data set was written: run `prox publish` again"


def _write_corpus(
    storage: Storage,
    found: Survey,
    corpus: SurveyedCorpus,
    columns: Sequence[Feature],
    progress: Callable[[int], None],
) -> list[DataFile]:
    names = list(dict.fromkeys(file.split for file in corpus.files))
    splits = {name: _Splits(storage, columns, [file for file in corpus.files if file.split == name]) for name in names}
    written = 0
    try:
        for shard in corpus.shards:
            if any(splits[name].needs(rows) for name, rows in shard.rows.items()):
                for name, frame in _frames(found, shard.refined, columns):
                    splits[name].add(frame)
                    written += frame.height
                    progress(written)
            else:
                for name, rows in shard.rows.items():
                    splits[name].skip(rows)
                written += shard.rows.total()
                progress(written)
        if not all(split.complete for split in splits.values()):
            raise PublishError(_CHANGED)
    except BaseException as error:
        for split in splits.values():
            split.abandon(error)
        raise
    return [file for split in splits.values() for file in split.done]


def _frames(found: Survey, shard: RefinedShard, columns: Sequence[Feature]) -> Iterator[tuple[str, pl.DataFrame]]:
    own = [column.name for column in columns if column.name not in found.metadata]
    for rows in found.rows.of(shard):
        frame = published_frame(rows, own, found.metadata)
        for name in rows[SPLIT].unique(maintain_order=True):
            yield name, frame.filter(rows[SPLIT] == name)


def _there(storage: Storage, planned: PlannedFile) -> DataFile | None:
    """Return the file if it is there and holds what is planned."""
    try:
        if not storage.exists(planned.path):
            return None
        done, identity, _ = data_file(storage, planned.path)
    except PublishError:
        return None
    return done if identity == planned.identity and done.rows == planned.rows else None
