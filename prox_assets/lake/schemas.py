"""The tables of the lake: one Arrow schema each.

Belongs here: column names, types and what a column means. Every table has one file per shard; rows are in the order of
`source_row`, so that readers of two tables can walk them side by side without loading either.

A changed column means a new SCHEMA_VERSION, which is written into every file; readers refuse one they do not know.
"""

from enum import StrEnum

import pyarrow as pa

SCHEMA_VERSION = 1


class Table(StrEnum):
    """Names of the lake's tables, also their folder names."""

    SHARDS = "shards"
    DOCUMENTS = "documents"
    REJECTS = "rejects"
    DOC_PROGRAMS = "doc_programs"
    CHUNK_PROGRAMS = "chunk_programs"
    REFINED = "refined"
    OUTCOMES = "outcomes"
    EDITS = "edits"
    POLICIES = "policies"
    SHARD_METRICS = "shard_metrics"
    SHARD_METRICS_HISTORY = "shard_metrics_history"


class Outcome(StrEnum):
    """What became of a document; every document of a shard has exactly one."""

    KEPT_UNCHANGED = "kept_unchanged"
    KEPT_EDITED = "kept_edited"
    DROPPED_BY_DOCUMENT = "dropped_by_document"
    DROPPED_BY_CHUNKS = "dropped_by_chunks"
    QUARANTINED = "quarantined"


KEPT_OUTCOMES = (Outcome.KEPT_UNCHANGED, Outcome.KEPT_EDITED)

# Tables that one execution writes together: their rows carry its execution_id, and the shard's manifest names it.
EXECUTION_TABLES = (Table.REFINED, Table.OUTCOMES, Table.EDITS)

_PLACE = [("corpus", pa.string()), ("shard", pa.string())]
_RUN = [("run_id", pa.string()), ("code_version", pa.string())]
_DOCUMENT = [*_PLACE, ("doc_id", pa.string()), ("source_row", pa.int64())]
_EXECUTION = [("execution_id", pa.string()), *_RUN]

_COUNT = pa.int64()


def _schema(*fields: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in fields])


SCHEMAS: dict[Table, pa.Schema] = {
    Table.SHARDS: _schema(
        *_PLACE,
        ("url", pa.string()),
        ("source_file", pa.string()),
        ("format", pa.string()),
        ("row_start", pa.int64()),  # null: from the first row
        ("row_end", pa.int64()),  # exclusive; null: to the last row
        ("etag", pa.string()),  # the store's content tag, or the modification time
        ("bytes", pa.int64()),
        ("rows", pa.int64()),  # rows in the shard, rejects included; null until counted
        ("file_rows", pa.int64()),  # rows in the whole file; null until counted
        *_RUN,
    ),
    Table.DOCUMENTS: _schema(
        *_DOCUMENT,
        ("text", pa.large_string()),
        ("url", pa.string()),
        ("source_file", pa.string()),
        ("metadata", pa.large_string()),  # JSON object of the native columns
        ("text_hash", pa.string()),
        *_RUN,
    ),
    Table.REJECTS: _schema(
        *_PLACE,
        ("source_file", pa.string()),
        ("source_row", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("excerpt", pa.string()),
        *_RUN,
    ),
    Table.DOC_PROGRAMS: _schema(
        *_DOCUMENT,
        ("text_hash", pa.string()),
        ("program", pa.large_string()),  # verbatim; null where the decision was scored
        ("keep_probability", pa.float64()),  # null where it was generated
        ("prompt_tokens", pa.int32()),
        ("completion_tokens", pa.int32()),
        ("truncated", pa.bool_()),  # only the head of the document was shown
        ("finish_reason", pa.string()),
        ("error", pa.string()),  # why inference failed for this document, after its retries
        ("refiner", pa.string()),  # fingerprint
        *_RUN,
    ),
    Table.CHUNK_PROGRAMS: _schema(
        *_DOCUMENT,
        ("text_hash", pa.string()),
        ("chunk_index", pa.int32()),
        ("line_start", pa.int64()),  # 0-based, inclusive, of the document
        ("line_end", pa.int64()),
        ("program", pa.large_string()),
        ("line_keep_probabilities", pa.list_(pa.float32())),
        ("prompt_tokens", pa.int32()),
        ("completion_tokens", pa.int32()),
        ("finish_reason", pa.string()),
        ("skip_reason", pa.string()),
        ("error", pa.string()),
        ("refiner", pa.string()),
        *_RUN,
    ),
    Table.REFINED: _schema(
        *_DOCUMENT,
        ("text", pa.large_string()),
        ("url", pa.string()),
        ("metadata", pa.large_string()),
        ("raw_hash", pa.string()),
        ("refined_hash", pa.string()),
        *_EXECUTION,
    ),
    Table.OUTCOMES: _schema(
        *_DOCUMENT,
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("characters_before", _COUNT),
        ("characters_after", _COUNT),
        ("lines_before", _COUNT),
        ("lines_after", _COUNT),
        ("operations_applied", _COUNT),
        ("operations_failed", _COUNT),
        *_EXECUTION,
    ),
    Table.EDITS: _schema(
        *_DOCUMENT,
        ("chunk_index", pa.int32()),
        ("position", pa.int32()),  # of the operation in its program
        ("operation", pa.string()),
        ("arguments", pa.large_string()),  # JSON
        ("status", pa.string()),
        ("characters_removed", _COUNT),
        ("characters_added", _COUNT),
        *_EXECUTION,
    ),
    Table.POLICIES: _schema(
        *_PLACE,
        ("execution_fingerprint", pa.string()),
        ("configuration", pa.large_string()),  # JSON: policy and both refiners, enough for trace and replay
        ("execution_id", pa.string()),
        *_RUN,
    ),
}

_METRICS = _schema(
    *_PLACE,
    ("measured_at", pa.timestamp("us", tz="UTC")),
    ("doc_refiner", pa.string()),
    ("chunk_refiner", pa.string()),
    ("execution_fingerprint", pa.string()),
    ("rows_rejected", _COUNT),
    ("documents_in", _COUNT),
    *[(outcome.value, _COUNT) for outcome in Outcome],
    ("documents_out", _COUNT),
    ("characters_in", _COUNT),
    ("characters_out", _COUNT),
    ("tokens_in", _COUNT),  # with the refiner's tokenizer where it has one, else null
    ("tokens_out", _COUNT),
    ("words_in", _COUNT),
    ("words_out", _COUNT),
    ("lines_in", _COUNT),
    ("lines_out", _COUNT),
    ("character_retention", pa.float64()),
    ("drop_rate", pa.float64()),
    ("keep_probability_histogram", pa.list_(_COUNT)),  # 20 equal bins over [0, 1]
    ("operations", pa.list_(pa.struct([("operation", pa.string()), ("status", pa.string()), ("count", _COUNT)]))),
    ("chunks", _COUNT),
    ("chunks_skipped", _COUNT),
    ("programs_failed", _COUNT),  # programs that could not be read or were refused as a whole
    ("programs_truncated", _COUNT),  # cut off by the token limit
    ("programs_looping", _COUNT),  # the same call over and over
    ("lines_removed", _COUNT),
    ("characters_removed", _COUNT),
    ("document_characters_in_quantiles", pa.list_(pa.float64())),  # p05 p25 p50 p75 p95
    ("document_characters_out_quantiles", pa.list_(pa.float64())),
    ("signals_in", pa.list_(pa.struct([("signal", pa.string()), ("mean", pa.float64())]))),
    ("signals_out", pa.list_(pa.struct([("signal", pa.string()), ("mean", pa.float64())]))),
    ("doc_prompt_tokens", _COUNT),
    ("doc_completion_tokens", _COUNT),
    ("chunk_prompt_tokens", _COUNT),
    ("chunk_completion_tokens", _COUNT),
    ("doc_engine_seconds", pa.float64()),
    ("chunk_engine_seconds", pa.float64()),
    ("prompt_tokens_per_second", pa.float64()),
    ("execution_id", pa.string()),
    *_RUN,
)
SCHEMAS[Table.SHARD_METRICS] = _METRICS
SCHEMAS[Table.SHARD_METRICS_HISTORY] = _METRICS
