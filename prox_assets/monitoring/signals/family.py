"""The types of a family of rules: its signals, and the bounds of each.

The thresholds and their sources are in `published_rules`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Rule:
    """A rule that a document passes if `least <= signal <= most`.

    Attributes:
        signal: Name of the signal.
        least: Smallest value that passes; None for any.
        most: Largest value that passes; None for any.
    """

    signal: str
    least: float | None = None
    most: float | None = None

    def holds(self) -> pl.Expr:
        """Return the rule as an expression over the signal's column; null where the signal is null."""
        return pl.col(self.signal).is_between(
            float("-inf") if self.least is None else self.least, float("inf") if self.most is None else self.most
        )

    def __str__(self) -> str:
        bounds = [
            f">= {self.least:g}" if self.least is not None else "",
            f"<= {self.most:g}" if self.most is not None else "",
        ]
        return f"{self.signal} {' and '.join(bound for bound in bounds if bound)}"


@dataclass(frozen=True)
class SignalFamily:
    """Signals that belong together.

    Attributes:
        name: Used in `passes_{name}`, the share of documents that pass.
        title: The name shown to people.
        source: Where the thresholds come from: paper and section.
        add: Adds one column per signal to a frame that has the columns of `text_parts`; may add others.
        signals: Each signal's name and meaning.
        rules: The rules that a document must all satisfy.
    """

    name: str
    title: str
    source: str
    add: Callable[[pl.LazyFrame], pl.LazyFrame]
    signals: Mapping[str, str]
    rules: tuple[Rule, ...]

    def passes(self) -> pl.Expr:
        """Return whether a document passes; a text without words has no signals and fails."""
        return pl.all_horizontal([rule.holds() for rule in self.rules]).fill_null(value=False)
