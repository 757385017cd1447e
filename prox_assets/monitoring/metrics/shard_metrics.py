"""The metrics of one shard: a row of the table `shard_metrics`, computed from the lake alone.

Everything is computed with lazy polars plans over the shard's files; texts are streamed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import KEPT_OUTCOMES, Outcome, Table
from prox_assets.monitoring.metrics.program_counts import program_counts
from prox_assets.monitoring.metrics.watched import watched_columns
from prox_assets.monitoring.signals import mean_signals
from prox_assets.programs import EditStatus

HISTOGRAM_BINS = 20
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
TOKEN_COUNT_BATCH = 256

_PROGRAM = ("doc_id", "chunk_index")  # one program's operations

CountTokens = Callable[[Sequence[str]], Sequence[int]]


def shard_metrics(
    lake: Lake, corpus: str, shard: str, count_tokens: CountTokens | None = None, *, signals: bool = True
) -> dict[str, Any]:
    """Compute every number about a shard's refinement.

    Args:
        lake: The lake.
        corpus: Corpus name.
        shard: Shard key; its refined_shards must be there.
        count_tokens: Tokens of each of some texts, with the refiner's tokenizer; None leaves token counts null.
        signals: Whether to compute the rule-based signals and words, which take most of the time.

    Returns:
        The columns of `shard_metrics` but for those that say who measured when.
    """
    documents = lake.scan(corpus, Table.DOCUMENTS, [shard])
    outcomes = lake.scan(corpus, Table.OUTCOMES, [shard])
    refined = lake.scan(corpus, Table.REFINED, [shard])
    metrics: dict[str, Any] = {"rows_rejected": _height(lake.scan(corpus, Table.REJECTS, [shard]))}
    metrics |= _outcome_metrics(documents, outcomes)
    metrics |= _program_metrics(lake, corpus, shard)
    if signals:
        metrics |= _text_metrics(documents, refined)
    metrics |= program_counts(lake, corpus, shard)
    metrics |= watched_columns(lake, corpus, shard)
    metrics["tokens_in"] = _tokens(lake, corpus, Table.DOCUMENTS, shard, count_tokens)
    metrics["tokens_out"] = _tokens(lake, corpus, Table.REFINED, shard, count_tokens)
    return metrics


def _height(frame: pl.LazyFrame) -> int:
    return frame.select(pl.len()).collect(engine="streaming").item()


def _outcome_metrics(documents: pl.LazyFrame, outcomes: pl.LazyFrame) -> dict[str, Any]:
    by_outcome = dict(outcomes.group_by("outcome").len().collect().iter_rows())
    kept = pl.col("outcome").is_in([outcome.value for outcome in KEPT_OUTCOMES])
    totals = (
        outcomes.select(
            characters_in=pl.col("characters_before").sum(),
            characters_out=pl.col("characters_after").sum(),
            lines_in=pl.col("lines_before").sum(),
            lines_out=pl.col("lines_after").sum(),
            documents_out=kept.sum(),
            characters_removed=(pl.col("characters_before") - pl.col("characters_after")).filter(kept).sum(),
            lines_removed=(pl.col("lines_before") - pl.col("lines_after")).filter(kept).sum(),
        )
        .collect()
        .row(0, named=True)
    )
    documents_in = _height(documents)
    dropped = sum(by_outcome.get(name, 0) for name in (Outcome.DROPPED_BY_DOCUMENT, Outcome.DROPPED_BY_CHUNKS))
    return {
        **totals,
        "documents_in": documents_in,
        **{outcome.value: by_outcome.get(outcome.value, 0) for outcome in Outcome},
        "character_retention": totals["characters_out"] / totals["characters_in"] if totals["characters_in"] else None,
        "drop_rate": dropped / documents_in if documents_in else None,
        "document_characters_in_quantiles": _quantiles(outcomes, "characters_before"),
        "document_characters_out_quantiles": _quantiles(outcomes.filter(kept), "characters_after"),
    }


def _quantiles(frame: pl.LazyFrame, column: str) -> list[float] | None:
    row = frame.select([pl.col(column).quantile(q).alias(str(q)) for q in QUANTILES]).collect().row(0)
    return None if row[0] is None else list(row)


def _program_metrics(lake: Lake, corpus: str, shard: str) -> dict[str, Any]:
    decisions = lake.scan(corpus, Table.DOC_PROGRAMS, [shard])
    chunks = lake.scan(corpus, Table.CHUNK_PROGRAMS, [shard])
    edits = lake.scan(corpus, Table.EDITS, [shard])
    doc_totals = decisions.select(
        doc_prompt_tokens=_total("prompt_tokens"),
        doc_completion_tokens=_total("completion_tokens"),
    )
    chunk_totals = chunks.select(
        chunk_prompt_tokens=_total("prompt_tokens"),
        chunk_completion_tokens=_total("completion_tokens"),
        chunks=pl.len(),
        chunks_skipped=pl.col("skip_reason").is_not_null().sum(),
        programs_truncated=(pl.col("finish_reason") == "length").sum(),
    )
    counted = edits.group_by("operation", "status").agg(count=pl.len()).sort("operation", "status")
    doc_info = lake.require(corpus, Table.DOC_PROGRAMS, shard)
    chunk_info = lake.require(corpus, Table.CHUNK_PROGRAMS, shard)
    seconds = doc_info.notes["engine_seconds"] + chunk_info.notes["engine_seconds"]
    tokens = doc_info.notes["prompt_tokens"] + chunk_info.notes["prompt_tokens"]
    return {
        **doc_totals.collect().row(0, named=True),
        **chunk_totals.collect().row(0, named=True),
        "operations": counted.collect(engine="streaming").to_dicts(),
        "keep_probability_histogram": _histogram(decisions),
        "programs_looping": _height(edits.filter(pl.col("status") == EditStatus.LOOPED).select(*_PROGRAM).unique()),
        "doc_engine_seconds": doc_info.notes["engine_seconds"],
        "chunk_engine_seconds": chunk_info.notes["engine_seconds"],
        "prompt_tokens_per_second": tokens / seconds if tokens and seconds else None,
        "doc_refiner": doc_info.fingerprint,
        "chunk_refiner": chunk_info.fingerprint,
    }


def _total(column: str) -> pl.Expr:
    """Sum as 64-bit: a shard of a million documents passes the 2**31 that polars sums 32-bit columns in."""
    return pl.col(column).cast(pl.Int64).sum()


def _histogram(decisions: pl.LazyFrame) -> list[int] | None:
    """Count keep probabilities in equal bins over [0, 1]; null where nothing was scored."""
    bins = (
        decisions.filter(pl.col("keep_probability").is_between(0, 1))  # neither null nor NaN
        .select(bin=(pl.col("keep_probability") * HISTOGRAM_BINS).floor().clip(0, HISTOGRAM_BINS - 1).cast(pl.Int32))
        .group_by("bin")
        .len()
        .collect()
    )
    counts = dict(bins.iter_rows())
    return [counts.get(number, 0) for number in range(HISTOGRAM_BINS)] if counts else None


def _text_metrics(documents: pl.LazyFrame, refined: pl.LazyFrame) -> dict[str, Any]:
    words = pl.col("text").str.count_matches(r"\S+").cast(pl.Int64).sum()
    return {
        "words_in": documents.select(words).collect(engine="streaming").item(),
        "words_out": refined.select(words).collect(engine="streaming").item(),
        "signals_in": _named_means(documents),
        "signals_out": _named_means(refined),
    }


def _named_means(frame: pl.LazyFrame) -> list[dict[str, Any]]:
    return [{"signal": name, "mean": mean} for name, mean in mean_signals(frame.select("text")).items()]


def _tokens(lake: Lake, corpus: str, table: Table, shard: str, count_tokens: CountTokens | None) -> int | None:
    if count_tokens is None:
        return None
    return sum(sum(count_tokens(texts)) for texts in _batches(lake, corpus, table, shard))


def _batches(lake: Lake, corpus: str, table: Table, shard: str) -> Iterator[list[str]]:
    batch: list[str] = []
    for row in lake.rows(corpus, table, shard, ["text"]):
        batch.append(row["text"])
        if len(batch) == TOKEN_COUNT_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
