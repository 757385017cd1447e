"""Check a refined corpus: its counts must add up, and its text is compared with the pages' main content.

Reads the corpus back from the lake and joins it with the index written by `write_shards`.
"""

from dataclasses import dataclass

import polars as pl

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome, Table
from prox_assets.monitoring.metrics.reconciliation import reconcile, schema_problems
from prox_assets.training.evaluation.measures import word_f1


class CountsDoNotAddUpError(RuntimeError):
    """Rows were lost, duplicated or changed on the way."""


@dataclass(frozen=True, slots=True)
class RefinedCorpus:
    """Counts of one corpus, and mean word F1 of its pages.

    Attributes:
        documents: Documents read.
        kept: Documents kept.
        edited: Kept documents that changed.
        dropped: Documents dropped at either level.
        quarantined: Documents whose inference failed.
        rejects: Raw rows that could not become documents.
        text_kept: Characters of refined text / characters of all documents.
        f1_raw: Mean word F1 of the raw text of all pages.
        f1_kept_raw: Mean word F1 of the raw text of the kept pages.
        f1_kept: Mean word F1 of the refined text of the kept pages.
        operations_applied: Operations that changed something.
        operations_failed: Operations that could not be applied.
    """

    documents: int
    kept: int
    edited: int
    dropped: int
    quarantined: int
    rejects: int
    text_kept: float
    f1_raw: float
    f1_kept_raw: float
    f1_kept: float
    operations_applied: int
    operations_failed: int


def check_and_measure(lake: Lake, corpus: str, index: pl.DataFrame, rows_written: int) -> RefinedCorpus:
    """Check that every raw row is accounted for, then measure.

    Args:
        lake: The lake.
        corpus: The corpus.
        index: Index rows of the pages the corpus was made from.
        rows_written: Raw rows in its files, including broken ones.

    Raises:
        CountsDoNotAddUpError: Something is wrong; the message lists all of it.
    """
    problems: list[str] = []
    documents = kept = dropped = quarantined = 0
    for shard in lake.shards(corpus, Table.SHARDS):
        counts = reconcile(lake, corpus, shard)
        problems += [f"{shard}: {problem}" for problem in counts.problems + schema_problems(lake, corpus, shard)]
        documents += counts.documents
        kept += counts.kept
        dropped += counts.dropped
        quarantined += counts.quarantined
    rejects = lake.scan(corpus, Table.REJECTS).select(pl.len()).collect().item()
    if documents + rejects != rows_written:
        problems.append(f"{documents} documents + {rejects} rejects, but {rows_written} rows were written")
    pages = _pages(lake, corpus, index)
    if pages.height != index.height:
        problems.append(f"only {pages.height} of {index.height} pages are found at their place with their text")
    if problems:
        raise CountsDoNotAddUpError(f"corpus {corpus} in {lake.url}:\n" + "\n".join(problems))
    outcomes = lake.scan(corpus, Table.OUTCOMES).collect()

    def total(column: str) -> int:
        return int(outcomes[column].sum())

    survivors = pages.filter(pl.col("refined").is_not_null())
    return RefinedCorpus(
        documents=documents,
        kept=kept,
        edited=outcomes.filter(pl.col("outcome") == Outcome.KEPT_EDITED.value).height,
        dropped=dropped,
        quarantined=quarantined,
        rejects=rejects,
        text_kept=total("characters_after") / total("characters_before"),
        f1_raw=_mean_f1(pages, "text"),
        f1_kept_raw=_mean_f1(survivors, "text"),
        f1_kept=_mean_f1(survivors, "refined"),
        operations_applied=total("operations_applied"),
        operations_failed=total("operations_failed"),
    )


def _pages(lake: Lake, corpus: str, index: pl.DataFrame) -> pl.DataFrame:
    """Return text, refined text (null if dropped) and gold of the pages that are at their place with their text."""
    refined = lake.scan(corpus, Table.REFINED).select("doc_id", refined="text")
    return (
        lake.scan(corpus, Table.DOCUMENTS)
        .select("doc_id", "source_file", "source_row", "text_hash", "text")
        .join(index.lazy(), on=["source_file", "source_row", "text_hash"], how="inner")
        .join(refined, on="doc_id", how="left")
        .select("text", "refined", "gold")
        .collect()
    )


def _mean_f1(pages: pl.DataFrame, column: str) -> float:
    scores = [word_f1(text, gold) for text, gold in pages.select(column, "gold").iter_rows()]
    return sum(scores) / len(scores) if scores else float("nan")
