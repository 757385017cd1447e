"""From a document's id to its place, without opening the shards: an index sorted by id answers from one row group.

Belongs here: the look-up by id. Not here: what was done to the document (trace.py), other ways to find one (lookup.py).
"""

from dataclasses import dataclass

import duckdb

from prox_assets.catalog.compaction import Compacted, coverage, newest_compaction
from prox_assets.catalog.sql import parquet_rows
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table


@dataclass(frozen=True, slots=True)
class DocumentPlace:
    """Where a document is.

    Attributes:
        corpus: Its corpus.
        shard: Its shard.
        doc_id: Its id.
        source_row: Its row in the source file, by which the shard's tables are sorted.
    """

    corpus: str
    shard: str
    doc_id: str
    source_row: int


def find_by_id(lake: Lake, corpus: str, doc_id: str) -> list[DocumentPlace]:
    """Return where a document is: nowhere, or one place; several where its file was cut into shards in several ways.

    The index is asked first, and nothing is listed: ids are hashes of a document's place in its file, so that a place
    that the index knows is right if the shard is still there. Only an id that it does not know makes the shards be
    searched that came after it.
    """
    with duckdb.connect() as connection:
        if not lake.storage.is_local:
            connection.register_filesystem(lake.storage.fs)
        index = newest_compaction(lake, corpus, Compacted.DOCUMENT_INDEX)
        if index is not None:
            found = [
                place
                for place in _search(connection, parquet_rows([index.uri]), doc_id)
                if lake.storage.exists(lake.table_path(corpus, Table.DOCUMENTS, place.shard))
            ]
            if found:
                return found
        fresh = coverage(lake, corpus, Compacted.DOCUMENT_INDEX).fresh
        return _search(connection, parquet_rows(fresh), doc_id) if fresh else []


def _search(connection: duckdb.DuckDBPyConnection, table: str, doc_id: str) -> list[DocumentPlace]:
    query = f"SELECT corpus, shard, doc_id, source_row FROM {table} WHERE doc_id = ? ORDER BY shard"
    return [DocumentPlace(*row) for row in connection.sql(query, params=[doc_id]).fetchall()]
