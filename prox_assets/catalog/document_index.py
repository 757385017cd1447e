"""Finds a document by id without opening the shards: an index sorted by id answers from one row group.

Other ways to find a document are in lookup.py.
"""

from dataclasses import dataclass

import duckdb

from prox_assets.catalog.compaction import Compacted, coverage, newest_compaction
from prox_assets.catalog.sql_parts import parquet_rows
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
    """Return the places of a document: none, one, or several if its file was sharded in several ways.

    The index is tried first, without listing any files. An id is a hash of the document's place in its file, so a place
    in the index is right as long as the shard exists. Only if the index does not know the id do we search the shards
    that are newer than the index.
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
