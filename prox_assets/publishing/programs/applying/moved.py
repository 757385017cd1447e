"""Programs whose document is not at its place, matched with the original documents that have no program, by hash.

Rows move when a corpus is written into other files, shuffled or filtered. The hash of its text still identifies a
document; of several equal texts, each gets one program. DuckDB joins on disk, so memory stays flat.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.programs.tables import READ_ROWS, UNMATCHED, UNUSED, Row

_MEMORY = "512MB"

_PAIRS = """
CREATE TABLE pairs AS
WITH d AS (
    SELECT *, row_number() OVER (PARTITION BY raw_hash ORDER BY source_file, source_row) AS n FROM documents
), p AS (
    SELECT *, row_number() OVER (PARTITION BY raw_hash ORDER BY source_file, source_row) AS n FROM programs
)
SELECT d.source_file AS original_file, d.source_row AS original_row, p.* EXCLUDE (n)
FROM d JOIN p USING (raw_hash, n)
"""

# A changed document and the program for its place are one refusal.
_REFUSALS = """
SELECT CASE WHEN p.problem IS NULL THEN 'without_program' WHEN d.raw_hash IS NULL AND p.problem = 'changed'
    THEN 'missing' ELSE p.problem END AS problem, p.doc_id, coalesce(p.source_file, d.source_file)
    AS source_file, coalesce(p.source_row, d.source_row) AS source_row, p.raw_hash AS expected, d.raw_hash AS found
FROM (SELECT * FROM programs AS one WHERE NOT EXISTS (
    SELECT 1 FROM pairs WHERE pairs.source_file = one.source_file AND pairs.source_row = one.source_row)) AS p
FULL JOIN (SELECT * FROM documents AS one WHERE NOT EXISTS (
    SELECT 1 FROM pairs WHERE original_file = one.source_file AND original_row = one.source_row)
    AND is_named) AS d
ON d.expected_file = p.source_file AND d.source_row = p.source_row
ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document that programs were not applied to.

    Attributes:
        problem: changed, missing, not_given or without_program (see Applied).
        doc_id: Its id; None without a program.
        source_file: The file that the program names; without one, that of the original.
        source_row: The row in it.
        expected: Hash of the text that the program is for.
        found: Hash of the text that is there.
    """

    problem: str
    doc_id: str | None
    source_file: str
    source_row: int
    expected: str | None
    found: str | None


class Leftovers:
    """What shards left: documents without a program at their place, and programs without their document."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def add(self, folder: Storage, unmatched: Sequence[str], unused: Sequence[str] = ()) -> None:
        """Add files of both kinds."""
        for table, paths, schema in (("documents", unmatched, UNMATCHED), ("programs", unused, UNUSED)):
            for path in paths:
                with folder.open(path) as file, pq.ParquetFile(file) as parquet:
                    # A view of the reader's batches, by this name.
                    batches = pa.RecordBatchReader.from_batches(schema, parquet.iter_batches(READ_ROWS))
                    self._connection.register("added", batches)
                    self._connection.execute(f"INSERT INTO {table} SELECT * FROM added")  # noqa: S608 (two names)
                    self._connection.unregister("added")

    @property
    def programs(self) -> int:
        """Programs without their document."""
        return self._connection.execute("SELECT count(*) FROM programs").fetchall()[0][0]

    def match(self) -> None:
        """Pair programs with documents of the same hash."""
        self._connection.execute(_PAIRS)

    def moved_to(self) -> list[tuple[str, int]]:
        """Return the original files in which moved documents were found, each with a hash of what was found there."""
        query = (
            "SELECT original_file, bit_xor(hash(original_row, doc_id, refined_hash)) FROM pairs GROUP BY 1 ORDER BY 1"
        )
        return self._connection.execute(query).fetchall()

    def in_file(self, source_file: str) -> Iterator[Row]:
        """Yield rows of MOVED for the documents of an original file, in its order."""
        cursor = self._connection.cursor()
        query = "SELECT * FROM pairs WHERE original_file = ? ORDER BY original_row"
        for batch in cursor.sql(query, params=[source_file]).to_arrow_reader(READ_ROWS):
            yield from batch.to_pylist()

    def refusals(self) -> Iterator[Refusal]:
        """Yield what could not be paired."""
        cursor = self._connection.cursor()
        cursor.execute(_REFUSALS)
        while rows := cursor.fetchmany(READ_ROWS):
            yield from (Refusal(*row) for row in rows)


@contextmanager
def leftovers() -> Iterator[Leftovers]:
    """Yield an empty collection, in a temporary file."""
    with (
        tempfile.TemporaryDirectory(prefix="prox-apply-") as folder,
        duckdb.connect(str(Path(folder) / "leftovers.duckdb")) as connection,
    ):
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
        connection.execute("SET threads = 1")
        for table, schema in (("documents", UNMATCHED), ("programs", UNUSED)):
            connection.register("empty", pa.Table.from_batches([], schema))
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM empty")  # noqa: S608 (a name of ours)
            connection.unregister("empty")
        yield Leftovers(connection)
