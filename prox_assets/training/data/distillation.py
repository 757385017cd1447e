"""Softens line targets: mixes the labels with the probabilities of an ensemble that has not seen the page."""

from collections.abc import Mapping, Sequence
from typing import Any

from prox_assets.training.data.page_annotations import CLEAN, TEXT_SEPARATOR
from prox_assets.training.fit.line_ensemble import LineEnsemble

# Weight of a line without a label, whose only target is the ensemble's.
UNLABELLED_WEIGHT = 0.5


def distil(rows: Sequence[dict[str, Any]], share: float, ensemble: LineEnsemble) -> None:
    """Set `distilled_targets` and `distilled_weights` on the rows of TRAINING_CHUNKS in the train split.

    A labelled line's target becomes (1 - share) * label + share * P(keep), where P(keep) comes from an ensemble fitted
    on pages of other sites. A line without a label takes the ensemble's P(keep) at half weight. Clean texts keep their
    targets, because it is certain that all of their lines stay. The ensemble is fitted here.
    """
    chosen = [row for row in rows if row["split"] == "train" and not row["doc_id"].endswith(f"{TEXT_SEPARATOR}{CLEAN}")]
    for row, opinion in zip(chosen, ensemble.fit(chosen), strict=True):
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
