"""The tables of proofs: `_proofs/{proof}/{scores,contrasts,arms}.parquet`, replaced as a whole by every report.

A proof spans corpora, so it lies beside them. The lake knows its columns, so that the catalog can show them. What a
selector says of each document is in a file for each of its arms, `_proofs/{proof}/selector_scores/{arm}.parquet`.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.lake import Lake

PROOFS = "_proofs"


class ProofTable(StrEnum):
    """The tables of a proof; the names of their views."""

    SCORES = "proof_scores"
    CONTRASTS = "proof_contrasts"
    ARMS = "proof_arms"

    @property
    def file_name(self) -> str:
        """The name of its file in a proof's folder."""
        return f"{self.value.removeprefix('proof_')}.parquet"


_NAME, _COUNT, _REAL = pa.string(), pa.int64(), pa.float64()
_NAMES = pa.list_(_NAME)


def _described(*columns: tuple[str, pa.DataType, str]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, metadata={"description": text}) for name, kind, text in columns])


_PROOF = ("proof", _NAME, "Name of the proof.")
_MODEL = ("model", _NAME, "Name of the model.")
_BUDGET = ("budget", _NAME, "What is equal between arms: tokens or documents.")
_EVALUATION = ("evaluation", _NAME, "Evaluation set: gold, raw, a text file's name, or a task's name.")
_MEASURE = ("measure", _NAME, "bits_per_byte, of which less is better; accuracy or normalised_accuracy.")

PROOF_SCHEMAS: dict[ProofTable, pa.Schema] = {
    ProofTable.SCORES: _described(
        _PROOF,
        ("arm", _NAME, "Name of the arm."),
        _MODEL,
        _BUDGET,
        ("seed", _COUNT, "0-based number of document order and initial weights."),
        _EVALUATION,
        _MEASURE,
        ("tokens", _COUNT, "Training tokens at this point of the learning curve; the most are the finished model."),
        ("score", _REAL, "The score over all texts."),
        ("items", _COUNT, "Texts or questions."),
        ("sites", _COUNT, "Their sites."),
        ("unique_tokens", _COUNT, "Training tokens of the finished model that are not repeats."),
        ("epochs", _REAL, "How often the finished model has seen the arm; below 1, a part of it."),
        ("documents", _COUNT, "Documents that the finished model has seen, each counted once."),
        ("parameters", _COUNT, "Parameters; for n-gram models, counts that are stored."),
        ("parameters_without_embeddings", _COUNT, "The same without input and output embeddings."),
        ("flops", _REAL, "Floating-point operations of training the finished model; 0 for n-gram models."),
        ("seconds", _REAL, "Wall time of training it, in seconds."),
        ("device", _NAME, "Device it was trained on."),
        ("learned", pa.bool_(), "Whether it predicts better than a bigram model of its arm; null if unknown."),
    ),
    ProofTable.CONTRASTS: _described(
        _PROOF,
        ("arm", _NAME, "The arm that is claimed to be better."),
        ("against", _NAME, "The arm that it is compared with."),
        _MODEL,
        _BUDGET,
        _EVALUATION,
        _MEASURE,
        ("primary", pa.bool_(), "Whether the contrast was named before the run; all others are exploratory."),
        ("score", _REAL, "Score of the arm, mean over seeds; null if there is none."),
        ("against_score", _REAL, "Score of the other arm."),
        ("gain", _REAL, "What the arm is better by, whether the measure counts up or down; negative if worse."),
        ("low", _REAL, "Lower end of the gain's 95 % interval, over seeds and sites."),
        ("high", _REAL, "Upper end."),
        ("p", _REAL, "Two-sided p-value of no difference; null without a verdict."),
        ("adjusted_p", _REAL, "The same after Holm over all primary contrasts; null for exploratory ones."),
        ("detectable", _REAL, "The gain that this design finds in four of five experiments."),
        ("seeds", _COUNT, "Seeds that both arms have."),
        ("sites", _COUNT, "Sites of the evaluation set."),
        ("items", _COUNT, "Its texts or questions."),
        ("chosen", _NAMES, "For best_rules: the arm of rules that judges each half of the sites; else empty."),
        ("verdict", _NAME, "better, worse, undecided, or none."),
        ("reasons", _NAMES, "Why there is no verdict."),
        ("sentence", _NAME, "The verdict in words."),
    ),
    ProofTable.ARMS: _described(
        _PROOF,
        ("arm", _NAME, "Name of the arm."),
        ("kind", _NAME, "raw, refined, rules, random_lines, random_documents, oracle or selector."),
        ("documents", _COUNT, "Documents that the arm chooses from: those that serve no evaluation."),
        ("documents_kept", _COUNT, "Documents of which anything is in the arm."),
        ("characters", _COUNT, "Characters in the arm."),
        ("share_kept", _REAL, "Characters of the arm per character of the raw text of all its documents."),
    ),
}

SELECTOR_SCORES = "selector_scores"
"""Folder of the scores of selectors in a proof's folder; the name of their view, which has `proof` and `arm`, too."""

SELECTOR_SCORES_SCHEMA = _described(
    ("corpus", _NAME, "Corpus of the document."),
    ("shard", _NAME, "Its shard."),
    ("doc_id", _NAME, "Its doc_id."),
    ("source_row", _COUNT, "Its row in the source file."),
    ("selector", _NAME, "The selector: dsir, perplexity, linear, fasttext or educational."),
    ("score", _REAL, "Its score; higher is better."),
    ("reason", _NAME, "What the score is, with its value."),
)


def scores_folder(proof: str) -> str:
    """Return the folder, relative to the lake, of the scores of a proof's selectors."""
    return f"{PROOFS}/{proof}/{SELECTOR_SCORES}"


def proof_path(proof: str, table: ProofTable) -> str:
    """Return the path, relative to the lake, of a table of a proof."""
    return f"{PROOFS}/{proof}/{table.file_name}"


def write_proof_tables(lake: Lake, proof: str, tables: Mapping[ProofTable, Iterable[Mapping[str, Any]]]) -> None:
    """Write the tables of a proof; each atomically replaces its predecessor.

    Args:
        lake: The lake.
        proof: Name of the proof.
        tables: The rows of each table, without the column proof.

    Raises:
        LakeError: The lake cannot be written.
    """
    with lake.storage.new_files([proof_path(proof, table) for table in tables]) as temporaries:
        for (table, rows), temporary in zip(tables.items(), temporaries, strict=True):
            named = [{"proof": proof, **row} for row in rows]
            pq.write_table(pa.Table.from_pylist(named, schema=PROOF_SCHEMAS[table]), temporary, compression="zstd")
