"""The metrics of one shard: a row of the table `shard_metrics`, computed from the lake alone.

Each file of the shard is read once: texts in one pass that holds a row group, the rest as frames of narrow columns.
"""

from collections import Counter
from typing import Any

import polars as pl

from prox_assets.lake.schemas import KEPT_OUTCOMES, Outcome, Table
from prox_assets.monitoring.metrics.program_counts import program_counts
from prox_assets.monitoring.metrics.shard_tables import ShardTables
from prox_assets.monitoring.metrics.texts import CountTokens, RawTexts, RefinedTexts
from prox_assets.monitoring.metrics.watched import SHARE_BINS, histogram, share_bin, watched_columns
from prox_assets.monitoring.signals import SignalTotals
from prox_assets.programs import EditStatus

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def shard_metrics(
    tables: ShardTables, count_tokens: CountTokens | None = None, *, signals: bool = True
) -> dict[str, Any]:
    """Compute every number about a shard's refinement.

    Args:
        tables: The shard.
        count_tokens: Tokens of each of some texts, with the refiner's tokenizer; None leaves token counts null.
        signals: Whether to compute the rule-based signals and words, which take most of the time.

    Returns:
        All columns of `shard_metrics` except those that record the run and the time of the measurement.

    Raises:
        ReplacedTableError: A file was replaced since it was looked at.
    """
    raw, refined = RawTexts(count_tokens), RefinedTexts(count_tokens)
    before = raw.run(tables.frames(Table.DOCUMENTS, ["text", "metadata"]), signals=signals)
    after = refined.run(tables.frames(Table.REFINED, ["doc_id", "text"]), signals=signals)
    metrics: dict[str, Any] = {"rows_rejected": tables.rejects}
    metrics |= _outcome_metrics(tables.files[Table.DOCUMENTS].rows, tables.outcomes.lazy())
    metrics |= _program_metrics(tables)
    if before is not None and after is not None:
        metrics |= _signal_metrics(before, after)
    metrics |= program_counts(tables)
    metrics |= watched_columns(tables, raw, refined)
    return metrics | {"tokens_in": raw.tokens, "tokens_out": refined.tokens}


def _outcome_metrics(documents_in: int, outcomes: pl.LazyFrame) -> dict[str, Any]:
    by_outcome = dict(outcomes.group_by("outcome").len().collect().iter_rows())
    kept = pl.col("outcome").is_in([outcome.value for outcome in KEPT_OUTCOMES])
    totals = (
        outcomes.select(
            characters_in=pl.col("characters_before").sum(),
            characters_out=pl.col("characters_after").sum(),
            lines_in=pl.col("lines_before").sum(),
            lines_out=pl.col("lines_after").sum(),
            documents_out=kept.sum(),
            documents_outside_training=pl.col("outside_training").sum(),
            characters_removed=(pl.col("characters_before") - pl.col("characters_after")).filter(kept).sum(),
            lines_removed=(pl.col("lines_before") - pl.col("lines_after")).filter(kept).sum(),
        )
        .collect()
        .row(0, named=True)
    )
    dropped = sum(by_outcome.get(name, 0) for name in (Outcome.DROPPED_BY_DOCUMENT, Outcome.DROPPED_BY_CHUNKS))
    return {
        **totals,
        "documents_in": documents_in,
        **{outcome.value: by_outcome.get(outcome.value, 0) for outcome in Outcome},
        "retention": totals["characters_out"] / totals["characters_in"] if totals["characters_in"] else None,
        "drop_rate": dropped / documents_in if documents_in else None,
        "document_characters_in_quantiles": _quantiles(outcomes, "characters_before"),
        "document_characters_out_quantiles": _quantiles(outcomes.filter(kept), "characters_after"),
    }


def _quantiles(frame: pl.LazyFrame, column: str) -> list[float] | None:
    row = frame.select([pl.col(column).quantile(q).alias(str(q)) for q in QUANTILES]).collect().row(0)
    return None if row[0] is None else list(row)


def _program_metrics(tables: ShardTables) -> dict[str, Any]:
    doc_totals = tables.doc_programs.select(
        doc_prompt_tokens=_total("prompt_tokens"),
        doc_completion_tokens=_total("completion_tokens"),
    )
    chunk_totals = tables.chunk_programs.select(
        chunk_prompt_tokens=_total("prompt_tokens"),
        chunk_completion_tokens=_total("completion_tokens"),
        chunks=pl.len(),
        chunks_skipped=pl.col("skip_reason").is_not_null().sum(),
        programs_truncated=(pl.col("finish_reason") == "length").sum(),
    )
    doc_info, chunk_info = tables.files[Table.DOC_PROGRAMS], tables.files[Table.CHUNK_PROGRAMS]
    seconds = doc_info.notes["engine_seconds"] + chunk_info.notes["engine_seconds"]
    tokens = doc_info.notes["prompt_tokens"] + chunk_info.notes["prompt_tokens"]
    return {
        **doc_totals.row(0, named=True),
        **chunk_totals.row(0, named=True),
        **_edit_metrics(tables),
        "keep_probability_histogram": _probabilities(tables.doc_programs),
        "doc_engine_seconds": doc_info.notes["engine_seconds"],
        "chunk_engine_seconds": chunk_info.notes["engine_seconds"],
        "prompt_tokens_per_second": tokens / seconds if tokens and seconds else None,
        "doc_refiner": doc_info.fingerprint,
        "chunk_refiner": chunk_info.fingerprint,
    }


def _edit_metrics(tables: ShardTables) -> dict[str, Any]:
    """Count operations, a row group at a time: a shard has many times more of them than documents."""
    counts: Counter[tuple[str, str]] = Counter()
    looping: set[tuple[str, int]] = set()
    for edits in tables.frames(Table.EDITS, ["doc_id", "chunk_index", "operation", "status"]):
        for operation, status, count in edits.group_by("operation", "status").len().iter_rows():
            counts[operation, status] += count
        looping.update(edits.filter(pl.col("status") == EditStatus.LOOPED).select("doc_id", "chunk_index").iter_rows())
    operations = [
        {"operation": operation, "status": status, "count": counts[operation, status]}
        for operation, status in sorted(counts)
    ]
    return {"operations": operations, "programs_looping": len(looping)}


def _total(column: str) -> pl.Expr:
    """Sum as 64-bit: a shard of a million documents passes the 2**31 that polars sums 32-bit columns in."""
    return pl.col(column).cast(pl.Int64).sum()


def _probabilities(decisions: pl.DataFrame) -> list[int] | None:
    """Count keep probabilities in equal bins over [0, 1]; null where nothing was scored."""
    scored = decisions.filter(pl.col("keep_probability").is_between(0, 1))  # neither null nor NaN
    counts = histogram(scored.select(bin=share_bin(pl.col("keep_probability"))), "bin", SHARE_BINS)
    return counts if any(counts) else None


def _signal_metrics(before: SignalTotals, after: SignalTotals) -> dict[str, Any]:
    return {
        "words_in": before.total("words"),
        "words_out": after.total("words"),
        "signals_in": [{"signal": name, "mean": mean} for name, mean in before.means().items()],
        "signals_out": [{"signal": name, "mean": mean} for name, mean in after.means().items()],
    }
