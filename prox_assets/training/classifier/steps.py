"""The steps of fitting a classifier: each result is a file, so a killed run goes on after the last finished step."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from prox_assets.refiners.classifier.linear import LINEAR_SHAPES, LinearWeights
from prox_assets.training.fit.trainer import Progress


class Steps:
    """Does what is not done yet.

    Args:
        folder: Where results are kept; None keeps none.
        total: Number of steps, for `progress`.
        progress: Called with (steps done, total) after each step.
    """

    def __init__(self, folder: Path | None = None, total: int = 0, progress: Progress | None = None) -> None:
        self._folder = folder
        self._total = total
        self._progress = progress
        self._done = 0

    def text(self, name: str, make: Callable[[], str]) -> str:
        """Return a step's text, from its file if it has one."""
        file = None if self._folder is None else self._folder / f"{name}.txt"
        if file is not None and file.is_file():
            found = file.read_text(encoding="utf-8")
        else:
            found = make()
            if file is not None:
                unfinished = file.with_name(f".{file.name}")
                unfinished.write_text(found, encoding="utf-8")
                unfinished.replace(file)
        self._finished()
        return found

    def arrays(self, name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Return a step's arrays, from their file if they have one."""
        file = None if self._folder is None else self._folder / f"{name}.npz"
        if file is not None and file.is_file():
            with np.load(file, allow_pickle=False) as stored:
                found = dict(stored)
        else:
            found = make()
            if file is not None:
                unfinished = file.with_name(f".{file.name}")
                np.savez(unfinished, **found)  # pyright: ignore[reportArgumentType] - names are no keywords of its own
                unfinished.replace(file)
        self._finished()
        return found

    def weights(self, name: str, make: Callable[[], LinearWeights]) -> LinearWeights:
        """Return a step's linear layer, from its file if it has one."""

        def arrays() -> dict[str, np.ndarray]:
            made = make()
            return {array: np.atleast_1d(getattr(made, array)) for array in LINEAR_SHAPES}

        found = self.arrays(name, arrays)
        return LinearWeights(**{**found, "bias": float(found["bias"][0])})

    def _finished(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)
