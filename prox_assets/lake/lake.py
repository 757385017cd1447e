"""The lake as the stages see it: reads and writes tables, shards and manifests by name."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import fsspec
import polars as pl
import pyarrow.parquet as pq

from prox_assets.lake.errors import LakeError, MissingTableError
from prox_assets.lake.open_table import OpenTable, open_table, replaced_error
from prox_assets.lake.schemas import (
    ADDED_COLUMNS,
    EXECUTION_TABLES,
    RENAMED_COLUMNS,
    SCHEMA_VERSION,
    SCHEMAS,
    WRITTEN_BY,
    Table,
)
from prox_assets.lake.storage.storage import TEMPORARY, Storage
from prox_assets.lake.storage.store_scan import store_scan
from prox_assets.lake.table_files import FileInfo, FileStamp, TableWriter

# Every common file system allows 255 bytes in a file name; this leaves room for our longest suffix.
MAX_NAME_BYTES = 240

# What the lake keeps in a corpus's folder: {folder}/*{suffix}. The folder may also hold other files.
_OWN_FILES = {**dict.fromkeys(Table, ".parquet"), "compacted": ".parquet", "manifests": ".json", "report": ".html"}
_OWN_FOLDERS = frozenset(
    {
        *("_resume", "_leases", "_alerts", "_footers", "_jobs", "_labs", "_proofs", "_tokens", "_published"),
        *("_exports", "_withdrawn", "_overview", "_comparisons", TEMPORARY),
    }
)


class Lake:
    """Tables under `{url}/{corpus}/{table}/{shard}.parquet`; see docs/lake.md for the whole layout."""

    def __init__(self, url: str, storage_options: dict[str, Any] | None = None) -> None:
        self.storage = Storage(url, storage_options)

    @property
    def url(self) -> str:
        """Where the lake is."""
        return self.storage.url

    # Paths

    def table_path(self, corpus: str, table: Table, shard: str) -> str:
        """Return the path, relative to the lake, of a table's file for one shard."""
        return f"{_name(corpus)}/{table}/{_name(shard)}.parquet"

    def manifest_path(self, corpus: str, shard: str) -> str:
        """Return the path of the file that names the execution whose EXECUTION_TABLES belong together."""
        return f"{_name(corpus)}/manifests/{_name(shard)}.json"

    def uri(self, corpus: str, table: Table, shard: str) -> str:
        """Return a URL of a table's file that other tools can open."""
        return self.storage.uri(self.table_path(corpus, table, shard))

    def owns(self, fs: fsspec.AbstractFileSystem, path: str) -> bool:
        """Tell whether a path is the lake itself or one of the lake's own files or folders.

        A folder that holds raw files may also serve as the lake, which owns only the files that it wrote.

        Args:
            fs: The file system of the path.
            path: A full path in it, without protocol and with links resolved.
        """
        relative = self.storage.relative(fs, path)
        if not relative:
            return relative is not None
        first, *rest = relative.split("/")
        if first in _OWN_FOLDERS:
            return True
        return len(rest) == 2 and rest[0] in _OWN_FILES and rest[1].endswith(_OWN_FILES[rest[0]])

    def corpora(self) -> list[str]:
        """Return the names of the corpora in the lake."""
        return [name for name in self.storage.list_folders("") if not name.startswith(("_", "."))]

    def shards(self, corpus: str, table: Table) -> list[str]:
        """Return the shards that have a finished file of a table, sorted."""
        files = self.storage.list_files(f"{_name(corpus)}/{table}")
        return [name.removesuffix(".parquet") for name in files if name.endswith(".parquet")]

    # Writing

    @contextmanager
    def write(
        self,
        corpus: str,
        shard: str,
        tables: Sequence[Table],
        stamp: FileStamp,
        before_publish: Callable[[], None] | None = None,
    ) -> Iterator[list[TableWriter]]:
        """Write one shard's files of one or more tables; publish them when the block ends without an error.

        Publication starts once every file is complete; each file then atomically replaces its predecessor.

        Args:
            corpus: The corpus.
            shard: The shard.
            tables: The tables; their schemas define the columns.
            stamp: What the files say about themselves.
            before_publish: Called when the files are complete, e.g. a lease's check; if it raises, they are discarded.
        """
        fixed = {
            "corpus": corpus,
            "shard": shard,
            "run_id": stamp.run_id,
            "code_version": stamp.code_version,
            "execution_id": stamp.execution_id,
        }
        paths = [self.table_path(corpus, table, shard) for table in tables]
        with self.storage.new_files(paths) as temporaries, ExitStack() as sinks:
            writers = []
            for table, temporary in zip(tables, temporaries, strict=True):
                schema = SCHEMAS[table]
                sink = sinks.enter_context(pq.ParquetWriter(temporary, schema, compression="zstd"))
                writers.append(TableWriter(sink, schema, fixed))
            yield writers
            for writer in writers:
                writer.finish(stamp)
            sinks.close()
            if before_publish is not None:
                before_publish()

    def write_manifest(self, corpus: str, shard: str, execution_id: str, run_id: str, rows: Mapping[str, int]) -> None:
        """Name the execution that the EXECUTION_TABLES belong to; written last, it makes their rows visible."""
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "execution_id": execution_id,
            "run_id": run_id,
            "rows": dict(rows),
            "created_at": datetime.now(UTC).isoformat(),
        }
        self.storage.write_bytes(self.manifest_path(corpus, shard), json.dumps(manifest, indent=1).encode())

    # Reading

    def info(self, corpus: str, table: Table, shard: str) -> FileInfo | None:
        """Return what a table's file says about itself, or None when there is no file."""
        with self._opened(corpus, table, shard) as opened:
            return opened and opened.info()

    def _opened(self, corpus: str, table: Table, shard: str) -> AbstractContextManager[OpenTable | None]:
        return open_table(self.storage, self.table_path(corpus, table, shard), table, shard)

    def require(self, corpus: str, table: Table, shard: str, identity: str | None = None) -> FileInfo:
        """Return what a table's file says about itself; raise if the file does not exist.

        Args:
            corpus: The corpus.
            table: The table.
            shard: The shard.
            identity: The identity that the file must have; None accepts any.

        Raises:
            MissingTableError: The file does not exist; the message names the step that writes it.
            ReplacedTableError: The file has another identity.
        """
        info = self.info(corpus, table, shard)
        if info is None:
            raise MissingTableError(
                f"{self.uri(corpus, table, shard)} is not there; materialize {WRITTEN_BY[table]} for {shard!r} first"
            )
        if identity is not None and info.identity != identity:
            raise replaced_error(table, shard, info.run_id)
        return info

    def rows(
        self,
        corpus: str,
        table: Table,
        shard: str,
        columns: Sequence[str] | None = None,
        identity: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Stream a shard's rows in file order as dicts, one bounded batch in memory; yield nothing without a file.

        Args:
            corpus: The corpus.
            table: The table.
            shard: The shard.
            columns: The columns to read; None for all.
            identity: The identity that the file must have. It is checked on the open file, because a file that was
                checked earlier may have been replaced before it is opened.

        Raises:
            ReplacedTableError: The file has another identity.
        """
        with self._opened(corpus, table, shard) as opened:
            if opened is None:
                return
            if identity is not None:
                opened.check_identity(identity)
            yield from opened.rows(columns)

    def frames(
        self, corpus: str, table: Table, shard: str, columns: Sequence[str], identity: str, execution: str | None = None
    ) -> Iterator[pl.DataFrame]:
        """Stream some columns of a shard's rows in file order, one row group in memory; the file is opened once.

        Args:
            corpus: The corpus.
            table: The table.
            shard: The shard.
            columns: The columns to read.
            identity: The identity that the file must have.
            execution: The execution whose rows count, for EXECUTION_TABLES.

        Raises:
            ReplacedTableError: The file has another identity, or is gone.
        """
        with self._opened(corpus, table, shard) as opened:
            if opened is None:
                raise replaced_error(table, shard, "another")
            opened.check_identity(identity)
            yield from opened.frames(columns, execution)

    def rows_of_document(self, corpus: str, table: Table, shard: str, source_row: int) -> list[dict[str, Any]]:
        """Return one document's rows of a table in file order; [] when it has none or there is no file.

        It reads only the row groups whose statistics may include the row.
        """
        with self._opened(corpus, table, shard) as opened:
            return opened.rows_of_document(source_row) if opened else []

    def scan(self, corpus: str, table: Table, shards: Iterable[str] | None = None) -> pl.LazyFrame:
        """Return a lazy polars frame over a table's files, for all shards or some; without files it is empty but typed.

        Rows of EXECUTION_TABLES appear only if the shard's manifest names their execution, so a reader always sees
        exactly one execution.

        On an object store, files are opened and their errors raised when the frame is collected. In a local folder,
        files are checked when the frame is created, and damaged rows later raise polars errors.

        Raises:
            LakeError: A file is damaged or has another schema version.
            RetryableLakeError: The store does not answer, or a file was replaced while it was read.
        """
        wanted = self.shards(corpus, table) if shards is None else sorted(shards)
        paths = {shard: self.table_path(corpus, table, shard) for shard in wanted}  # rejects invalid names
        if not self.storage.is_local:
            return self._scan_store(corpus, table, wanted)
        present = [path for shard, path in paths.items() if self.info(corpus, table, shard)]
        schema = pl.Schema(SCHEMAS[table])
        if not present:
            return pl.LazyFrame(schema=schema)
        # Without a schema polars opens the first file twice, for its footer and for its rows. If the file is replaced
        # in between, polars reports damage or panics: 2,048 of 6,940 reads next to a writer failed without a schema,
        # none of 7,228 with one.
        renamed = RENAMED_COLUMNS.get(table, {})
        reading: dict[str, Any] = {"schema": {**schema, **{old: schema[new] for new, old in renamed.items()}}}
        if table in ADDED_COLUMNS:
            # Files of an earlier release lack the columns added since, which read as null; files of a later release
            # have extra ones.
            reading |= {"missing_columns": "insert", "extra_columns": "ignore"}
        # Paths are literal: no globbing, and no columns derived from folder names.
        uris = [self.storage.uri(path) for path in present]
        frame = pl.scan_parquet(uris, glob=False, hive_partitioning=False, **reading)
        if renamed:
            todays = [pl.coalesce(new, old).alias(new) for new, old in renamed.items()]
            frame = frame.with_columns(todays).drop(renamed.values())
        if table in EXECUTION_TABLES:
            published = self.executions(corpus, wanted)
            frame = frame.filter(pl.col("execution_id").is_in(list(published.values())))
        return frame

    def _scan_store(self, corpus: str, table: Table, shards: Sequence[str]) -> pl.LazyFrame:
        def frames(shard: str, names: Sequence[str], predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
            execution = self.execution(corpus, shard) if table in EXECUTION_TABLES else None
            if table in EXECUTION_TABLES and execution is None:
                return
            with self._opened(corpus, table, shard) as opened:
                if opened is not None:
                    yield from opened.frames(names, execution, predicate)

        return store_scan(frames, shards, pl.Schema(SCHEMAS[table]))

    def execution(self, corpus: str, shard: str) -> str | None:
        """Return the execution_id that a shard's manifest names, or None.

        Raises:
            LakeError: The manifest is damaged.
        """
        path = self.manifest_path(corpus, shard)
        data = self.storage.read_bytes(path)
        if data is None:
            return None
        try:
            return json.loads(data)["execution_id"]
        except (ValueError, TypeError, KeyError) as error:
            raise LakeError(
                f"{self.storage.uri(path)} is damaged ({error!r}); run {WRITTEN_BY[Table.REFINED]} again"
            ) from error

    def executions(self, corpus: str, shards: Iterable[str]) -> dict[str, str]:
        """Return the published execution_id of each shard that has one."""
        found = {shard: self.execution(corpus, shard) for shard in shards}
        return {shard: execution for shard, execution in found.items() if execution}


def _name(name: str) -> str:
    """Return a corpus or shard name, after checking that it is one plain path component.

    Names appear in terminals, logs and tables, so unprintable characters (line breaks, escapes, direction marks) are
    rejected.
    """
    if not name or "/" in name or "\\" in name or not name.isprintable() or name.startswith(("_", ".")):
        raise LakeError(
            f"{name!r} cannot name a corpus or a shard: it must be one path component of printable characters, not "
            "starting with _ or ."
        )
    if len(name.encode()) > MAX_NAME_BYTES:
        raise LakeError(
            f"{name[:40]!r}... cannot name a corpus or a shard: it has {len(name.encode())} bytes, but a file name "
            f"holds {MAX_NAME_BYTES}"
        )
    return name
