"""Seed data: the documents that an annotator is shown, and the tables of its annotations.

There is one Arrow schema per level, with a description of every column. The annotators, a large model or people who
labelled pages, fill these tables; training reads them.
"""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class SeedDocument:
    r"""A document to annotate; its id is unique in a run, `url` is "" if unknown, and only "\n" separates lines."""

    doc_id: str
    site: str
    url: str
    text: str


Column = tuple[str, pa.DataType, str]

_TEXT = pa.large_string()  # a row group of raw text can pass the 2 GiB of pa.string()
_NAME = pa.string()
_COUNT = pa.int64()
_REALS = pa.list_(pa.float32())

_PAGE: list[Column] = [
    ("doc_id", _NAME, "Document; unique in a table of documents."),
    ("site", _NAME, "Registered domain: documents are split by it."),
    ("url", _NAME, "Address of the page; empty or null where it is not known."),
    ("page_type", _NAME, "Such as article, forum, listing; null if unknown."),
]
_ANNOTATOR: list[Column] = [
    ("annotator", _NAME, "The served model's name, or the data set that the labels come from."),
    ("prompt_version", _NAME, "Folder of the prompts and a hash of their contents; null without prompts."),
    ("prompt_tokens", _COUNT, "Prompt tokens of all requests for the row, unusable answers included."),
    ("completion_tokens", _COUNT, "Generated tokens of the same requests."),
]

_DOCUMENT_COLUMNS: list[Column] = [
    *_PAGE,
    ("text", _TEXT, "Raw text of the document."),
    ("decision", _NAME, "keep or drop; null where there is an error."),
    ("keep_target", pa.float64(), "Target P(keep) in [0, 1]; 1 or 0 from a model's decision; null if unknown."),
    ("educational_score", pa.int32(), "Additive score from 0 to 5; null if there is none."),
    ("educational_justification", _NAME, "Why that score, in the annotator's words."),
    ("format_score", pa.int32(), "Additive score of the text's format from 0 to 5; null if there is none."),
    ("format_justification", _NAME, "Why that score, in the annotator's words."),
    *_ANNOTATOR,
    ("error", _NAME, "Why there is no decision, or null."),
]

_CHUNK_COLUMNS: list[Column] = [
    *_PAGE,
    ("text", _TEXT, "Lines of the chunk, raw."),
    ("line_start", _COUNT, "First line of the chunk, 0-based, of the document."),
    ("line_end", _COUNT, "Last line of the chunk, inclusive."),
    ("program", _TEXT, "ProX program whose line numbers restart at 0 in the chunk; null where there is an error."),
    ("line_targets", _REALS, "Target P(keep) in [0, 1] of each line; null where there is an error."),
    ("line_weights", _REALS, "How much each line counts in training; null where there is an error."),
    ("removed_share", pa.float64(), "Share of the chunk's non-whitespace characters that the program removes."),
    *_ANNOTATOR,
    ("error", _NAME, "Why there is no program, or null."),
]


def _schema(columns: list[Column]) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind, _ in columns])


SEED_DOCUMENTS: pa.Schema = _schema(_DOCUMENT_COLUMNS)
"""One row per document: keep or drop."""

SEED_CHUNKS: pa.Schema = _schema(_CHUNK_COLUMNS)
"""One row per chunk: the program that cleans it. A document's chunks cover each of its lines exactly once."""

SEED_DOCUMENT_DESCRIPTIONS: dict[str, str] = {name: text for name, _, text in _DOCUMENT_COLUMNS}
SEED_CHUNK_DESCRIPTIONS: dict[str, str] = {name: text for name, _, text in _CHUNK_COLUMNS}
