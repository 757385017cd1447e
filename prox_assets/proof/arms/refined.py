"""What a refiner left of the documents, as the lake has it."""

from collections.abc import Iterator

import polars as pl

from prox_assets.lake.schemas import KEPT_OUTCOMES, Outcome, Table
from prox_assets.programs import DocumentReason
from prox_assets.proof.arms.context import ArmContext, ArmPart, raw_source
from prox_assets.proof.arms.table import Source, dropped_where, whole
from prox_assets.proof.errors import ProofError
from prox_assets.proof.settings import RefinedArm
from prox_assets.proof.texts.documents import DocumentShard
from prox_assets.proof.texts.outcomes import outcomes_of, refined_shard

_KEPT = [outcome.value for outcome in KEPT_OUTCOMES]


def refined_parts(context: ArmContext, arm: RefinedArm) -> Iterator[ArmPart]:
    """Yield the arm, shard by shard: refined text, or for level `document` the raw text of what was not dropped there.

    Raises:
        ProofError: A shard is not refined, or out of date; or documents were dropped that level `chunk` is about.
    """
    for shard, rows in context.shards():
        refined = refined_shard(context.lake, arm.corpora.get(shard.corpus, shard.corpus), shard.shard)
        outcomes = outcomes_of(context.lake, shard.corpus, shard.identity, refined)
        found = rows.join(outcomes, on="doc_id", how="left", maintain_order="left")
        _check(arm, shard, found)
        if arm.level == "document":
            dropped = found["outcome"] == Outcome.DROPPED_BY_DOCUMENT.value
            yield shard.corpus, raw_source(shard), _with_reasons(whole(rows), found, dropped)
            continue
        kept = whole(rows).with_columns(source_doc_id=found["refined_doc_id"], characters=found["characters_after"])
        source = Source(Table.REFINED, refined.corpus, refined.shard, refined.identity, refined.execution)
        yield shard.corpus, source, _with_reasons(kept, found, ~found["outcome"].is_in(_KEPT))


def _with_reasons(rows: pl.DataFrame, found: pl.DataFrame, dropped: pl.Series) -> pl.DataFrame:
    reasons = found.select(pl.concat_str("outcome", "reason", separator=": ", ignore_nulls=True)).to_series()
    return dropped_where(rows, dropped, pl.lit(reasons))


def _check(arm: RefinedArm, shard: DocumentShard, found: pl.DataFrame) -> None:
    lost = found.filter(pl.col("outcome").is_null() | (pl.col("outcome") == Outcome.QUARANTINED.value))
    if lost.height:
        raise ProofError(
            f"arm {arm.name}: document {lost['doc_id'][0]} of shard {shard.shard!r} of corpus {shard.corpus} has been "
            "quarantined since the documents of the proof were listed; list them again"
        )
    by_document = pl.col("outcome") == Outcome.DROPPED_BY_DOCUMENT.value
    # Blank documents have no lines.
    dropped = found.filter(by_document & pl.col("reason").ne_missing(DocumentReason.EMPTY.value)).height
    if arm.level == "chunk" and dropped:
        raise ProofError(
            f"arm {arm.name} is about lines alone (level: chunk), but {dropped} documents of shard {shard.shard!r} of "
            f"corpus {arm.corpora.get(shard.corpus, shard.corpus)} were dropped as documents, so nothing is known of "
            "their lines: refine a corpus with `prox refine --level chunk` and name it in the arm's `corpora`"
        )
