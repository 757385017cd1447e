"""Fits document classifiers over the answers of line classifiers that have not seen the documents' sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from prox_assets.refiners.classifier.document_features import document_features, gram_commonness
from prox_assets.refiners.classifier.document_model import DocumentModel
from prox_assets.refiners.classifier.document_words import DocumentWords, document_words
from prox_assets.refiners.classifier.line_model import LineModel
from prox_assets.refiners.classifier.lines import read_lines
from prox_assets.training.classifier.document_words import fit_words
from prox_assets.training.classifier.examples import FOLDS, fold_of
from prox_assets.training.classifier.recipe import ClassifierRecipe
from prox_assets.training.classifier.steps import Steps
from prox_assets.training.classifier.trees import fit_trees
from prox_assets.training.data.documents.bad import PARTS
from prox_assets.training.data.documents.short import SHORT
from prox_assets.training.data.documents.sound import PARAGRAPH
from prox_assets.training.data.page_annotations import CLEAN, KEEP_FROM, SYNTHETIC_SITE, TEXT_SEPARATOR
from prox_assets.training.data.training_set import page_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# A hundred times fewer documents than lines: smaller trees, and smaller steps.
DOCUMENT_TREES: dict[str, Any] = {
    "trees": 600,
    "leaves": 24,
    "leaf_examples": 15,
    "learning_rate": 0.05,
    "line_share": 0.8,
}
# Weight of all documents to drop together, against those to keep. At one half, development pages of errors were dropped
# in 83 % of cases, while not one of 131 gold texts was.
DROP_WEIGHT = 0.55
# Short texts are a third of the documents to keep, paragraphs that are not prose a tenth. With equal weights .953 of
# the development pages' paragraphs were kept, with these .961, and of short texts .98 and .97.
SHORT_WEIGHT = 0.5
VARIED_PARAGRAPH_WEIGHT = 3.0
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
    fold_of_row = np.array([_fold(row) for row in rows], dtype=np.int64)
    features, words = _seen([row["text"] for row in rows], fold_of_row, folds, common)
    targets = np.array([row["keep_target"] for row in rows], dtype=np.float32)
    importance = weights(rows)

    def fitted_words(name: str, chosen: np.ndarray) -> DocumentWords:
        def arrays() -> dict[str, np.ndarray]:
            return fit_words(words[chosen], targets[chosen], importance[chosen]).arrays()

        return DocumentWords.of_arrays(steps.arrays(name, arrays))

    said = np.zeros(len(rows), dtype=np.float32)
    for fold in range(FOLDS):
        held = fold_of_row == fold
        said[held] = fitted_words(f"words-{fold}", ~held).scores(words[held])
    own_words = fitted_words("words", np.ones(len(rows), dtype=bool))
    own = recipe.model_copy(update=DOCUMENT_TREES)
    seen = np.column_stack([features, said])
    trees = steps.text("documents", lambda: fit_trees(seen, targets, importance, own))
    return DocumentModel(model, common, trees, own_words)


def weights(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return a weight for each document; how many of them are to keep does not matter (`DROP_WEIGHT`)."""
    keep = np.array([row["keep_target"] >= KEEP_FROM for row in rows])
    own = np.where(keep, [_weight(row) for row in rows], 1.0)
    return own * np.where(keep, (1 - DROP_WEIGHT) / max(1.0, own[keep].sum()), DROP_WEIGHT / max(1, (~keep).sum()))


def _weight(row: Mapping[str, Any]) -> float:
    name = row["doc_id"].rpartition(TEXT_SEPARATOR)[2]
    if name.startswith(SHORT):
        return SHORT_WEIGHT
    return VARIED_PARAGRAPH_WEIGHT if name.startswith(PARAGRAPH) and row["page_type"] != "article" else 1.0


def _is_clean(row: Mapping[str, Any]) -> bool:
    return row["keep_target"] >= KEEP_FROM and row["doc_id"].endswith(f"{TEXT_SEPARATOR}{CLEAN}")


def _fold(row: Mapping[str, Any]) -> int:
    """Return the fold of a document's site; of a synthetic one, the part of its phrases."""
    if row["site"].partition(".")[0] != SYNTHETIC_SITE:
        return fold_of(row["site"])
    return int(page_of(row["doc_id"]).rpartition("-")[2]) % PARTS


def _seen(
    texts: list[str], fold_of_text: np.ndarray, folds: Sequence[LineModel], common: np.ndarray
) -> tuple[np.ndarray, csr_matrix]:
    """Return features and words of texts, the features with P(keep) by the line classifier of each text's fold."""
    from scipy.sparse import vstack

    order = np.argsort(fold_of_text, kind="stable")
    features: list[np.ndarray] = []
    words: list[csr_matrix] = []
    for fold, model in enumerate(folds):
        own = order[fold_of_text[order] == fold].tolist()
        for start in range(0, len(own), BATCH):
            lines = read_lines([texts[place] for place in own[start : start + BATCH]])
            keep = 1 / (1 + np.exp(-model.scores(lines)))
            features.append(document_features(lines, keep, common))
            words.append(document_words(lines, keep))
    back = np.argsort(order)
    return np.concatenate(features)[back], vstack(words).tocsr()[back]
