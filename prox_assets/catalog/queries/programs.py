"""How programs and decisions came out: failed, truncated and looping programs, and documents by keep probability.

Belongs here: questions about what refiners answered. Not here: what the answers did to texts (removals.py).
"""

from typing import TYPE_CHECKING

from prox_assets.catalog.queries.scope import EVERYTHING, Scope
from prox_assets.catalog.sql import one_of
from prox_assets.lake.schemas import KEPT_OUTCOMES
from prox_assets.programs import EditStatus

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

EXAMPLES = 5
BINS = 20

_IS_ERROR = one_of("status", [status for status in EditStatus if status.is_error])

# As shard_metrics counts them (monitoring/shard_metrics.py): a program is refused as a whole when its sound operations
# say so, or, where it has none, when its errors reach the limit of the policy it was executed under.
_BAD_PROGRAMS = f"""
    limits AS (
        SELECT corpus, shard, any_value(json_extract(configuration, '$.policy.error_limit')::BIGINT) AS error_limit
        FROM policies GROUP BY corpus, shard
    ), marked AS (
        SELECT corpus, shard, doc_id, chunk_index,
            bool_or(status = '{EditStatus.PROGRAM_REJECTED}')
                OR count(*) FILTER ({_IS_ERROR}) >= any_value(error_limit) AS failed,
            bool_or(status = '{EditStatus.LOOPED}') AS looping,
            string_agg(DISTINCT status, ', ' ORDER BY status) FILTER ({_IS_ERROR}) AS errors
        FROM (SELECT * FROM edits WHERE {{condition}}) JOIN limits USING (corpus, shard)
        GROUP BY corpus, shard, doc_id, chunk_index
    ), bad AS (
        SELECT c.corpus, c.shard, c.doc_id, c.chunk_index, c.refiner, c.program, c.finish_reason, m.errors,
            unnest(list_concat(
                CASE WHEN m.failed THEN ['failed'] ELSE [] END,
                CASE WHEN c.finish_reason = 'length' THEN ['truncated'] ELSE [] END,
                CASE WHEN m.looping THEN ['looping'] ELSE [] END,
                CASE WHEN c.error IS NOT NULL THEN ['no answer'] ELSE [] END
            )) AS problem, c.error
        FROM (SELECT * FROM chunk_programs WHERE {{condition}}) c
        LEFT JOIN marked m USING (corpus, shard, doc_id, chunk_index)
    )
"""


def bad_programs(con: "DuckDBPyConnection", scope: Scope = EVERYTHING) -> "pl.DataFrame":
    """Return how many chunk programs failed, were truncated or looped, by refiner, against all chunks that were shown.

    A program may have several problems. `failed`: refused as a whole; `truncated`: cut off by the token limit;
    `looping`: the same call over and over; `no answer`: inference kept failing.

    Returns:
        corpus, refiner (fingerprint), problem, programs, share (of the refiner's chunks shown to the model).
    """
    condition, parameters = scope.of_documents()
    query = f"""
        WITH {_BAD_PROGRAMS.format(condition=condition)}, shown AS (
            SELECT corpus, refiner, count(*) AS chunks FROM chunk_programs
            WHERE skip_reason IS NULL AND {condition} GROUP BY ALL
        )
        SELECT corpus, refiner, problem, count(*) AS programs, count(*) / any_value(chunks) AS share
        FROM bad JOIN shown USING (corpus, refiner) GROUP BY corpus, refiner, problem
        ORDER BY corpus, programs DESC, refiner, problem
    """
    return con.sql(query, params=parameters * 3).pl()


def bad_program_examples(con: "DuckDBPyConnection", scope: Scope = EVERYTHING, limit: int = EXAMPLES) -> "pl.DataFrame":
    """Return examples of each problem of `bad_programs`, the shortest programs first: they are read fastest.

    Returns:
        corpus, problem, shard, doc_id, chunk_index, errors (the statuses that speak against the program, or why there
        is no answer), program (verbatim; hostile text).
    """
    condition, parameters = scope.of_documents()
    query = f"""
        WITH {_BAD_PROGRAMS.format(condition=condition)}
        SELECT corpus, problem, shard, doc_id, chunk_index, coalesce(error, errors) AS errors, program
        FROM bad
        QUALIFY row_number() OVER (PARTITION BY corpus, problem ORDER BY length(program), doc_id, chunk_index) <= ?
        ORDER BY corpus, problem, length(program), doc_id, chunk_index
    """
    return con.sql(query, params=[*parameters, *parameters, limit]).pl()


def keep_probabilities(con: "DuckDBPyConnection", scope: Scope = EVERYTHING, bins: int = BINS) -> "pl.DataFrame":
    """Return scored documents by keep probability.

    Returns:
        corpus, from_probability, to_probability (the last bin includes 1), documents, kept, characters_in, example (a
        doc_id); bins without documents are left out.
    """
    condition, parameters = scope.of_documents()
    query = f"""
        WITH scored AS (
            SELECT corpus, shard, source_row, doc_id, least(floor(keep_probability * ?), ? - 1) AS bin
            FROM doc_programs WHERE keep_probability IS NOT NULL AND {condition}
        ), fates AS (
            SELECT corpus, shard, source_row, outcome, characters_before FROM outcomes WHERE {condition}
        )
        SELECT corpus, bin / ? AS from_probability, (bin + 1) / ? AS to_probability, count(*) AS documents,
            count(*) FILTER ({one_of("outcome", KEPT_OUTCOMES)}) AS kept,
            CAST(sum(characters_before) AS BIGINT) AS characters_in, min(doc_id) AS example
        FROM scored LEFT JOIN fates USING (corpus, shard, source_row)
        GROUP BY corpus, bin ORDER BY corpus, bin
    """
    return con.sql(query, params=[bins, bins, *parameters, *parameters, bins, bins]).pl()
