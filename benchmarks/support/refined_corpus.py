"""What a refined corpus looks like: counts that must add up, and how close the text is to the pages' main content.

Reads one corpus of a lake back and compares it with the index that `write_shards` left.
"""

from dataclasses import dataclass

import polars as pl

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome, Table
from prox_assets.monitoring.metrics.reconciliation import reconcile, schema_problems
from prox_assets.training.evaluation.measures import word_f1


class CountsDoNotAddUpError(RuntimeError):
    """Rows were lost, doubled or changed on their way."""


@dataclass(frozen=True, slots=True)
class RefinedCorpus:
    """Counts of one corpus, and mean word F1 of its pages.

    Attributes:
        documents: Documents read.
        kept: Documents that survived.
        edited: Those of them that changed.
        dropped: Documents dropped at either level.
        quarantined: Documents whose inference failed.
        rejects: Raw rows that could not become documents.
        text_kept: Characters of refined text over characters of all documents.
        f1_raw: Mean word F1 of all pages as they came.
        f1_kept_raw: The same of the kept pages only.
        f1_kept: Of the kept pages, refined.
        operations_applied: Operations that changed something.
        operations_failed: Operations that asked for a change that could not be made.
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
        index: The rows of the index for the pages that the corpus was made from.
        rows_written: Raw rows in its files, broken ones counted.

    Raises:
        CountsDoNotAddUpError: With everything that is wrong.
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
        problems.append(f"{pages.height} documents have the place and text of a page, of {index.height} pages written")
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
    """Return text, refined text (null if not kept) and gold of the pages found at their place with their text."""
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
