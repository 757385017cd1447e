"""Refinement by site and by the length of documents.

These queries need a row per document, so they open the shards that they are about.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb

from prox_assets.catalog.queries.scope import EVERYTHING, Scope
from prox_assets.catalog.sql_parts import one_of, quoted
from prox_assets.lake.schemas import KEPT_OUTCOMES

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

# The first group is the host.
_HOST = r"^(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//(?:[^/?#]*@)?([^/?#:]+)"
SITE = f"nullif(regexp_replace(regexp_extract(lower(url), {quoted(_HOST)}, 1), '^www[.]', ''), '')"
"""SQL for the site of `url`: its host in lower case, without user, port and `www.`; null where there is none."""

LENGTHS = (250, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000)
"""Upper ends of the bins of raw length, in characters; the last bin is open."""

_COUNTS = f"""
    count(*) AS documents_in, count(*) FILTER ({one_of("outcome", KEPT_OUTCOMES)}) AS documents_out,
    CAST(sum(characters_before) AS BIGINT) AS characters_in, CAST(sum(characters_after) AS BIGINT) AS characters_out,
    sum(characters_after) / nullif(sum(characters_before), 0) AS retention
"""


def sites_of(urls: Sequence[str | None]) -> list[str | None]:
    """Return the site of each URL as `SITE` defines it."""
    with duckdb.connect() as connection:
        addresses = "(SELECT unnest(?::VARCHAR[]) AS url)"
        return [site for (site,) in connection.execute(f"SELECT {SITE} FROM {addresses}", [list(urls)]).fetchall()]


def sites(
    con: "DuckDBPyConnection",
    scope: Scope = EVERYTHING,
    limit: int | None = None,
    min_documents: int = 1,
    most_retained: bool = False,
) -> "pl.DataFrame":
    """Return sites by retention (characters out / characters in), the lowest first.

    Args:
        con: A catalog.
        scope: What to look at.
        limit: Maximum number of rows; None for all.
        min_documents: Leave out sites with fewer documents.
        most_retained: Put the highest retention first.

    Returns:
        site (host of the URL without www; null where a document has no URL), documents_in, documents_out,
        characters_in, characters_out, retention, example (a doc_id).
    """
    condition, parameters = scope.of_documents()
    query = f"""
        WITH told AS (SELECT * FROM outcomes WHERE {condition}),
        pages AS (SELECT corpus, shard, source_row, url FROM documents WHERE {condition})
        SELECT {SITE} AS site, {_COUNTS}, arg_max(doc_id, characters_before - characters_after) AS example
        FROM told JOIN pages USING (corpus, shard, source_row)
        GROUP BY site HAVING count(*) >= ?
        ORDER BY retention {"DESC" if most_retained else "ASC"} NULLS LAST, documents_in DESC, site LIMIT ?
    """
    return con.sql(query, params=[*parameters, *parameters, min_documents, limit]).pl()


def lengths(con: "DuckDBPyConnection", scope: Scope = EVERYTHING) -> "pl.DataFrame":
    """Return documents by raw length, shortest first.

    Returns:
        bin (its place in LENGTHS; len(LENGTHS) for longer documents), documents_in, documents_out, characters_in,
        characters_out, retention; bins without documents are left out.
    """
    condition, parameters = scope.of_documents()
    query = f"""
        SELECT len(list_filter({list(LENGTHS)}, lambda longest: characters_before > longest)) AS bin, {_COUNTS}
        FROM outcomes WHERE {condition} GROUP BY bin ORDER BY bin
    """
    return con.sql(query, params=parameters).pl()
