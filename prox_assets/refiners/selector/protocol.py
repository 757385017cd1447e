"""What a selector is."""

from collections.abc import Sequence
from typing import Protocol


class Selector(Protocol):
    """Scores documents by how much they are like a target."""

    @property
    def name(self) -> str:
        """What tables and reasons call it."""
        ...

    @property
    def measure(self) -> str:
        """What its scores are, such as "log importance weight"."""
        ...

    def score(self, texts: Sequence[str]) -> list[float]:
        """Return the score of each text; higher is better, and all are finite."""
        ...
