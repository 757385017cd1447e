"""All families together: every signal of every document, and their means over a shard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from prox_assets.monitoring.signals.c4 import C4
from prox_assets.monitoring.signals.family import SignalFamily
from prox_assets.monitoring.signals.fineweb import FINEWEB
from prox_assets.monitoring.signals.gopher_quality import GOPHER_QUALITY
from prox_assets.monitoring.signals.gopher_repetition import GOPHER_REPETITION
from prox_assets.monitoring.signals.text_parts import PARTS, WORDS, with_parts

FAMILIES: tuple[SignalFamily, ...] = (GOPHER_QUALITY, GOPHER_REPETITION, C4, FINEWEB)


# Floats are added up as whole numbers of 2**-60. polars adds them in the order and batches in which rows are read,
# which depend on threads and storage: the last digits of a shard's means differed from run to run, and from disk to
# store.
UNITS = 2**60


def passes(family: SignalFamily) -> str:
    """Return the name of the share of documents that pass a family's rules."""
    return f"passes_{family.name}"


def document_signals(texts: pl.LazyFrame, families: Sequence[SignalFamily] = FAMILIES) -> pl.LazyFrame:
    """Return a row per text: every signal (float, null for a text without words), and `passes_*` (bool) per family.

    Args:
        texts: A frame with a column `text`; its order is kept.
        families: Whose signals; all by default.
    """
    frame = with_parts(texts)
    names: list[str] = []
    for family in families:
        names += family.signals
        # Each family drops what it made on the way: lists of hashes are as large as the texts.
        frame = family.add(frame).select(*PARTS, *names)
    has_words = pl.col(WORDS).list.len() > 0
    return frame.select(pl.when(has_words).then(pl.col(name)).alias(name) for name in names).with_columns(
        family.passes().alias(passes(family)) for family in families
    )


@dataclass(frozen=True)
class SignalTotals:
    """Every signal added up over some texts.

    Attributes:
        units: The sum of each signal, in UNITS.
        counts: How many texts have the signal: those without words have none but `passes_*`.
    """

    units: Mapping[str, int]
    counts: Mapping[str, int]

    def means(self) -> dict[str, float]:
        """Return the mean of every signal that any text has; for `passes_*`, texts without words count as failing."""
        return {name: self.units[name] / (count * UNITS) for name, count in self.counts.items() if count}

    def total(self, signal: str) -> int:
        """Return the sum of a signal whose values are whole numbers."""
        return self.units[signal] // UNITS


def total_signals(texts: pl.LazyFrame) -> SignalTotals:
    """Add up every signal over a frame with a `text` column, streaming.

    The same texts give the same numbers, however many threads there are and however the rows are read.
    """
    numbers = pl.all().cast(pl.Float64).fill_nan(None)
    sums, counts = (numbers * UNITS).cast(pl.Int128).sum().name.prefix("sum "), numbers.count().name.prefix("count ")
    row = document_signals(texts).select(sums, counts).collect(engine="streaming").row(0, named=True)
    names = [name.removeprefix("count ") for name in row if name.startswith("count ")]
    return SignalTotals({name: row[f"sum {name}"] for name in names}, {name: row[f"count {name}"] for name in names})
