"""Documents of some shards, chosen by what became of them; catalog/document_lists.py walks through a whole corpus.

Every function needs the views of TABLES, for the shards that it is about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prox_assets.catalog.queries.breakdowns import SITE
from prox_assets.catalog.queries.scope import Parameters
from prox_assets.lake.schemas import Outcome, Table

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

TABLES = (Table.DOCUMENTS, Table.OUTCOMES, Table.DOC_PROGRAMS, Table.REFINED)
OPENING_CHARACTERS = 400


@dataclass(frozen=True)
class Wanted:
    """Which documents to list; an empty field sets no restriction.

    Attributes:
        outcomes: What became of them.
        site: Their site: the host of the URL without `www.`.
        edited: True for those in which an operation changed something, False for the others.
        lowest: Smallest P(keep), inclusive; documents without one are left out.
        highest: Largest P(keep), inclusive; likewise.
        text: A piece of their raw text or URL; case does not matter.
    """

    outcomes: tuple[Outcome, ...] = ()
    site: str = ""
    edited: bool | None = None
    lowest: float | None = None
    highest: float | None = None
    text: str = ""

    def condition(self) -> tuple[str, Parameters]:
        """Return the SQL condition on rows of `documents` d, `outcomes` o and `doc_programs` p, and its parameters."""
        parts: list[str] = []
        parameters: Parameters = []
        if self.outcomes:
            parts.append(f"o.outcome IN ({', '.join('?' * len(self.outcomes))})")
            parameters += [str(outcome) for outcome in self.outcomes]
        if self.edited is not None:
            parts.append("o.operations_applied > 0" if self.edited else "o.operations_applied = 0")
        for bound, sign in ((self.lowest, ">="), (self.highest, "<=")):
            if bound is not None:
                parts.append(f"p.keep_probability {sign} ?")
                parameters.append(bound)
        if self.site:
            parts.append(f"{SITE} = ?")
            parameters.append(self.site.lower().removeprefix("www."))
        if self.text:
            parts.append("(contains(lower(d.text), lower(?)) OR contains(lower(d.url), lower(?)))")
            parameters += [self.text, self.text]
        return " AND ".join(parts) or "true", parameters


ANY = Wanted()


@dataclass(frozen=True, order=True)
class Position:
    """A document's place in the order of lists: by shard, then by row of the source file."""

    shard: str
    source_row: int


_JOINED = """
    documents d LEFT JOIN outcomes o USING (corpus, shard, source_row)
    LEFT JOIN doc_programs p USING (corpus, shard, source_row)
"""
_COLUMNS = """
    corpus, shard, source_row, d.doc_id, d.url, o.outcome, o.reason, o.characters_before, o.characters_after,
    o.operations_applied, p.keep_probability
"""


def documents(con: "DuckDBPyConnection", wanted: Wanted, after: Position | None, limit: int) -> "pl.DataFrame":
    """Return documents in the order of Position, without their texts.

    Returns:
        corpus, shard, source_row, doc_id, url, outcome, reason, characters_before, characters_after,
        operations_applied (these five null where nothing was executed), keep_probability.
    """
    condition, parameters = wanted.condition()
    if after is not None:
        condition += " AND (shard > ? OR (shard = ? AND source_row > ?))"
        parameters += [after.shard, after.shard, after.source_row]
    query = f"SELECT {_COLUMNS} FROM {_JOINED} WHERE {condition} ORDER BY shard, source_row LIMIT ?"
    return con.sql(query, params=[*parameters, limit]).pl()


def drawn_documents(
    con: "DuckDBPyConnection", wanted: Wanted, draws: Sequence[tuple[str, int]], seed: str
) -> list[tuple[str, str, int]]:
    """Draw documents at random; the same seed draws the same ones.

    Args:
        con: A catalog of the shards in `draws`.
        wanted: Which documents may be drawn.
        draws: (shard, how many) pairs.
        seed: Any text.

    Returns:
        (doc_id, shard, source_row) of each, in random order; fewer where a shard has fewer.
    """
    condition, parameters = wanted.condition()
    query = f"""
        WITH draws AS (SELECT unnest(?::VARCHAR[]) AS shard, unnest(?::BIGINT[]) AS many),
        shuffled AS (SELECT shard, source_row, d.doc_id, hash(d.doc_id || ?) AS place FROM {_JOINED} WHERE {condition})
        SELECT doc_id, shard, source_row FROM shuffled JOIN draws USING (shard)
        QUALIFY row_number() OVER (PARTITION BY shard ORDER BY place) <= many
        ORDER BY place
    """
    names, counts = [shard for shard, _ in draws], [many for _, many in draws]
    return con.sql(query, params=[names, counts, seed, *parameters]).fetchall()


def openings(con: "DuckDBPyConnection", places: Sequence[Position]) -> dict[Position, str]:
    """Return how documents begin: their refined text, or their raw text where they were not kept."""
    if not places:
        return {}
    # The range lets DuckDB skip row groups; the texts of a shard may be a gigabyte.
    rows = [place.source_row for place in places]
    query = f"""
        WITH places AS (SELECT unnest(?::VARCHAR[]) AS shard, unnest(?::BIGINT[]) AS source_row),
        kept AS (
            SELECT shard, source_row, left(text, {OPENING_CHARACTERS}) AS opening
            FROM refined SEMI JOIN places USING (shard, source_row) WHERE source_row BETWEEN ? AND ?
        ), others AS (SELECT * FROM places ANTI JOIN kept USING (shard, source_row))
        FROM kept UNION ALL
        SELECT shard, source_row, left(text, {OPENING_CHARACTERS})
        FROM documents SEMI JOIN others USING (shard, source_row) WHERE source_row BETWEEN ? AND ?
    """
    span = [min(rows), max(rows)]
    found = con.sql(query, params=[[place.shard for place in places], rows, *span, *span]).fetchall()
    return {Position(shard, row): opening for shard, row, opening in found}
