"""Fits document classifiers over the answers of line classifiers that have not seen the documents' sites."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from prox_assets.refiners.classifier.document_features import document_features, gram_commonness
from prox_assets.refiners.classifier.document_model import DocumentModel
from prox_assets.refiners.classifier.line_model import LineModel
from prox_assets.refiners.classifier.lines import read_lines
from prox_assets.training.classifier.examples import FOLDS, fold_of
from prox_assets.training.classifier.recipe import ClassifierRecipe
from prox_assets.training.classifier.steps import Steps
from prox_assets.training.classifier.trees import fit_trees
from prox_assets.training.data.page_annotations import CLEAN, KEEP_FROM, SYNTHETIC_SITE, TEXT_SEPARATOR

# A hundred times fewer documents than lines: smaller trees, and smaller steps.
DOCUMENT_TREES: dict[str, Any] = {
    "trees": 400,
    "leaves": 16,
    "leaf_examples": 15,
    "learning_rate": 0.05,
    "line_share": 0.8,
}
# Weight of all documents to drop together, against those to keep. At one half, development pages of errors were dropped
# in 83 % of cases, while not one of 131 gold texts was.
DROP_WEIGHT = 0.6
BATCH = 64


def fit_documents(
    rows: Sequence[Mapping[str, Any]],
    model: LineModel,
    folds: Sequence[LineModel],
    recipe: ClassifierRecipe,
    steps: Steps,
) -> DocumentModel:
    """Fit on rows of TRAINING_DOCUMENTS.

    Args:
        rows: The documents.
        model: The line classifier to use afterwards.
        folds: Line classifiers by fold, each without the sites of its own.
        recipe: How to fit; documents need smaller trees than lines.
        steps: Does what is not done yet.
    """
    common = gram_commonness(read_lines([row["text"] for row in rows if _is_clean(row)]))
    common = common.astype(np.float16).astype(np.float32)  # as the file will have it
    places = [[place for place, row in enumerate(rows) if _fold(row) == fold] for fold in range(FOLDS)]
    parts = [
        _features([rows[place]["text"] for place in own], folds[fold], common) for fold, own in enumerate(places) if own
    ]
    features = np.concatenate(parts)[np.argsort([place for own in places for place in own])]
    targets = np.array([row["keep_target"] for row in rows], dtype=np.float32)
    own = recipe.model_copy(update=DOCUMENT_TREES)
    trees = steps.text("documents", lambda: fit_trees(features, targets, weights(rows), own))
    return DocumentModel(model, common, trees)


def weights(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return a weight for each document; how many of them are to keep does not matter (`DROP_WEIGHT`)."""
    keep = np.array([row["keep_target"] >= KEEP_FROM for row in rows])
    return np.where(keep, (1 - DROP_WEIGHT) / max(1, keep.sum()), DROP_WEIGHT / max(1, (~keep).sum()))


def _is_clean(row: Mapping[str, Any]) -> bool:
    return row["keep_target"] >= KEEP_FROM and row["doc_id"].endswith(f"{TEXT_SEPARATOR}{CLEAN}")


def _fold(row: Mapping[str, Any]) -> int:
    made = row["site"].partition(".")[0] == SYNTHETIC_SITE
    return fold_of(row["doc_id"] if made else row["site"])


def _features(texts: Sequence[str], model: LineModel, common: np.ndarray) -> np.ndarray:
    parts: list[np.ndarray] = []
    for start in range(0, len(texts), BATCH):
        lines = read_lines(texts[start : start + BATCH])
        parts.append(document_features(lines, 1 / (1 + np.exp(-model.scores(lines))), common))
    return np.concatenate(parts)
