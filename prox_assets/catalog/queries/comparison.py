"""Compares two refiners: pairs the documents of two corpora over the same source rows and counts where they differ.

A shard has one refinement at a time, so a second refiner needs a second corpus over the same files (or a second lake,
attached by the caller's connection).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prox_assets.catalog.queries.documents import Position
from prox_assets.catalog.sql_parts import one_of
from prox_assets.lake.schemas import KEPT_OUTCOMES

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

EXAMPLES = 10

_PAIRS = f"""
    one AS (
        SELECT d.shard, d.source_file, d.source_row, d.text_hash, d.doc_id, d.url, o.outcome, o.characters_before,
            o.characters_after
        FROM documents d JOIN outcomes o USING (corpus, shard, source_row) WHERE corpus = ?
    ), two AS (
        SELECT d.source_file, d.source_row, d.text_hash, d.doc_id, o.outcome, o.characters_after
        FROM documents d JOIN outcomes o USING (corpus, shard, source_row) WHERE corpus = ?
    ), hashes AS (
        SELECT corpus, source_row, doc_id, refined_hash FROM refined WHERE corpus IN (?, ?)
    ), pairs AS (
        SELECT one.*, two.doc_id AS doc_id_two, two.outcome AS outcome_two, two.characters_after AS after_two,
            {one_of("one.outcome", KEPT_OUTCOMES)} AS kept, {one_of("two.outcome", KEPT_OUTCOMES)} AS kept_two,
            h.refined_hash, h2.refined_hash AS refined_hash_two
        FROM one JOIN two USING (source_file, source_row, text_hash)
        LEFT JOIN hashes h ON h.doc_id = one.doc_id LEFT JOIN hashes h2 ON h2.doc_id = two.doc_id
    )
"""


@dataclass(frozen=True)
class Agreement:
    """How two refiners agree on the documents that both have judged.

    Attributes:
        documents: Documents with the same source file, row and text in both corpora.
        both_keep: Kept by both.
        both_drop: Dropped or quarantined by both.
        only_first_keeps: Kept only by the first.
        only_second_keeps: Kept only by the second.
        same_text: Kept by both with equal refined text.
        characters_first: Characters that the first keeps.
        characters_second: Characters that the second keeps.
        tokens_first: Tokens that the first keeps, over the shards that both have; None without token counts.
        tokens_second: The same for the second.
    """

    documents: int
    both_keep: int
    both_drop: int
    only_first_keeps: int
    only_second_keeps: int
    same_text: int
    characters_first: int
    characters_second: int
    tokens_first: int | None
    tokens_second: int | None

    @property
    def agreement(self) -> float:
        """Share of documents that both keep or both drop."""
        return (self.both_keep + self.both_drop) / self.documents if self.documents else 0.0

    @property
    def kappa(self) -> float:
        """Agreement beyond chance: Cohen's kappa (1960) of keep against drop; 0 if chance agreement is already 1."""
        if not self.documents:
            return 0.0
        first = (self.both_keep + self.only_first_keeps) / self.documents
        second = (self.both_keep + self.only_second_keeps) / self.documents
        chance = first * second + (1 - first) * (1 - second)
        return (self.agreement - chance) / (1 - chance) if chance < 1 else 0.0


def compare(con: "DuckDBPyConnection", first: str, second: str) -> Agreement:
    """Return how far two corpora over the same files agree."""
    # The columns are the fields of Agreement, in its order.
    query = f"""
        WITH {_PAIRS}
        SELECT count(*), count(*) FILTER (kept AND kept_two), count(*) FILTER (NOT kept AND NOT kept_two),
            count(*) FILTER (kept AND NOT kept_two), count(*) FILTER (NOT kept AND kept_two),
            count(*) FILTER (refined_hash = refined_hash_two),
            CAST(coalesce(sum(characters_after), 0) AS BIGINT), CAST(coalesce(sum(after_two), 0) AS BIGINT)
        FROM pairs
    """
    [counts] = con.sql(query, params=[first, second, first, second]).fetchall()
    tokens = f"""
        SELECT {
        ", ".join(
            f"CAST(CASE WHEN count({name}) = count(*) THEN sum({name}) END AS BIGINT)"
            for name in ("one.tokens_out", "two.tokens_out")
        )
    }
        FROM shard_metrics one JOIN shard_metrics two USING (shard) WHERE one.corpus = ? AND two.corpus = ?
    """
    [both_tokens] = con.sql(tokens, params=[first, second]).fetchall()
    return Agreement(*counts, *both_tokens)


def differences(con: "DuckDBPyConnection", first: str, second: str, limit: int = EXAMPLES) -> "pl.DataFrame":
    """Return the documents on which two corpora differ most: first those that only one keeps, then by length.

    Returns:
        url, shard, doc_id (in the first corpus), doc_id_second, outcome, outcome_second, characters_before,
        characters_after, characters_after_second.
    """
    query = f"""
        WITH {_PAIRS}
        SELECT url, shard, doc_id, doc_id_two AS doc_id_second, outcome, outcome_two AS outcome_second,
            characters_before, characters_after, after_two AS characters_after_second
        FROM pairs WHERE refined_hash IS DISTINCT FROM refined_hash_two
        ORDER BY kept = kept_two, abs(characters_after - after_two) DESC, doc_id LIMIT ?
    """
    return con.sql(query, params=[first, second, first, second, limit]).pl()


def have_a_document_in_common(con: "DuckDBPyConnection", first: str, second: str) -> bool:
    """Tell whether any document of one corpus has the same source file, row and text as one of the other."""
    document = "SELECT source_file, source_row, text_hash FROM documents WHERE corpus = ?"
    query = f"SELECT 1 FROM ({document}) JOIN ({document}) USING (source_file, source_row, text_hash) LIMIT 1"
    return con.sql(query, params=[first, second]).fetchall() != []


def unrefined_corpora(con: "DuckDBPyConnection", corpora: Sequence[str]) -> list[str]:
    """Return those of some corpora of which nothing is published; the catalog needs its view of manifests."""
    found = con.sql(f"SELECT DISTINCT corpus FROM manifests WHERE {one_of('corpus', corpora)}").fetchall()
    return [corpus for corpus in corpora if (corpus,) not in found]


def differing_documents(
    con: "DuckDBPyConnection",
    first: str,
    second: str,
    after: Position | None,
    limit: int,
    *,
    only_one_keeps: bool = False,
) -> "pl.DataFrame":
    """Return the documents whose refined texts differ, in the order of lists.

    Args:
        con: A catalog; it may cover only some shards, the same ones of both corpora.
        first: A corpus.
        second: Another over the same files.
        after: Where to begin; None for the beginning.
        limit: Maximum number of rows.
        only_one_keeps: Leave out documents that both keep or both drop.

    Returns:
        The columns of `differences`, and source_row.
    """
    where = "kept <> kept_two" if only_one_keeps else "refined_hash IS DISTINCT FROM refined_hash_two"
    place: list[object] = []
    if after is not None:
        where += " AND (shard > ? OR (shard = ? AND source_row > ?))"
        place = [after.shard, after.shard, after.source_row]
    query = f"""
        WITH {_PAIRS}
        SELECT url, shard, source_row, doc_id, doc_id_two AS doc_id_second, outcome, outcome_two AS outcome_second,
            characters_before, characters_after, after_two AS characters_after_second
        FROM pairs WHERE {where} ORDER BY shard, source_row LIMIT ?
    """
    return con.sql(query, params=[first, second, first, second, *place, limit]).pl()
