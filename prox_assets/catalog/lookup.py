"""Finds documents: from an id, a URL or a piece of text to the shard and row that hold the document.

The functions query the catalog's views, so each costs a scan of one column. trace/read.py reads what they find.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from prox_assets.catalog.compaction import Compacted
from prox_assets.catalog.connection import damage_named, open_catalog
from prox_assets.catalog.document_index import DocumentPlace, find_by_id
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PLACES_AT_MOST = 20


class FoundBy(StrEnum):
    """The part of a document that matched the search."""

    DOC_ID = "doc_id"
    URL = "url"
    REFINED_TEXT = "refined text"
    RAW_TEXT = "raw text"


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found.

    Attributes:
        place: Where it is.
        url: Its URL, if known.
        found_by: What matched.
    """

    place: DocumentPlace
    url: str | None
    found_by: FoundBy


_COLUMNS = "corpus, shard, doc_id, source_row"
_ORDER = "ORDER BY corpus, shard, source_row LIMIT ?"


def places_of_id(
    lake: Lake, doc_id: str, corpora: Sequence[str] | None = None, shard: str | None = None
) -> list[DocumentPlace]:
    """Return the places of a document: none, one, or several if its corpus was sharded in several ways.

    Args:
        lake: The lake.
        doc_id: The whole id.
        corpora: The corpora to search; all by default.
        shard: The shard to search; only its files are read. All shards by default.

    Raises:
        LakeError: A file cannot be read.
    """
    corpora = lake.corpora() if corpora is None else corpora
    if shard is None:
        with damage_named(lake, corpora, [Table.DOCUMENTS]):
            return [place for corpus in corpora for place in find_by_id(lake, corpus, doc_id)]
    with _views(lake, corpora, shard, Table.DOCUMENTS) as catalog:
        query = f"SELECT {_COLUMNS} FROM document_index WHERE doc_id = ?"
        return [DocumentPlace(*row) for row in catalog.sql(query, params=[doc_id]).fetchall()]


def find_documents(
    lake: Lake,
    wanted: str,
    corpora: Sequence[str] | None = None,
    shard: str | None = None,
    limit: int = PLACES_AT_MOST,
    *,
    ignore_case: bool = False,
) -> list[Hit]:
    """Find documents by id, URL, or a piece of text.

    The first attempt that finds something wins: the exact id, the exact URL, the piece in refined text, in raw text, in
    a URL. So a line that was removed still leads to its document, and part of a URL is enough.

    Args:
        lake: The lake.
        wanted: An id, a URL, or a piece of text; surrounding white space is ignored.
        corpora: The corpora to search; all by default.
        shard: The shard to search; only its files are read. All shards by default.
        limit: Maximum number of hits.
        ignore_case: Whether upper and lower case count as equal.

    Raises:
        ValueError: The search text is blank.
        LakeError: A file cannot be read.
    """
    piece = wanted.strip()
    if not piece:
        raise ValueError("there is nothing to look for: give an id, a URL or a piece of text")
    of = "lower({})" if ignore_case else "{}"
    attempts = (
        (FoundBy.DOC_ID, "document_index", "doc_id", "{} = {}"),
        (FoundBy.URL, "document_index", "url", "{} = {}"),
        (FoundBy.REFINED_TEXT, "refined", "text", "contains({}, {})"),
        (FoundBy.RAW_TEXT, "documents", "text", "contains({}, {})"),
        (FoundBy.URL, "document_index", "url", "contains({}, {})"),
    )
    with _views(lake, corpora, shard, Table.DOCUMENTS, Table.REFINED) as catalog:
        for found_by, view, column, matches in attempts:
            condition = matches.format(of.format(column), of.format("?"))
            query = f"SELECT {_COLUMNS}, url FROM {view} WHERE {condition} {_ORDER}"
            rows = catalog.sql(query, params=[piece, limit]).fetchall()
            if rows:
                return [Hit(DocumentPlace(*place), url, found_by) for *place, url in rows]
    return []


@contextmanager
def _views(
    lake: Lake, corpora: Sequence[str] | None, shard: str | None, *tables: Table
) -> Iterator["DuckDBPyConnection"]:
    """Open a connection with views of the tables and of the document index."""
    corpora = lake.corpora() if corpora is None else corpora
    shards = None if shard is None else [shard]
    with (
        damage_named(lake, corpora, tables, shards),
        open_catalog(lake, corpora, (*tables, Compacted.DOCUMENT_INDEX), shards) as catalog,
    ):
        yield catalog
