"""Boosted trees, run by LightGBM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prox_assets.refiners.errors import RefinerError

if TYPE_CHECKING:
    from lightgbm import Booster


class Trees:
    """Trees of LightGBM's text format, on one thread: documents are refined in parallel by processes.

    Raises:
        RefinerError: The text is not LightGBM's.
    """

    def __init__(self, text: str) -> None:
        try:
            import lightgbm
        except OSError as error:  # its own library loads one of the system's
            raise RefinerError(
                f"LightGBM cannot be loaded: {error}. It needs OpenMP: apt-get install libgomp1 (macOS: brew install "
                "libomp)."
            ) from error
        try:
            self._booster: Booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise RefinerError(f"the classifier's trees cannot be read: {error}") from error

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return the log-odds of each row, shape (n,)."""
        found = self._booster.predict(features, raw_score=True, num_threads=1)
        return np.asarray(found)
