"""The tables of a proof, as Arrow schemas.

Texts stay in the lake: an arm says which documents, and which parts of them.
"""

import pyarrow as pa


def _described(*columns: tuple[str, pa.DataType, str]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, metadata={"description": text}) for name, kind, text in columns])


DOCUMENTS = _described(
    ("position", pa.int64(), "Place in the order that all arms share, 0-based."),
    ("corpus", pa.string(), "Corpus of the proof that the document is in."),
    ("shard", pa.string(), "Its shard."),
    ("doc_id", pa.string(), "Its doc_id."),
    ("source_row", pa.int64(), "Its row in the source file."),
    ("site", pa.string(), "Site: the unit of splits and of resampling."),
    ("held_out", pa.bool_(), "Whether its site only serves evaluation."),
    ("characters", pa.int64(), "Characters of its raw text."),
)

ARM = _described(
    ("position", pa.int64(), "The document, by its position in the table of documents; held-out ones are not there."),
    ("kept", pa.bool_(), "Whether anything of it is in the arm. A dropped document keeps its place in the order."),
    ("source", pa.string(), "Table of the lake that holds the text: documents (raw) or refined."),
    ("source_corpus", pa.string(), "Corpus of the lake that holds it."),
    ("source_shard", pa.string(), "Shard of that corpus."),
    ("source_doc_id", pa.string(), "Its doc_id there."),
    (
        "spans",
        pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32())])),
        "The parts of that text which are in the arm, in characters, in order; null for the whole text.",
    ),
    ("characters", pa.int64(), "Characters in the arm; 0 if it is not kept."),
    ("reason", pa.string(), "Why it is not kept, or null."),
    ("score", pa.float64(), "A selector's score of the document, or null; higher is better."),
)

TEXTS = _described(
    ("item", pa.string(), "Identifies the text in its evaluation set."),
    ("site", pa.string(), "Its site: texts of one site are resampled together."),
    ("context", pa.large_string(), "What comes before and is not scored; empty for texts."),
    ("text", pa.large_string(), "What is scored."),
)

SCORES = _described(
    ("evaluation", pa.string(), "Evaluation set: gold, raw, a text file's name, or a task's name."),
    ("measure", pa.string(), "bits_per_byte, accuracy or normalised_accuracy."),
    ("item", pa.string(), "The text or question."),
    ("site", pa.string(), "Its site."),
    ("tokens", pa.int64(), "Tokens that the model had been trained on; the largest number is the finished model."),
    ("value", pa.float64(), "The score: nats for bits_per_byte, 0 or 1 for accuracies."),
    (
        "weight",
        pa.float64(),
        "What the values' sum is divided by: bytes times ln 2 for bits_per_byte, 1 for accuracies.",
    ),
)
