"""Rows of a training set as the lines of many texts, each with its target and weight."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xxhash

from prox_assets.refiners.classifier.linear import LineMatrices, line_matrices
from prox_assets.refiners.classifier.lines import Lines, read_lines
from prox_assets.refiners.errors import RefinerError
from prox_assets.training.data.page_annotations import CLEAN, TEXT_SEPARATOR

FOLDS = 5
# A target that is half one, half the other says nothing; it keeps a tenth of its weight.
LEAST_SURE = 0.1
# Tripled, it took a quarter of the damage from clean texts, and .002 of the F1 of pages.
CLEAN_WEIGHT = 2.0


@dataclass(frozen=True)
class LineExamples:
    """The non-blank lines of training texts; n lines of t texts.

    Attributes:
        lines: The lines.
        matrices: Their hashed features.
        targets: P(keep) in [0, 1], shape (n,).
        weights: How much each counts, shape (n,); 0 for unknown targets and for lines that are held out.
        folds: Fold of each line's site, shape (n,).
    """

    lines: Lines
    matrices: LineMatrices
    targets: np.ndarray
    weights: np.ndarray
    folds: np.ndarray

    def without(self, fold: int | None) -> "LineExamples":
        """Return the examples with the lines of a fold held out.

        Raises:
            RefinerError: All targets that are left are the same.
        """
        weights = self.weights if fold is None else np.where(self.folds == fold, 0, self.weights)
        if len(set((self.targets[weights > 0] >= 0.5).tolist())) < 2:
            raise RefinerError(
                "There are too few labelled pages for a classifier that judges each site by the others: give pages of "
                "more sites, or set distillation to 0."
            )
        return replace(self, weights=weights)


def line_examples(rows: Sequence[Mapping[str, Any]]) -> LineExamples:
    """Return the lines of rows of TRAINING_CHUNKS.

    A text's total weight grows with the square root of its number of lines, and clean texts count `CLEAN_WEIGHT`.
    """
    lines = read_lines([row["text"] for row in rows])
    targets, weights = (_of_lines(rows, lines, name) for name in ("line_targets", "line_weights"))
    sure = np.maximum(LEAST_SURE, 2 * np.abs(targets - 0.5))
    counts = (lines.ends - lines.begins)[lines.text_of]
    clean = np.array([row["doc_id"].endswith(f"{TEXT_SEPARATOR}{CLEAN}") for row in rows], dtype=bool)
    importance = np.where(clean, CLEAN_WEIGHT, 1.0)[lines.text_of] / np.sqrt(counts)
    folds = np.array([fold_of(row["site"]) for row in rows], dtype=np.int64)
    return LineExamples(lines, line_matrices(lines), targets, weights * sure * importance, folds[lines.text_of])


def fold_of(site: str) -> int:
    """Return the fold of a site: a hash decides, so it never depends on what else is in a file."""
    return xxhash.xxh3_64_intdigest(f"fold {site}".encode()) % FOLDS


def _of_lines(rows: Sequence[Mapping[str, Any]], lines: Lines, name: str) -> np.ndarray:
    parts = [
        np.array(row[name], dtype=np.float32)[lines.numbers[begin:end]]
        for row, begin, end in zip(rows, lines.begins.tolist(), lines.ends.tolist(), strict=True)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
