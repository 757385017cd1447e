"""Softens line targets: mixes the labels with the probabilities of classifiers that have not seen the site."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prox_assets.training.data.page_annotations import CLEAN, TEXT_SEPARATOR

# Maps rows of TRAINING_CHUNKS to P(keep) of each row's non-blank lines, by line number.
Judge = Callable[[Sequence[Mapping[str, Any]]], Sequence[Mapping[int, float]]]

# Weight of a line without a label, whose only target is the classifiers'.
UNLABELLED_WEIGHT = 0.5


def distil(rows: Sequence[dict[str, Any]], share: float, judge: Judge) -> None:
    """Set `distilled_targets` and `distilled_weights` on the rows of TRAINING_CHUNKS in the train split.

    A labelled line's target becomes (1 - share) * label + share * P(keep), where P(keep) is the judge's, which must
    not know the row's site. A line without a label takes the judge's P(keep) at half weight. Clean texts keep their
    targets, because it is certain that all of their lines stay.
    """
    chosen = [row for row in rows if row["split"] == "train" and not row["doc_id"].endswith(f"{TEXT_SEPARATOR}{CLEAN}")]
    for row, opinion in zip(chosen, judge(chosen), strict=True):
        row["distilled_targets"], row["distilled_weights"] = _mixed(row, opinion, share)


def _mixed(row: Mapping[str, Any], opinion: Mapping[int, float], share: float) -> tuple[list[float], list[float]]:
    targets: list[float] = []
    weights: list[float] = []
    before = 0.0
    for number, (target, weight) in enumerate(zip(row["line_targets"], row["line_weights"], strict=True)):
        keep = opinion.get(number)
        if keep is None:  # a blank line follows the line before it
            targets.append(before)
            weights.append(weight)
            continue
        before = keep if weight == 0 else (1 - share) * target + share * keep
        targets.append(before)
        weights.append(weight or UNLABELLED_WEIGHT)
    return targets, weights
