"""What refinement removed: the lines and strings removed most often, and the biggest edits.

These queries need texts, so they open the shards that they are about.
"""

from typing import TYPE_CHECKING

from prox_assets.catalog.queries.breakdowns import SITE
from prox_assets.catalog.queries.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

LIMIT = 50

# An execution records which lines each program removed. Executions of an earlier release did not: their ranges come
# from the edits, whose lines are numbered as in the program (through the document, or from 0 in each chunk).
_REMOVED_LINES = """
    said AS (
        SELECT corpus, shard, doc_id, source_row, removed_lines FROM chunk_outcomes WHERE {condition}
    ), removals AS (
        SELECT corpus, shard, doc_id, source_row, chunk_index,
            json_extract(arguments, '$.line_start')::BIGINT AS first,
            json_extract(arguments, '$.line_end')::BIGINT AS last
        FROM edits WHERE operation = 'remove_lines' AND status = 'applied' AND {condition}
            AND (corpus, shard) NOT IN (SELECT (corpus, shard) FROM said)
    ), rules AS (
        SELECT corpus, shard, any_value(json_extract_string(configuration, '$.policy.line_numbers')) AS line_numbers,
            any_value(json_extract_string(configuration, '$.policy.mode')) AS mode
        FROM policies GROUP BY corpus, shard
    ), chunks AS (
        -- What a program reaches: its chunk, or in reference mode the document.
        SELECT c.corpus, c.shard, c.source_row, c.chunk_index,
            CASE WHEN r.mode = 'reference' THEN 0 ELSE c.line_start END AS line_start,
            CASE WHEN r.mode = 'reference' THEN o.lines_before - 1 ELSE c.line_end END AS line_end,
            CASE WHEN r.line_numbers = 'chunk' THEN c.line_start ELSE 0 END AS line_zero
        FROM (SELECT * FROM chunk_programs WHERE {condition}) c
        JOIN outcomes o USING (corpus, shard, source_row) JOIN rules r USING (corpus, shard)
    ), ranges AS (
        SELECT corpus, shard, doc_id, source_row, lines.line_start AS first, lines.line_end AS last
        FROM (SELECT corpus, shard, doc_id, source_row, unnest(removed_lines) AS lines FROM said)
        UNION ALL
        SELECT r.corpus, r.shard, r.doc_id, r.source_row,
            greatest(c.line_start, coalesce(r.first + c.line_zero, c.line_start)),
            least(c.line_end, coalesce(r.last + c.line_zero, c.line_end))
        FROM removals r JOIN chunks c USING (corpus, shard, source_row, chunk_index)
    ), numbers AS (
        -- Two operations may remove the same line. A text is split once, not once for each of its lines.
        SELECT corpus, shard, doc_id, source_row, list_distinct(flatten(list(range(first + 1, last + 2)))) AS lines
        FROM ranges GROUP BY ALL
    ), removed AS (
        SELECT n.corpus, n.shard, n.doc_id, d.url,
            trim(unnest(list_select(string_split(d.text, chr(10)), n.lines))) AS text
        FROM numbers n JOIN documents d USING (corpus, shard, source_row)
    )
"""


def removed_lines(con: "DuckDBPyConnection", scope: Scope = EVERYTHING, limit: int = LIMIT) -> "pl.DataFrame":
    """Return the lines that programs removed most often, without blank ones.

    Lines of documents that were later dropped count too, because the refiner removed them as well.

    Returns:
        text (trimmed), times, documents, sites (of the documents), example (a doc_id); most first.
    """
    condition, parameters = scope.of_documents()
    query = f"""
        WITH {_REMOVED_LINES.format(condition=condition)}
        SELECT text, count(*) AS times, count(DISTINCT doc_id) AS documents, count(DISTINCT {SITE}) AS sites,
            min(doc_id) AS example
        FROM removed WHERE text <> ''
        GROUP BY text ORDER BY documents DESC, times DESC, text LIMIT ?
    """
    return con.sql(query, params=[*parameters * 3, limit]).pl()


def removed_strings(con: "DuckDBPyConnection", scope: Scope = EVERYTHING, limit: int = LIMIT) -> "pl.DataFrame":
    """Return the strings inside lines that programs replaced or removed most often.

    Returns:
        source, target ("" where it was removed), operations, documents, characters_removed, characters_added, example
        (a doc_id); most first.
    """
    condition, parameters = scope.of_documents()
    query = f"""
        SELECT json_extract_string(arguments, '$.source_str') AS source,
            json_extract_string(arguments, '$.target_str') AS target,
            count(*) AS operations, count(DISTINCT doc_id) AS documents,
            CAST(sum(characters_removed) AS BIGINT) AS characters_removed,
            CAST(sum(characters_added) AS BIGINT) AS characters_added, min(doc_id) AS example
        FROM edits WHERE operation IN ('normalize', 'replace_in_line') AND status = 'applied' AND {condition}
        GROUP BY source, target ORDER BY documents DESC, operations DESC, source, target LIMIT ?
    """
    return con.sql(query, params=[*parameters, limit]).pl()


def biggest_edits(con: "DuckDBPyConnection", scope: Scope = EVERYTHING, limit: int = LIMIT) -> "pl.DataFrame":
    """Return the kept documents that lost the largest share of their text.

    Returns:
        corpus, shard, doc_id, url, characters_before, characters_after, removed_share, operations_applied.
    """
    condition, parameters = scope.of_documents()
    query = f"""
        WITH edited AS (
            SELECT *, 1 - characters_after / characters_before AS removed_share
            FROM outcomes WHERE outcome = 'kept_edited' AND characters_before > 0 AND {condition}
            ORDER BY removed_share DESC, doc_id LIMIT ?
        )
        SELECT e.corpus, e.shard, e.doc_id, d.url, e.characters_before, e.characters_after, e.removed_share,
            e.operations_applied
        FROM edited e JOIN documents d USING (corpus, shard, source_row)
        ORDER BY e.removed_share DESC, e.doc_id
    """
    return con.sql(query, params=[*parameters, limit]).pl()
