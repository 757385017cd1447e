"""The documents that a selector likes best."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from prox_assets.proof.arms.at_random import parts_without, removed_documents
from prox_assets.proof.arms.context import ArmContext, ArmPart
from prox_assets.proof.chance import chance_of
from prox_assets.proof.errors import ProofError
from prox_assets.proof.selectors.scores import DocumentToScore, score_documents, write_scores
from prox_assets.proof.selectors.selector import Selector, fit_selector
from prox_assets.proof.selectors.settings import TargetFile
from prox_assets.proof.selectors.target import read_target
from prox_assets.proof.settings import SelectorArm
from prox_assets.proof.texts.gold import GoldTexts

SAMPLE_CHARACTERS = 100_000_000
"""Raw text that a selector is fitted to, at most: a sample by document stands for a larger corpus."""


def selected_parts(context: ArmContext, arm: SelectorArm) -> Iterator[ArmPart]:
    """Yield the best documents of each corpus, until they have the share of characters that is wanted.

    The selector is fitted to the documents to train on. Its scores of them go into the lake, too
    (`_proofs/{proof}/selector_scores/{arm}.parquet`).

    Raises:
        ProofError: There is no target text, or the arm that it is like is missing.
        RefinerError: The selector cannot be fitted.
    """
    likes = context.like(arm.like).corpora if arm.like is not None else {}
    scores = score_documents(_fitted(context, arm), _documents(context))
    write_scores(context.lake, context.settings.name, arm.name, scores)
    documents = context.documents.side(["position", "corpus", "doc_id", "characters"])
    raw = dict(documents.group_by("corpus").agg(pl.col("characters").sum()).iter_rows())
    left = {name: likes[name].characters if likes else round(total * (arm.keep or 0)) for name, total in raw.items()}
    # Documents of one score, such as copies, go in an order of chance.
    ties = [chance_of(context.settings.seed, "document", doc_id) for doc_id in documents["doc_id"]]
    values = scores["score"].to_numpy()
    ranks = np.empty(len(values))
    ranks[np.lexsort((ties, values))] = np.arange(len(values))
    removed = removed_documents(context, documents, ranks, left).with_columns(score=pl.Series(values))
    for corpus, source, rows in parts_without(context, removed, "its score is too low"):
        scored = rows.drop("score").join(removed, on="position", how="left", maintain_order="left")
        yield corpus, source, scored.select(rows.columns)


def _fitted(context: ArmContext, arm: SelectorArm) -> Selector:
    """Fit an arm's selector: raw training documents against its target."""
    settings = context.settings
    target = getattr(arm.selector, "target", None)
    if target == "gold" and settings.text.gold is None:
        raise ProofError(
            f"the selector of arm {arm.name} is fitted to gold text, and the proof has none: say where it is "
            "(text.gold), or give the selector a file (target: {path: ...})"
        )
    share = min(1.0, SAMPLE_CHARACTERS / max(1, context.documents.notes.characters))
    known = GoldTexts(settings.text)
    gold, raw = [], []
    for shard, rows in context.shards() if target is not None else ():
        for frame in context.texts(shard, rows, *known.columns):
            for row in frame.iter_rows(named=True):
                if chance_of(settings.seed, "sample", row["doc_id"]) < share:
                    raw.append(row["text"])
                    if target == "gold" and (main := known.of(row)):
                        gold.append(main)
    texts = read_target(target) if isinstance(target, TargetFile) else gold
    return fit_selector(arm.selector, texts, raw, context.folder.selector(arm.name), settings.seed)


def _documents(context: ArmContext) -> Iterator[list[DocumentToScore]]:
    for shard, rows in context.shards():
        for frame in context.texts(shard, rows):
            places = frame.select("doc_id", "source_row", "text").iter_rows()
            yield [DocumentToScore(shard.corpus, shard.shard, *place) for place in places]
