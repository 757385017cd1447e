"""The columns of `shard_metrics` that drift is judged by: histograms with fixed bins, and counts with denominators.

Bins never depend on the data, so the shards of several years can be added up and compared. Whether a change matters is
for monitoring/drift/judge.py to say.
"""

from collections import Counter
from math import fsum
from typing import Any

import polars as pl

from prox_assets.lake.schemas import KEPT_OUTCOMES, Outcome
from prox_assets.monitoring.metrics.shard_tables import ShardTables
from prox_assets.monitoring.metrics.texts import RawTexts, RefinedTexts

SHARE_BINS = 20
LENGTH_BINS = 25
OPERATION_BINS = 9
# The released ProX executor drops a document once 95 % of it has been removed (threshold_2,
# `ExecutionPolicy.min_kept_share`). A refiner that removes too much passes 4/5 long before, on documents that are kept.
OVER_DELETED_SHARE = 0.8
REPETITION_LINE_CHARACTERS = 10
# The share of lines that repeat grows with the number of documents; rarefying to this many documents (Hurlbert,
# Ecology 52, 1971) makes shards of different sizes comparable.
REPETITION_AMONG = 30

_EXECUTED = [*(outcome.value for outcome in KEPT_OUTCOMES), Outcome.DROPPED_BY_CHUNKS.value]


def watched_columns(tables: ShardTables, raw: RawTexts, refined: RefinedTexts, reverted: int) -> dict[str, Any]:
    """Compute the watched columns of one refined shard, all but the counts of programs (program_counts.py).

    `reverted` is the number of documents that were kept as they were because their programs left too little.
    """
    outcomes = tables.outcomes.lazy()
    languages = sorted(raw.languages.items())
    return {
        **_outcome_histograms(outcomes, reverted),
        "doc_prompted": prompted_of(_document_prompts(tables.doc_programs.lazy()), outcomes),
        "chunk_prompted": prompted_of(_chunk_prompts(tables.chunk_programs.lazy()), outcomes),
        "documents_by_language": [{"language": language, "count": count} for language, count in languages],
        **repetition_of(refined.sample.lazy()),
        "metadata_keys": raw.metadata_keys(),
    }


def share_bin(share: pl.Expr) -> pl.Expr:
    """Return the bin of a share: one of SHARE_BINS equal ones over [0, 1], values outside in the first or last."""
    return (share * SHARE_BINS).floor().clip(0, SHARE_BINS - 1).cast(pl.Int64)


def count_bin(count: pl.Expr, bins: int) -> pl.Expr:
    """Return the bin of a count: 0, then one for each power of two (1, 2-3, 4-7, ...), the last open to the right."""
    # Adding 1/2 keeps whole numbers clear of the rounding of log2 at the powers of two.
    power = (count.cast(pl.Float64) + 0.5).log(2).floor().cast(pl.Int64) + 1
    return pl.when(count < 1).then(0).otherwise(power).clip(0, bins - 1)


def histogram(frame: pl.DataFrame, column: str, bins: int) -> list[int]:
    """Count the rows in each of the bins that a column names; nulls are left out."""
    counts = dict(frame.drop_nulls(column).group_by(column).len().iter_rows())
    return [counts.get(number, 0) for number in range(bins)]


def _outcome_histograms(outcomes: pl.LazyFrame, reverted: int) -> dict[str, Any]:
    kept = pl.col("outcome").is_in([outcome.value for outcome in KEPT_OUTCOMES])
    executed = pl.col("outcome").is_in(_EXECUTED)
    left = pl.when(pl.col("characters_before") > 0).then(pl.col("characters_after") / pl.col("characters_before"))
    judged = pl.col("outcome") != Outcome.QUARANTINED.value
    frame = outcomes.select(
        retention=pl.when(judged).then(share_bin(left)),
        removed=pl.when(kept).then(share_bin(1 - left)),
        length=count_bin(pl.col("characters_before"), LENGTH_BINS),
        operations=pl.when(executed).then(count_bin(pl.col("operations_applied"), OPERATION_BINS)),
        executed=executed,
        # Dropping a document as worthless is a decision about it, not a slip of a program about lines.
        over_deleted=executed & (left <= 1 - OVER_DELETED_SHARE) & ~pl.col("judged_worthless"),
    ).collect()
    return {
        "retention_histogram": histogram(frame, "retention", SHARE_BINS),
        "removed_fraction_histogram": histogram(frame, "removed", SHARE_BINS),
        "length_histogram": histogram(frame, "length", LENGTH_BINS),
        "operations_histogram": histogram(frame, "operations", OPERATION_BINS),
        "documents_executed": int(frame["executed"].sum()),
        # A refiner that empties documents must not go unnoticed because the policy keeps them.
        "documents_over_deleted": int(frame["over_deleted"].sum()) + reverted,
    }


def _chunk_prompts(chunks: pl.LazyFrame) -> pl.LazyFrame:
    # Chunks that a cascade's classifier decides alone are not shown to the model.
    shown = pl.col("skip_reason").is_null() & pl.col("error").is_null() & (pl.col("prompt_tokens") > 0)
    return chunks.group_by("doc_id").agg(tokens=pl.col("prompt_tokens").cast(pl.Int64).sum(), whole=shown.all())


def _document_prompts(decisions: pl.LazyFrame) -> pl.LazyFrame:
    whole = ~pl.col("truncated") & pl.col("error").is_null()
    return decisions.select("doc_id", tokens=pl.col("prompt_tokens").cast(pl.Int64), whole=whole)


def prompted_of(prompts: pl.LazyFrame, outcomes: pl.LazyFrame) -> dict[str, Any] | None:
    """Sum tokens and characters of what a model was shown whole; None where it was shown nothing."""
    shown = (
        prompts.filter(pl.col("whole") & (pl.col("tokens") > 0))
        .join(outcomes.select("doc_id", characters="characters_before"), on="doc_id")
        .filter(pl.col("characters") > 0)
        .select("tokens", "characters")
        .collect()
    )
    if shown.is_empty():
        return None
    tokens, characters = shown["tokens"].sum(), shown["characters"].sum()
    # By fsum: a join gives rows in any order, and two runs over the same pages differed in a sum's last bit.
    residual = fsum((one - length * tokens / characters) ** 2 for one, length in shown.iter_rows())
    return {"documents": shown.height, "tokens": tokens, "characters": characters, "residual": residual}


def repetition_of(sample: pl.LazyFrame) -> dict[str, Any]:
    """Count lines of refined text that several documents have: boilerplate that the refiner has let through.

    Args:
        sample: `doc_id` and `text` of some documents.
    """
    size = sample.select(pl.len()).collect().item()
    shared = (
        sample.select("doc_id", line=pl.col("text").str.split("\n"))
        .explode("line")
        .select("doc_id", pl.col("line").str.strip_chars())
        .filter(pl.col("line").str.len_chars() >= REPETITION_LINE_CHARACTERS)
        .unique()
        .select("doc_id", others=pl.len().over("line") - 1)
        .group_by("doc_id", "others")
        .agg(lines=pl.len())
        .collect(engine="streaming")
    )
    # From here on, floats are summed with fsum, whose result does not depend on the order of rows. polars sums in row
    # order, and two runs over the same pages differed in the last bit.
    documents = max(1, size - 1)
    expected_of: dict[str, list[float]] = {}
    lines_of: Counter[str] = Counter()
    for doc_id, others, lines in shared.iter_rows():
        # others / documents: the share of the other documents that have the line.
        expected_of.setdefault(doc_id, []).append(lines * (1 - (1 - others / documents) ** (REPETITION_AMONG - 1)))
        lines_of[doc_id] += lines
    per_document = {doc_id: fsum(parts) for doc_id, parts in expected_of.items()}
    lines, expected = lines_of.total(), fsum(per_document.values())
    share = expected / lines if lines else 0.0
    residual = fsum((value - share * lines_of[doc_id]) ** 2 for doc_id, value in per_document.items())
    return {
        "repetition_documents": size,
        "repetition_lines": lines,
        "repetition_expected": expected,
        "repetition_residual": residual,
    }
