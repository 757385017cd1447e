"""The controls: as much text as another arm removes, removed at random.

What is drawn depends on the seed and on the document alone: controls of two arms delete the same things first.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prox_assets.proof.arms.context import ArmContext, ArmPart, parts_of, raw_source
from prox_assets.proof.arms.lines import Span, spans_of_lines
from prox_assets.proof.arms.table import dropped_where, whole, with_spans
from prox_assets.proof.chance import chance_of
from prox_assets.proof.settings import RandomArm


def random_line_parts(context: ArmContext, arm: RandomArm) -> Iterator[ArmPart]:
    """Yield, of every document that the other arm has, as many characters as it has, in whole lines."""
    other = context.like(arm.like)
    seed = context.settings.seed
    for shard, rows in context.shards():
        like = other.rows(shard).select("position", left="characters")
        wanted = rows.join(like, on="position", how="left", maintain_order="left")
        frames = []
        for frame in context.texts(shard, wanted):
            places = zip(frame["doc_id"], frame["text"], frame["left"], strict=True)
            spans = [random_lines(seed, doc_id, text, left) if left else [] for doc_id, text, left in places]
            dropped = pl.lit(f"dropped in {arm.like}")
            reason = pl.when(frame["left"] > 0).then(pl.lit("every line was drawn")).otherwise(dropped)
            frames.append(with_spans(frame, spans, reason))
        yield shard.corpus, raw_source(shard), parts_of(whole(rows), frames)


def random_lines(seed: int, doc_id: str, text: str, left: int) -> list[Span]:
    """Return what is left of a text when lines are removed at random until about `left` characters remain.

    The line with which too much would go is removed with the probability that makes the mean exact. A line counts with
    its line break.
    """
    lengths = [len(line) for line in text.split("\n")]
    keys = [chance_of(seed, "line", doc_id, number) for number in range(len(lengths))]
    removed = removed_at_random(
        np.array(keys), np.array(lengths) + 1, len(text) - left, chance_of(seed, "last line", doc_id)
    )
    return spans_of_lines(lengths, (~removed).tolist())


def random_document_parts(context: ArmContext, arm: RandomArm) -> Iterator[ArmPart]:
    """Yield whole documents: of each corpus, as large a share of the characters as the other arm has."""
    shares = context.like(arm.like).corpora
    seed = context.settings.seed
    documents = context.documents.side(["position", "corpus", "doc_id", "characters"])
    keys = [chance_of(seed, "document", doc_id) for doc_id in documents["doc_id"]]
    left = {corpus: share.characters for corpus, share in shares.items()}
    yield from parts_without(context, removed_documents(context, documents, np.array(keys), left), "drawn at random")


def removed_documents(
    context: ArmContext, documents: pl.DataFrame, keys: NDArray[np.float64], left: dict[str, int]
) -> pl.DataFrame:
    """Decide which documents go, those with the smallest keys first, until so many characters of each corpus are left.

    Args:
        context: The proof.
        documents: position, corpus and characters of all documents to train on.
        keys: Of each document.
        left: Characters of each corpus that should be left.

    Returns:
        position, removed.
    """
    corpora, characters = documents["corpus"].to_numpy(), documents["characters"].to_numpy()
    removed = np.zeros(documents.height, bool)
    for corpus, wanted in left.items():
        [of_corpus] = np.nonzero(corpora == corpus)
        sizes = characters[of_corpus]
        coin = chance_of(context.settings.seed, "last document", corpus)
        removed[of_corpus] = removed_at_random(keys[of_corpus], sizes, int(sizes.sum()) - wanted, coin)
    return documents.select("position", removed=pl.Series(removed))


def parts_without(context: ArmContext, removed: pl.DataFrame, reason: str) -> Iterator[ArmPart]:
    """Yield the raw text of all documents but those that are removed; `removed` has position and removed."""
    for shard, rows in context.shards():
        dropped = rows.join(removed, on="position", how="left", maintain_order="left")["removed"]
        yield shard.corpus, raw_source(shard), dropped_where(whole(rows), dropped, reason)


def removed_at_random(
    keys: NDArray[np.float64], sizes: Sequence[int] | NDArray[np.int64], amount: int, coin: float
) -> NDArray[np.bool_]:
    """Return which items go, in the order of their keys, until `amount` is gone.

    The item with which more would be gone goes with the probability that makes the mean of what is gone exact.

    Args:
        keys: Of each item.
        sizes: Of each item.
        amount: Size of what is to go; at most 0 for nothing.
        coin: A number from [0, 1) that decides about that item.
    """
    removed = np.zeros(len(keys), bool)
    if amount <= 0:
        return removed
    order = np.argsort(keys, kind="stable")
    gone = np.cumsum(np.asarray(sizes)[order])
    whole_items = int(np.searchsorted(gone, amount, side="right"))
    removed[order[:whole_items]] = True
    if whole_items < len(order):
        rest = amount - (int(gone[whole_items - 1]) if whole_items else 0)
        removed[order[whole_items]] = coin < rest / np.asarray(sizes)[order[whole_items]]
    return removed
