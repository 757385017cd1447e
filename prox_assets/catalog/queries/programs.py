"""What refiners answered: failed, reverted, truncated and looping programs, and documents by keep probability.

What the answers did to texts is in removals.py.
"""

from typing import TYPE_CHECKING

from prox_assets.catalog.queries.scope import EVERYTHING, Scope
from prox_assets.catalog.sql_parts import one_of
from prox_assets.lake.schemas import KEPT_OUTCOMES, Outcome
from prox_assets.programs import REFUSALS, EditStatus, Verdict

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

EXAMPLES = 5
BINS = 20

UNKNOWN = "unknown verdict"

_IS_ERROR = one_of("status", [status for status in EditStatus if status.is_error])
_EXECUTED = one_of("outcome", [*KEPT_OUTCOMES, Outcome.DROPPED_BY_CHUNKS])

# The execution records whether a program was rejected as a whole; executions of an earlier release did not.
_BAD_PROGRAMS = f"""
    said AS (
        SELECT corpus, shard, doc_id, chunk_index, verdict FROM chunk_outcomes WHERE {{condition}}
    ), executed AS (
        SELECT corpus, shard, doc_id, true AS executed FROM outcomes WHERE {_EXECUTED} AND {{condition}}
    ), marked AS (
        SELECT corpus, shard, doc_id, chunk_index,
            bool_or(status = '{EditStatus.LOOPED}') AS looping,
            string_agg(DISTINCT status, ', ' ORDER BY status) FILTER ({_IS_ERROR}) AS errors
        FROM edits WHERE {{condition}} GROUP BY ALL
    ), asked AS (
        SELECT c.*, m.errors, m.looping, {one_of("s.verdict", REFUSALS)} AS failed,
            s.verdict = '{Verdict.REVERTED}' AS reverted, e.executed AND s.verdict IS NULL AS unknown
        FROM (SELECT * FROM chunk_programs WHERE skip_reason IS NULL AND {{condition}}) c
        LEFT JOIN said s USING (corpus, shard, doc_id, chunk_index)
        LEFT JOIN marked m USING (corpus, shard, doc_id, chunk_index)
        LEFT JOIN executed e USING (corpus, shard, doc_id)
    ), bad AS (
        SELECT corpus, shard, doc_id, chunk_index, refiner, program, errors,
            unnest(list_concat(
                CASE WHEN failed THEN ['failed'] ELSE [] END,
                CASE WHEN reverted THEN ['reverted'] ELSE [] END,
                CASE WHEN finish_reason = 'length' THEN ['truncated'] ELSE [] END,
                CASE WHEN looping THEN ['looping'] ELSE [] END,
                CASE WHEN error IS NOT NULL THEN ['no answer'] ELSE [] END,
                CASE WHEN unknown THEN ['{UNKNOWN}'] ELSE [] END
            )) AS problem, error
        FROM asked
    )
"""
_CONDITIONS = 4


def bad_programs(con: "DuckDBPyConnection", scope: Scope = EVERYTHING) -> "pl.DataFrame":
    """Return how many chunk programs had which problem, per refiner, as a share of all chunks shown.

    A program may have several. `failed`: the executor rejected it as a whole; `reverted`: its changes were taken back,
    since too little of the document would have been left; `truncated`: cut off by the token limit; `looping`: the same
    call over and over; `no answer`: inference kept failing; `unknown verdict`: an earlier release executed it, so
    whether it failed is unknown until refined_shards is run again.

    Returns:
        corpus, refiner (fingerprint), problem, programs, share (of the refiner's chunks shown to the model; for
        `failed`, chunks with an unknown verdict are left out).
    """
    condition, parameters = scope.of_documents()
    query = f"""
        WITH {_BAD_PROGRAMS.format(condition=condition)}, shown AS (
            SELECT corpus, refiner, count(*) AS chunks, count(*) FILTER (unknown) AS unknown
            FROM asked GROUP BY corpus, refiner
        )
        SELECT corpus, refiner, problem, count(*) AS programs,
            count(*) / (any_value(chunks) - CASE WHEN problem = 'failed' THEN any_value(unknown) ELSE 0 END) AS share
        FROM bad JOIN shown USING (corpus, refiner) GROUP BY corpus, refiner, problem
        ORDER BY corpus, programs DESC, refiner, problem
    """
    return con.sql(query, params=parameters * _CONDITIONS).pl()


def bad_program_examples(con: "DuckDBPyConnection", scope: Scope = EVERYTHING, limit: int = EXAMPLES) -> "pl.DataFrame":
    """Return examples of each problem of `bad_programs`, the shortest programs first, as they are quickest to read.

    Returns:
        corpus, problem, shard, doc_id, chunk_index, errors (the statuses that count as errors, or why there is no
        answer), program (verbatim, so untrusted text).
    """
    condition, parameters = scope.of_documents()
    query = f"""
        WITH {_BAD_PROGRAMS.format(condition=condition)}
        SELECT corpus, problem, shard, doc_id, chunk_index, coalesce(error, errors) AS errors, program
        FROM bad WHERE problem <> '{UNKNOWN}'
        QUALIFY row_number() OVER (PARTITION BY corpus, problem ORDER BY length(program), doc_id, chunk_index) <= ?
        ORDER BY corpus, problem, length(program), doc_id, chunk_index
    """
    return con.sql(query, params=[*parameters * _CONDITIONS, limit]).pl()


def keep_probabilities(con: "DuckDBPyConnection", scope: Scope = EVERYTHING, bins: int = BINS) -> "pl.DataFrame":
    """Return scored documents by keep probability; values outside [0, 1], NaN among them, decided nothing.

    Returns:
        corpus, from_probability, to_probability (the last bin includes 1), documents_in, documents_out,
        characters_in, example (a doc_id); bins without documents are left out.
    """
    condition, parameters = scope.of_documents()
    query = f"""
        WITH scored AS (
            SELECT corpus, shard, source_row, doc_id, least(floor(keep_probability * ?), ? - 1) AS bin
            FROM doc_programs WHERE keep_probability BETWEEN 0 AND 1 AND {condition}
        ), fates AS (
            SELECT corpus, shard, source_row, outcome, characters_before FROM outcomes WHERE {condition}
        )
        SELECT corpus, bin / ? AS from_probability, (bin + 1) / ? AS to_probability, count(*) AS documents_in,
            count(*) FILTER ({one_of("outcome", KEPT_OUTCOMES)}) AS documents_out,
            CAST(sum(characters_before) AS BIGINT) AS characters_in, min(doc_id) AS example
        FROM scored LEFT JOIN fates USING (corpus, shard, source_row)
        GROUP BY corpus, bin ORDER BY corpus, bin
    """
    return con.sql(query, params=[bins, bins, *parameters, *parameters, bins, bins]).pl()
