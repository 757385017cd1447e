"""Fits line classifiers: one on all examples, and one per fold that has not seen the fold's sites."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from prox_assets.refiners.classifier.context import function_words, tree_features
from prox_assets.refiners.classifier.line_model import LineModel
from prox_assets.refiners.classifier.linear import LinearWeights
from prox_assets.refiners.classifier.lines import WORD_BITS, mixed
from prox_assets.training.classifier.examples import FOLDS, LineExamples, line_examples
from prox_assets.training.classifier.linear import fit_linear, line_scores
from prox_assets.training.classifier.recipe import ClassifierRecipe
from prox_assets.training.classifier.steps import Steps
from prox_assets.training.classifier.trees import fit_trees

Fold = int | None
ALL: tuple[Fold, ...] = (None, *range(FOLDS))


@dataclass(frozen=True)
class FittedLines:
    """A fitted classifier, with one more for each fold.

    Attributes:
        model: Fitted on all examples.
        folds: Fitted on the examples of all other folds.
    """

    model: LineModel
    folds: list[LineModel]


def fit_lines(rows: Sequence[Mapping[str, Any]], recipe: ClassifierRecipe, steps: Steps) -> FittedLines:
    """Fit on rows of TRAINING_CHUNKS.

    The trees of every classifier learn from scores of linear layers that saw no text of the same site, so that the
    scores are as good as on new pages.

    Raises:
        RefinerError: There are too few sites, or all labels outside a fold are the same.
    """
    models, _, _ = _fit(rows, ALL, recipe, steps)
    return FittedLines(models[None], [models[fold] for fold in range(FOLDS)])


def out_of_fold(rows: Sequence[Mapping[str, Any]], recipe: ClassifierRecipe) -> list[dict[int, float]]:
    """Return P(keep) of each row's non-blank lines by line number, of classifiers that saw no text of the same site.

    Raises:
        RefinerError: As `fit_lines`.
    """
    models, examples, features = _fit(rows, ALL[1:], recipe, Steps())
    keep = np.zeros(len(features))
    for fold, model in models.items():
        held = examples.folds == fold
        if held.any():
            keep[held] = 1 / (1 + np.exp(-model.trees.predict(features[held])))
    lines = examples.lines
    return [
        dict(zip(lines.numbers[begin:end].tolist(), keep[begin:end].tolist(), strict=True))
        for begin, end in zip(lines.begins.tolist(), lines.ends.tolist(), strict=True)
    ]


def _fit(
    rows: Sequence[Mapping[str, Any]], which: Sequence[Fold], recipe: ClassifierRecipe, steps: Steps
) -> tuple[dict[Fold, LineModel], LineExamples, np.ndarray]:
    examples = line_examples(rows)
    linear: dict[Fold, LinearWeights] = {}
    for fold in which:
        own = examples.without(fold)
        linear[fold] = steps.weights(f"linear-{fold}", lambda own=own: fit_linear(own, recipe.decay, recipe.iterations))
    features = _features(examples, [linear[fold] for fold in range(FOLDS)])
    targets = (examples.targets >= 0.5).astype(np.float32)
    models: dict[Fold, LineModel] = {}
    for fold in which:
        weights = examples.without(fold).weights
        trees = steps.text(f"trees-{fold}", lambda weights=weights: fit_trees(features, targets, weights, recipe))
        models[fold] = LineModel(linear[fold], trees)
    return models, examples, features


def _features(examples: LineExamples, folds: Sequence[LinearWeights]) -> np.ndarray:
    """Return what the trees see of each line, with scores of the linear layer that did not see its site."""
    own, scores = (np.zeros(len(examples.lines), dtype=np.float32) for _ in range(2))
    for fold, weights in enumerate(folds):
        held = examples.folds == fold
        if held.any():
            found = line_scores(examples, weights)
            own[held], scores[held] = found[0][held], found[1][held]
    functions = function_words(examples.lines, mixed(examples.lines.words, WORD_BITS))
    return tree_features(examples.lines, own, scores, functions)
