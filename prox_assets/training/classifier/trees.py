"""Fits boosted trees with LightGBM, on one thread and with fixed seeds: equal examples give equal trees."""

import numpy as np

from prox_assets.training.classifier.recipe import ClassifierRecipe

BINS = 127
# In Newton steps: leaves with little weight stay near zero.
L2 = 1.0


def fit_trees(features: np.ndarray, targets: np.ndarray, weights: np.ndarray, recipe: ClassifierRecipe) -> str:
    """Return trees, as LightGBM's text, for soft targets in [0, 1]; examples of weight 0 are left out."""
    import lightgbm

    known = weights > 0
    settings = {
        "objective": "cross_entropy",
        "learning_rate": recipe.learning_rate,
        "num_leaves": recipe.leaves,
        "min_data_in_leaf": recipe.leaf_examples,
        "lambda_l2": L2,
        "feature_fraction": recipe.feature_share,
        "bagging_fraction": recipe.line_share,
        "bagging_freq": 1,
        "max_bin": BINS,
        "seed": recipe.seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    own = weights[known] / weights[known].mean()
    data = lightgbm.Dataset(features[known], targets[known], weight=own, params={"max_bin": BINS, "verbose": -1})
    return lightgbm.train(settings, data, recipe.trees).model_to_string()
