"""A classical line classifier: a linear model over words, and boosting over its scores for the surrounding lines.

It has two uses. For distillation (data/distillation.py), its out-of-fold probabilities soften noisy line labels and
replace missing ones. It is also the reference that a small language model has to beat. The features are in
line_features.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


@dataclass(frozen=True)
class LineText:
    """A text with targets, as in TRAINING_CHUNKS; `site` keeps texts of one site in one fold."""

    text: str
    site: str
    targets: Sequence[float]
    weights: Sequence[float]


@dataclass(frozen=True)
class _Prepared:
    """A text's non-blank lines: their numbers, features, targets and weights."""

    numbers: list[int]
    hashed: csr_matrix
    plain: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    fold: int


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

    def fit(self, texts: Sequence[LineText]) -> list[dict[int, float]]:
        """Fit on all texts; return the out-of-fold P(keep) of each text's non-blank lines, by line number.

        Every probability comes from classifiers that saw no text of the same site.

        Raises:
            RefinerError: There are too few sites for that, or all labels outside a fold are the same.
        """
        import numpy as np

        prepared = [_prepare(text) for text in texts]
        used = [item for item in prepared if item.numbers]
        _check_folds(used)
        scores: dict[int, np.ndarray] = {}
        folds = range(FOLDS)
        for fold in folds:
            linear = self._fit_linear([item for item in used if item.fold != fold])
            for item in used:
                if item.fold == fold:
                    scores[id(item)] = linear(item.hashed)
        rows = {id(item): np.hstack([item.plain, _surroundings(scores[id(item)], item.plain)]) for item in used}
        found: dict[int, np.ndarray] = {}
        for fold in folds:
            boosting = self._fit_boosting([item for item in used if item.fold != fold], rows)
            own = [item for item in used if item.fold == fold]
            if own:
                # One call for all: whatever its size, a call starts and stops threads for each of 250 trees.
                together = boosting(np.concatenate([rows[id(item)] for item in own]))
                ends = np.cumsum([len(item.numbers) for item in own])[:-1]
                found |= {id(item): part for item, part in zip(own, np.split(together, ends), strict=True)}
        self._linear = self._fit_linear(used)
        self._boosting = self._fit_boosting(used, rows)
        return [
            dict(zip(item.numbers, found[id(item)].tolist(), strict=True)) if item.numbers else {} for item in prepared
        ]

    def predict(self, text: str) -> dict[int, float]:
        """Return P(keep) of each non-blank line, by line number."""
        import numpy as np
        from threadpoolctl import threadpool_limits

        item = _prepare(LineText(text, "", (), ()))
        if not item.numbers:
            return {}
        plain = item.plain
        rows = np.hstack([plain, _surroundings(self._linear(item.hashed), plain)])
        with threadpool_limits(limits=1, user_api="openmp"):
            return dict(zip(item.numbers, self._boosting(rows).tolist(), strict=True))

    def _fit_linear(self, items: Sequence[_Prepared]) -> Callable[[csr_matrix], np.ndarray]:
        import numpy as np
        from scipy.sparse import vstack
        from sklearn.linear_model import SGDClassifier

        features = vstack([item.hashed for item in items]).tocsr()
        settings: dict[str, Any] = {"loss": "log_loss", "alpha": 2e-6, "max_iter": 6, "tol": None, "average": True}
        classifier = SGDClassifier(random_state=self._seed, **settings)
        targets, weights, known = _stacked(items)
        classifier.fit(features[np.flatnonzero(known)], targets[known], sample_weight=weights[known])
        return classifier.decision_function

    def _fit_boosting(
        self, items: Sequence[_Prepared], rows: dict[int, np.ndarray]
    ) -> Callable[[np.ndarray], np.ndarray]:
        import numpy as np
        from sklearn.ensemble import HistGradientBoostingClassifier

        features = np.concatenate([rows[id(item)] for item in items])
        settings: dict[str, Any] = {
            "max_iter": self._trees,
            "learning_rate": 0.06,
            "max_leaf_nodes": 24,
            "min_samples_leaf": 60,
            "l2_regularization": 1.0,
            "max_features": 0.4,
            "early_stopping": False,
        }
        classifier = HistGradientBoostingClassifier(random_state=self._seed, **settings)
        targets, weights, known = _stacked(items)
        classifier.fit(features[known], targets[known], sample_weight=weights[known])
        return lambda values: classifier.predict_proba(values)[:, 1]


def _check_folds(items: Sequence[_Prepared]) -> None:
    for fold in {item.fold for item in items} | {-1}:
        others = [item for item in items if item.fold != fold]
        kinds = {bool(target >= 0.5) for item in others for target in item.targets[item.weights > 0]}
        if len(kinds) < 2:
            raise RefinerError(
                "There are too few labelled pages for an ensemble that judges each site by the others: set "
                "distillation to 0, or give pages of more sites."
            )


def _prepare(text: LineText) -> _Prepared:
    import numpy as np

    numbers, lines = present_lines(text.text)
    count = text.text.count("\n") + 1
    fold = xxhash.xxh3_64_intdigest(f"fold {text.site}".encode()) % FOLDS
    nothing = np.zeros(len(numbers), dtype=np.float32)
    return _Prepared(
        numbers=numbers,
        hashed=hashed_features(lines, numbers, count) if lines else None,  # pyright: ignore[reportArgumentType]
        plain=number_features(lines, numbers, count),
        targets=np.array([text.targets[n] for n in numbers], dtype=np.float32) if text.targets else nothing,
        weights=np.array([text.weights[n] for n in numbers], dtype=np.float32) if text.weights else nothing,
        fold=fold,
    )


def _stacked(items: Sequence[_Prepared]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hard targets, their weights, and a mask of the lines that count.

    A text's total weight grows with the square root of its number of lines, and lines with an uncertain target get
    little weight.
    """
    import numpy as np

    targets = np.concatenate([item.targets for item in items])
    weights = np.concatenate([item.weights / np.sqrt(len(item.numbers)) for item in items])
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
    columns.append(np.cumsum(kept_words) / total)
    columns.append(np.full(count, kept_words.sum() / max(1.0, words.sum())))
    columns.append(np.full(count, words.sum()))
    columns.append(np.arange(count) - densest)
    return np.stack(columns, axis=1).astype(np.float32)


def _shifted(values: np.ndarray, distance: int) -> np.ndarray:
    """Return the value of each line's neighbour at a distance; NaN where there is none."""
    import numpy as np

    padded = np.pad(values.astype(np.float32), abs(distance), constant_values=np.nan)
    start = abs(distance) + distance
    return padded[start : start + len(values)]
