"""A classical line classifier: a linear model over words, and boosting over its scores for the surrounding lines.

Its out-of-fold probabilities soften noisy line labels and replace missing ones (data/distillation.py). It is also a
reference for small language models to beat. The features are in line_features.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xxhash

from prox_assets.refiners.errors import RefinerError
from prox_assets.training.fit.line_features import hashed_features, number_features, present_lines

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_matrix

FOLDS = 5
SCORES_AROUND = 8
WORDS_AROUND = 4
SMOOTHING_LINES = (4, 12, 40)


@dataclass
class _Text:
    """A text's non-blank lines: numbers, features, targets, weights; fitting fills in `features` and `keep`."""

    fold: int
    numbers: list[int]
    hashed: csr_matrix
    plain: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    features: np.ndarray
    keep: np.ndarray


class LineEnsemble:
    """A linear classifier and boosting; call `fit` before `predict`.

    Args:
        seed: Seed of both classifiers.
        trees: Number of boosted trees.
    """

    def __init__(self, seed: int = 0, trees: int = 250) -> None:
        self._seed = seed
        self._trees = trees
        self._linear: Any = None
        self._boosting: Any = None

    def fit(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[int, float]]:
        """Fit on rows of TRAINING_CHUNKS; return the out-of-fold P(keep) of each row's non-blank lines, by line number.

        Every probability comes from classifiers that saw no text of the same site.

        Raises:
            RefinerError: There are too few sites for that, or all labels outside a fold are the same.
        """
        import numpy as np

        texts = [_prepare(row) for row in rows]
        used = [text for text in texts if text.numbers]
        folds = [
            ([text for text in used if text.fold == fold], [text for text in used if text.fold != fold])
            for fold in range(FOLDS)
        ]
        for own, others in folds:
            _check_labels(others)
            linear = self._fit_linear(others)
            for text in own:
                text.features = np.hstack([text.plain, _surroundings(linear(text.hashed), text.plain)])
        for own, others in folds:
            if own:
                # One call for all: whatever its size, a call starts and stops threads for each of 250 trees.
                together = self._fit_boosting(others)(np.concatenate([text.features for text in own]))
                ends = np.cumsum([len(text.numbers) for text in own])[:-1]
                for text, keep in zip(own, np.split(together, ends), strict=True):
                    text.keep = keep
        self._linear = self._fit_linear(used)
        self._boosting = self._fit_boosting(used)
        return [dict(zip(text.numbers, text.keep.tolist(), strict=True)) for text in texts]

    def predict(self, text: str) -> dict[int, float]:
        """Return P(keep) of each non-blank line, by line number."""
        import numpy as np
        from threadpoolctl import threadpool_limits

        numbers, lines = present_lines(text)
        if not numbers:
            return {}
        count = text.count("\n") + 1
        plain = number_features(lines, numbers, count)
        scores = self._linear(hashed_features(lines, numbers, count))
        with threadpool_limits(limits=1, user_api="openmp"):
            keep = self._boosting(np.hstack([plain, _surroundings(scores, plain)]))
        return dict(zip(numbers, keep.tolist(), strict=True))

    def _fit_linear(self, texts: Sequence[_Text]) -> Callable[[csr_matrix], np.ndarray]:
        import numpy as np
        from scipy.sparse import vstack
        from sklearn.linear_model import SGDClassifier

        features = vstack([text.hashed for text in texts]).tocsr()
        settings: dict[str, Any] = {"loss": "log_loss", "alpha": 2e-6, "max_iter": 6, "tol": None, "average": True}
        classifier = SGDClassifier(random_state=self._seed, **settings)
        targets, weights, known = _stacked(texts)
        classifier.fit(features[np.flatnonzero(known)], targets[known], sample_weight=weights[known])
        return classifier.decision_function

    def _fit_boosting(self, texts: Sequence[_Text]) -> Callable[[np.ndarray], np.ndarray]:
        import numpy as np
        from sklearn.ensemble import HistGradientBoostingClassifier

        features = np.concatenate([text.features for text in texts])
        settings: dict[str, Any] = {"max_iter": self._trees, "learning_rate": 0.06, "max_leaf_nodes": 24}
        settings |= {"min_samples_leaf": 60, "l2_regularization": 1.0, "max_features": 0.4, "early_stopping": False}
        classifier = HistGradientBoostingClassifier(random_state=self._seed, **settings)
        targets, weights, known = _stacked(texts)
        classifier.fit(features[known], targets[known], sample_weight=weights[known])
        return lambda values: classifier.predict_proba(values)[:, 1]


def _check_labels(texts: Sequence[_Text]) -> None:
    if len({bool(target >= 0.5) for text in texts for target in text.targets[text.weights > 0]}) < 2:
        raise RefinerError(
            "There are too few labelled pages for an ensemble that judges each site by the others: set distillation to "
            "0, or give pages of more sites."
        )


def _prepare(row: Mapping[str, Any]) -> _Text:
    import numpy as np

    numbers, lines = present_lines(row["text"])
    count = row["text"].count("\n") + 1
    return _Text(
        fold=xxhash.xxh3_64_intdigest(f"fold {row['site']}".encode()) % FOLDS,
        numbers=numbers,
        hashed=hashed_features(lines, numbers, count) if lines else None,  # pyright: ignore[reportArgumentType]
        plain=number_features(lines, numbers, count),
        targets=np.array(row["line_targets"], dtype=np.float32)[numbers],
        weights=np.array(row["line_weights"], dtype=np.float32)[numbers],
        features=np.empty(0),
        keep=np.empty(0),
    )


def _stacked(texts: Sequence[_Text]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hard targets, their weights, and a mask of the lines that count.

    A text's total weight grows with the square root of its number of lines, and lines with an uncertain target get
    little weight.
    """
    import numpy as np

    targets = np.concatenate([text.targets for text in texts])
    weights = np.concatenate([text.weights / np.sqrt(len(text.numbers)) for text in texts])
    sure = np.maximum(0.1, 2 * np.abs(targets - 0.5))
    known = weights > 0
    return (targets >= 0.5).astype(int), weights * sure / max(1e-9, weights[known].mean()), known


def _surroundings(scores: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """Return features of each line's surroundings: neighbours' scores and lengths, and kept shares at three scales."""
    import numpy as np

    count = len(scores)
    words = plain[:, 1]
    columns = [_shifted(scores, distance) for distance in range(-SCORES_AROUND, SCORES_AROUND + 1)]
    columns += [_shifted(words, distance) for distance in range(-WORDS_AROUND, WORDS_AROUND + 1)]
    keep = 1 / (1 + np.exp(-scores))
    kept_words = keep * words
    for scale in SMOOTHING_LINES:
        reach = 3 * scale
        kernel = np.exp(-np.abs(np.arange(-reach, reach + 1)) / scale)
        above = np.convolve(kept_words, kernel)[reach : reach + count]
        columns.append(above / np.maximum(1e-6, np.convolve(words + 0.1, kernel)[reach : reach + count]))
    total = max(1e-6, kept_words.sum())
    densest = int(np.argmax(np.convolve(kept_words, np.ones(9), "same")[:count]))
    columns += [
        np.cumsum(kept_words) / total,
        np.full(count, kept_words.sum() / max(1.0, words.sum())),
        np.full(count, words.sum()),
        np.arange(count) - densest,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _shifted(values: np.ndarray, distance: int) -> np.ndarray:
    """Return the value of each line's neighbour at a distance; NaN where there is none."""
    import numpy as np

    padded = np.pad(values.astype(np.float32), abs(distance), constant_values=np.nan)
    start = abs(distance) + distance
    return padded[start : start + len(values)]
