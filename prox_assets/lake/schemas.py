"""The tables of the lake: one Arrow schema each, every column with a description.

Every table that a step writes has one file per shard. Its rows are in the order of `source_row`, so readers can walk
two tables side by side without loading either.

Changing or removing a column requires a new SCHEMA_VERSION. Every file records its version, and readers reject versions
they do not know. Adding a column that may be null keeps the version: readers return null where an older file lacks it
(`ADDED_COLUMNS`). Renaming one keeps it too: readers find the values under the old name (`RENAMED_COLUMNS`). A new
version would also make every stored program unreadable.
"""

from enum import StrEnum

import pyarrow as pa

from prox_assets.programs import REFUSALS, Outcome, Verdict

SCHEMA_VERSION = 1


class Table(StrEnum):
    """The lake's tables; each name is also the table's folder name."""

    SHARDS = "shards"
    DOCUMENTS = "documents"
    REJECTS = "rejects"
    DOC_PROGRAMS = "doc_programs"
    CHUNK_PROGRAMS = "chunk_programs"
    REFINED = "refined"
    OUTCOMES = "outcomes"
    CHUNK_OUTCOMES = "chunk_outcomes"
    EDITS = "edits"
    POLICIES = "policies"
    SHARD_METRICS = "shard_metrics"
    SHARD_METRICS_HISTORY = "shard_metrics_history"
    JUDGEMENTS = "judgements"
    """Written by people, one small file per judgement or fold (records/judgements.py); most tables have one a shard."""
    COMPUTE = "compute"
    """One small file per attempt or fold (records/compute.py)."""


class Judgement(StrEnum):
    """What a person says about the refinement of a document."""

    GOOD_EDIT = "good_edit"
    BAD_EDIT = "bad_edit"
    SHOULD_DROP = "should_drop"
    SHOULD_KEEP = "should_keep"


KEPT_OUTCOMES = (Outcome.KEPT_UNCHANGED, Outcome.KEPT_EDITED)

# Tables that one execution writes together: their rows carry its execution_id, and the shard's manifest names it.
# Executions of an earlier release have no chunk_outcomes file, so their verdicts and removed lines are unknown.
EXECUTION_TABLES = (Table.REFINED, Table.OUTCOMES, Table.CHUNK_OUTCOMES, Table.EDITS)

Column = tuple[str, pa.DataType, str]

_TEXT = pa.large_string()  # a row group of raw text can pass the 2 GiB of pa.string()
_NAME = pa.string()
_COUNT = pa.int64()
_TIME = pa.timestamp("us", tz="UTC")
_REAL = pa.float64()
_REALS = pa.list_(_REAL)
_NAMED_MEANS = pa.list_(pa.struct([("signal", _NAME), ("mean", _REAL)]))
_NAMED_COUNTS = pa.list_(pa.struct([("operation", _NAME), ("status", _NAME), ("count", _COUNT)]))
_COUNTS = pa.list_(_COUNT)
_LINE_RANGES = pa.list_(pa.struct([("line_start", _COUNT), ("line_end", _COUNT)]))
# residual: sum over documents of (tokens - characters * total tokens / total characters) squared.
_PROMPTED = pa.struct([("documents", _COUNT), ("tokens", _COUNT), ("characters", _COUNT), ("residual", _REAL)])
_FILE = [("source_file", _NAME), ("bytes", _COUNT), ("etag", _NAME), ("first_row", _COUNT), ("gone_since", _TIME)]
_FILES = pa.list_(pa.struct(_FILE))
_LANGUAGE_COUNTS = pa.list_(pa.struct([("language", _NAME), ("count", _COUNT)]))

_PLACE: list[Column] = [
    ("corpus", _NAME, "Corpus name."),
    ("shard", _NAME, "Shard key, also the partition key."),
]
_RUN: list[Column] = [
    ("run_id", _NAME, "Run that wrote the row."),
    ("code_version", _NAME, "Version of prox_assets that wrote it."),
]
_DOCUMENT: list[Column] = [
    *_PLACE,
    ("doc_id", _NAME, "Hash of corpus, source file and row; survives every re-run."),
    (
        "source_row",
        _COUNT,
        "Row in the source file, 0-based, counting rejected ones; in a shard of many files, they are counted as one.",
    ),
]
_EXECUTION: list[Column] = [
    ("execution_id", _NAME, "Execution that wrote the row; the shard's manifest names the one that counts."),
    *_RUN,
]
_TEXT_HASH: Column = ("text_hash", _NAME, "Hash of the raw text, 32 hex digits.")
_PROMPT_TOKENS: Column = ("prompt_tokens", pa.int32(), "Tokens shown to the model.")
_COMPLETION_TOKENS: Column = ("completion_tokens", pa.int32(), "Tokens it generated.")
_FINISH: Column = ("finish_reason", _NAME, "stop, length (cut off by the token limit), scored, skipped or error.")
_ERROR: Column = ("error", _NAME, "Why inference failed for this document after its retries, or null.")
_REFINER: Column = ("refiner", _NAME, "Inference fingerprint of the refiner.")
_URL: Column = ("url", _NAME, "Address of the page, where the format has one.")
_METADATA: Column = ("metadata", _TEXT, "The other native columns, as a JSON object.")

_COLUMNS: dict[Table, list[Column]] = {
    Table.SHARDS: [
        *_PLACE,
        ("url", _NAME, "Where the raw file is; of many files, the first."),
        ("source_file", _NAME, "Its path relative to the corpus's glob root; see `files`."),
        ("format", _NAME, "Configured format of the corpus."),
        ("row_start", _COUNT, "First physical row of the shard; null for a whole file."),
        ("row_end", _COUNT, "Row after the last one; null for a whole file."),
        ("etag", _NAME, "The store's content tag, or the time of the last change; of many files, a hash over all."),
        ("bytes", _COUNT, "Size of the raw file, or of all files."),
        ("rows", _COUNT, "Rows in the shard, rejects included; null until counted."),
        ("file_rows", _COUNT, "Rows in the whole file; null until counted."),
        ("gone_since", _TIME, "When a listing first missed the raw file, in UTC; null while the source has it."),
        ("byte_start", _COUNT, "Where the rows begin in an uncompressed JSON file that was cut by size; else null."),
        ("byte_end", _COUNT, "Where they end; else null."),
        (
            "files",
            _FILES,
            "The files of a shard of many, else null; first_row is the source_row at which a file begins, so that its "
            "own row is source_row - first_row.",
        ),
        *_RUN,
    ],
    Table.DOCUMENTS: [
        *_DOCUMENT,
        ("text", _TEXT, "Raw text."),
        _URL,
        ("source_file", _NAME, "Path of the raw file relative to the corpus's glob root."),
        _METADATA,
        _TEXT_HASH,
        *_RUN,
    ],
    Table.REJECTS: [
        *_PLACE,
        ("source_file", _NAME, "Path of the raw file relative to the corpus's glob root."),
        ("source_row", _COUNT, "Physical 0-based row; in a shard of many files, they are counted as one."),
        ("reason", _NAME, "Why the row could not become a document, one of a closed set."),
        ("detail", _NAME, "What was wrong."),
        ("excerpt", _NAME, "Beginning of the row, made printable."),
        *_RUN,
    ],
    Table.DOC_PROGRAMS: [
        *_DOCUMENT,
        _TEXT_HASH,
        ("program", _TEXT, "Emitted program, verbatim; null where the decision was scored."),
        ("keep_probability", _REAL, "P(keep) against P(drop); null where a program was generated."),
        _PROMPT_TOKENS,
        _COMPLETION_TOKENS,
        ("truncated", pa.bool_(), "Only the head of the document was shown."),
        _FINISH,
        ("skip_reason", _NAME, "Why the document was not shown to the refiner, or null."),
        _ERROR,
        (
            "classifier_keep_probability",
            _REAL,
            "In a cascade, P(keep) by its classifier; it decided alone where prompt_tokens is 0. Else null.",
        ),
        _REFINER,
        *_RUN,
    ],
    Table.CHUNK_PROGRAMS: [
        *_DOCUMENT,
        _TEXT_HASH,
        ("chunk_index", pa.int32(), "0-based position of the chunk in its document."),
        ("line_start", _COUNT, "First line of the chunk, 0-based, of the document."),
        ("line_end", _COUNT, "Last line of the chunk, inclusive."),
        ("program", _TEXT, "Emitted program, verbatim; scored: edits inside lines or null; skipped: null."),
        ("line_keep_probabilities", pa.list_(pa.float32()), "P(keep) per line of the chunk, where lines are scored."),
        _PROMPT_TOKENS,
        _COMPLETION_TOKENS,
        _FINISH,
        ("skip_reason", _NAME, "Why the chunk was not shown to the model, or null."),
        _ERROR,
        (
            "classifier_keep_probabilities",
            pa.list_(pa.float32()),
            "In a cascade, P(keep) per line by its classifier; it decided alone where prompt_tokens is 0. Else null.",
        ),
        _REFINER,
        *_RUN,
    ],
    Table.REFINED: [
        *_DOCUMENT,
        ("text", _TEXT, "Refined text."),
        _URL,
        _METADATA,
        ("raw_hash", _NAME, "Hash of the raw text."),
        ("refined_hash", _NAME, "Hash of the refined text."),
        *_EXECUTION,
    ],
    Table.OUTCOMES: [
        *_DOCUMENT,
        ("outcome", _NAME, "What became of the document: " + ", ".join(Outcome) + "."),
        ("reason", _NAME, "Why, where there is more to say."),
        ("characters_before", _COUNT, "Characters of the raw text."),
        ("characters_after", _COUNT, "Characters of the refined text; 0 if not kept."),
        ("lines_before", _COUNT, "Lines of the raw text."),
        ("lines_after", _COUNT, "Lines of the refined text; 0 if not kept."),
        ("operations_applied", _COUNT, "Operations that changed something."),
        ("operations_failed", _COUNT, "Operations that asked for a change that could not be made."),
        *_EXECUTION,
    ],
    Table.CHUNK_OUTCOMES: [
        *_DOCUMENT,
        ("chunk_index", pa.int32(), "Chunk of a document whose chunk programs were executed."),
        ("verdict", _NAME, "The executor's verdict on its program as a whole: " + ", ".join(Verdict) + "."),
        ("removed_lines", _LINE_RANGES, "Lines of the document that it removed: (first, last), 0-based, inclusive."),
        *_EXECUTION,
    ],
    Table.EDITS: [
        *_DOCUMENT,
        ("chunk_index", pa.int32(), "Chunk whose program contains the operation."),
        ("position", pa.int32(), "0-based place in that program."),
        ("operation", _NAME, "remove_lines, normalize, keep_chunk, ... or unparsed."),
        ("arguments", _TEXT, "Its arguments, as a JSON object."),
        ("status", _NAME, "applied, or why not."),
        ("characters_removed", _COUNT, "Characters that it removed, line breaks included."),
        ("characters_added", _COUNT, "Characters that it inserted."),
        *_EXECUTION,
    ],
    Table.POLICIES: [
        *_PLACE,
        ("execution_fingerprint", _NAME, "Fingerprint of the execution policy."),
        ("configuration", _TEXT, "JSON of policy and refiners: what trace and replay need."),
        *_EXECUTION,
    ],
}

_COLUMNS[Table.JUDGEMENTS] = [
    *_DOCUMENT,
    ("judged_at", pa.timestamp("us", tz="UTC"), "When, in UTC; a person's latest judgement on a document counts."),
    ("judge", _NAME, "Who, as they call themselves: nobody checks it."),
    ("judgement", _NAME, "What they say: " + ", ".join(Judgement) + "."),
    ("note", _TEXT, "Their own words, or null."),
    ("outcome", _NAME, "What had become of the document; null where it was not executed yet, like the next five."),
    ("refined_hash", _NAME, "Hash of the refined text that they saw; null if the document was not kept."),
    ("doc_refiner", _NAME, "Inference fingerprint of the document refiner."),
    ("chunk_refiner", _NAME, "Inference fingerprint of the chunk refiner."),
    ("execution_fingerprint", _NAME, "Fingerprint of the execution policy."),
    ("execution_id", _NAME, "Execution whose result they saw."),
    _TEXT_HASH,
    ("code_version", _NAME, "Version of prox_assets that showed it."),
]

_COLUMNS[Table.COMPUTE] = [
    ("corpus", _NAME, "Corpus; of a training, the proof or the refiner lab that it belongs to."),
    ("shard", _NAME, "Shard; of a training, the name of what is trained."),
    ("attempt", _NAME, "Identifies the attempt."),
    ("stage", _NAME, "Step that was attempted."),
    ("model", _NAME, "Name of the refiner that was asked, or of the model that was trained."),
    ("refiner", _NAME, "Inference fingerprint of the refiner; null for a training."),
    ("device", _NAME, "What it ran on, such as NVIDIA H100 80GB HBM3; of processors with the number of threads."),
    ("devices", _COUNT, "How many of them; all threads of a machine are one."),
    ("started_at", _TIME, "When the attempt began, in UTC."),
    ("recorded_at", _TIME, "When the row was written: at the beginning, and again at the end."),
    ("seconds", _REAL, "Wall time, loading the model included; null as long as it is not known."),
    ("engine_seconds", _REAL, "Of it, the time that the model worked, as far as it is told apart."),
    ("prompt_tokens", _COUNT, "Tokens that the model was shown, also for results that were lost."),
    ("generated_tokens", _COUNT, "Tokens that it generated."),
    ("training_tokens", _COUNT, "Tokens that it was trained on, repeats counted."),
    ("parameters", _COUNT, "Parameters of the model; 0 without a language model, null if unknown."),
    ("parameters_without_embeddings", _COUNT, "The same without input and output embeddings: N of the formulas."),
    (
        "trained_parameters",
        _COUNT,
        "Of these, those that were trained, where that is not all of them (an adapter); else null.",
    ),
    ("flops", _REAL, "Floating-point operations: 2 N per token of inference, 6 N per token of training."),
    ("succeeded", pa.bool_(), "Whether the attempt did what it should; null while it runs, or after it was killed."),
    ("error", _NAME, "Why it did not, in short."),
    *_RUN,
]

# The columns that drift checks read (monitoring/metrics/watched.py). Bins are fixed, so shards can be compared and
# summed.
_WATCHED: list[Column] = [
    ("retention_histogram", _COUNTS, "Documents per 1/20 of characters_after / characters_before; 0 if dropped."),
    ("removed_fraction_histogram", _COUNTS, "Kept documents per 1/20 of the share of characters that they lost."),
    ("length_histogram", _COUNTS, "Documents by characters: 0, then 1, 2-3, 4-7, ... up to 2**23 and more."),
    ("operations_histogram", _COUNTS, "Executed documents by operations applied: 0, 1, 2-3, 4-7, ... 128 and more."),
    ("documents_executed", _COUNT, "Documents whose chunk programs ran: neither dropped before nor quarantined."),
    (
        "documents_over_deleted",
        _COUNT,
        "Of these, those that lost at least 4/5 of their characters, dropped or not, and those reverted; "
        "not those judged worthless as a whole.",
    ),
    (
        "documents_reverted",
        _COUNT,
        "Of these, those kept as they were because their programs left too little; null without verdicts.",
    ),
    ("programs_executed", _COUNT, "Chunk programs of executed documents, skipped ones aside; null without verdicts."),
    ("programs_no_op", _COUNT, "Of these, those that ran and changed nothing; null likewise."),
    ("doc_prompted", _PROMPTED, "What the document refiner's model was shown whole; null without a model."),
    ("chunk_prompted", _PROMPTED, "The same for the chunk refiner's model, with a document's chunks added up."),
    ("documents_by_language", _LANGUAGE_COUNTS, "Documents by script; Latin ones by their function words."),
    ("repetition_documents", _COUNT, "Refined documents that were searched for lines that other documents have too."),
    ("repetition_lines", _COUNT, "Their lines, blank and very short ones left out, once per document."),
    (
        "repetition_expected",
        _REAL,
        "Expected number of these lines that also occur in another document of a random sample of 30.",
    ),
    ("repetition_residual", _REAL, "Sum over them of (expected - lines * all expected / all lines) squared."),
    ("metadata_keys", pa.list_(_NAME), "Native columns that half of the first 1,000 documents have, sorted."),
]

_METRICS: list[Column] = [
    *_PLACE,
    ("measured_at", _TIME, "When the metrics were computed, in UTC."),
    ("doc_refiner", _NAME, "Inference fingerprint of the document refiner."),
    ("chunk_refiner", _NAME, "Inference fingerprint of the chunk refiner."),
    ("refiners", _NAME, "Name of the two refiners together, as the execution's configuration has it."),
    ("execution_fingerprint", _NAME, "Fingerprint of the execution policy."),
    ("rows_rejected", _COUNT, "Raw rows that could not become documents."),
    ("documents_in", _COUNT, "Documents read."),
    *[(outcome.value, _COUNT, f"Documents with outcome {outcome.value}.") for outcome in Outcome],
    ("documents_out", _COUNT, "Documents kept."),
    ("characters_in", _COUNT, "Characters of all documents."),
    ("characters_out", _COUNT, "Characters of refined text."),
    ("tokens_in", _COUNT, "Tokens of all documents with the refiner's tokenizer; null without a model."),
    ("tokens_out", _COUNT, "Tokens of refined text, likewise."),
    ("words_in", _COUNT, "Runs of non-whitespace in all documents."),
    ("words_out", _COUNT, "Runs of non-whitespace in refined text."),
    ("lines_in", _COUNT, "Lines of all documents."),
    ("lines_out", _COUNT, "Lines of refined text."),
    ("retention", _REAL, "characters_out / characters_in."),
    ("drop_rate", _REAL, "Share of documents dropped at either level."),
    ("keep_probability_histogram", pa.list_(_COUNT), "Documents per 1/20 of keep probability; null if not scored."),
    ("operations", _NAMED_COUNTS, "Operations by kind and status."),
    ("chunks", _COUNT, "Chunks, skipped ones counted."),
    ("chunks_skipped", _COUNT, "Chunks that were not shown to the model."),
    ("documents_outside_training", _COUNT, "Documents kept because no refiner was trained on their script."),
    ("programs_failed", _COUNT, f"Chunk programs with verdict {', '.join(sorted(REFUSALS))}; null without verdicts."),
    ("programs_truncated", _COUNT, "Chunk programs cut off by the token limit."),
    ("programs_looping", _COUNT, "Chunk programs that repeat the same call over and over."),
    ("lines_removed", _COUNT, "Lines removed from kept documents."),
    ("characters_removed", _COUNT, "Characters removed from kept documents, less those added."),
    ("document_characters_in_quantiles", _REALS, "Length of documents at p05, p25, p50, p75, p95."),
    ("document_characters_out_quantiles", _REALS, "Length of kept documents, likewise."),
    ("signals_in", _NAMED_MEANS, "Means of the rule-based signals over all documents."),
    ("signals_out", _NAMED_MEANS, "Means of the rule-based signals over refined documents."),
    ("doc_prompt_tokens", _COUNT, "Prompt tokens of the document level."),
    ("doc_completion_tokens", _COUNT, "Generated tokens of the document level."),
    ("chunk_prompt_tokens", _COUNT, "Prompt tokens of the chunk level."),
    ("chunk_completion_tokens", _COUNT, "Generated tokens of the chunk level."),
    ("doc_engine_seconds", _REAL, "Wall time of document-level inference, model loading left out."),
    ("chunk_engine_seconds", _REAL, "Wall time of chunk-level inference, likewise."),
    ("prompt_tokens_per_second", _REAL, "Prompt tokens inferred per second, both levels; null without a model."),
    *_WATCHED,
    *_EXECUTION,
]
_COLUMNS[Table.SHARD_METRICS] = _METRICS
_COLUMNS[Table.SHARD_METRICS_HISTORY] = _METRICS

ADDED_COLUMNS: dict[Table, frozenset[str]] = {
    Table.SHARDS: frozenset({"gone_since", "byte_start", "byte_end", "files"}),
    Table.DOC_PROGRAMS: frozenset({"skip_reason", "classifier_keep_probability"}),
    Table.CHUNK_PROGRAMS: frozenset({"classifier_keep_probabilities"}),
    **{
        table: frozenset({"refiners", "documents_outside_training", *(name for name, _, _ in _WATCHED)})
        for table in (Table.SHARD_METRICS, Table.SHARD_METRICS_HISTORY)
    },
}
"""Columns that are missing from files of this SCHEMA_VERSION written by an earlier release; they read as null."""

RENAMED_COLUMNS: dict[Table, dict[str, str]] = {
    table: {"retention": "character_retention"} for table in (Table.SHARD_METRICS, Table.SHARD_METRICS_HISTORY)
}
"""Columns, with the name that they have in files of an earlier release; such files are read under today's name."""

SCHEMAS: dict[Table, pa.Schema] = {
    table: pa.schema([pa.field(name, kind) for name, kind, _ in columns]) for table, columns in _COLUMNS.items()
}

DESCRIPTIONS: dict[Table, dict[str, str]] = {
    table: {name: text for name, _, text in columns} for table, columns in _COLUMNS.items()
}

WRITTEN_BY: dict[Table, str] = {
    Table.SHARDS: "the corpus's discovery (`prox refine`, or in Dagster the job discover_<corpus>_shards)",
    Table.DOCUMENTS: "raw_shards",
    Table.REJECTS: "raw_shards",
    Table.DOC_PROGRAMS: "doc_programs",
    Table.CHUNK_PROGRAMS: "chunk_programs",
    **dict.fromkeys((*EXECUTION_TABLES, Table.POLICIES), "refined_shards"),
    Table.SHARD_METRICS: "quality_metrics",
    Table.SHARD_METRICS_HISTORY: "quality_metrics",
    Table.JUDGEMENTS: "prox browse",
    Table.COMPUTE: "inference and training",
}
"""The step that writes each table, for errors that say what to run again."""
