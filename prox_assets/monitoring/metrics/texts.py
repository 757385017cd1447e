"""Everything that is measured of a shard's texts, in one pass over their file."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl
from polars.io.plugins import register_io_source

from prox_assets.monitoring.metrics.languages import language_of
from prox_assets.monitoring.signals import SignalTotals, total_signals

CountTokens = Callable[[Sequence[str]], Sequence[int]]

TOKEN_COUNT_BATCH = 256
# Lines are compared over a sample of fixed size: in a million documents nearly every line occurs more than once.
REPETITION_SAMPLE = 2_000
METADATA_ROWS = 1_000


@dataclass
class TextPass:
    """Reads texts once, counts what needs Python on the way, and leaves the signals to polars.

    Attributes:
        count_tokens: Tokens of each of some texts; None leaves them uncounted.
        tokens: Tokens of the texts so far; None where they are not counted.
    """

    count_tokens: CountTokens | None
    tokens: int | None = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = None if self.count_tokens is None else 0

    def see(self, frame: pl.DataFrame) -> None:
        """Count what is in a row group."""
        if self.count_tokens is not None and self.tokens is not None:
            for part in frame.iter_slices(TOKEN_COUNT_BATCH):
                self.tokens += sum(self.count_tokens(part["text"].to_list()))

    def run(self, frames: Iterable[pl.DataFrame], *, signals: bool) -> SignalTotals | None:
        """Read everything; return the signals of the texts, or None where these are not asked for."""
        if not signals:
            for frame in frames:
                self.see(frame)
            return None

        def texts(
            columns: list[str] | None, predicate: pl.Expr | None, limit: int | None, batch_rows: int | None
        ) -> Iterator[pl.DataFrame]:
            del columns, predicate, limit, batch_rows  # signals want every text
            for frame in frames:
                self.see(frame)
                yield frame.select("text")

        return total_signals(register_io_source(texts, schema={"text": pl.String}))


@dataclass
class RawTexts(TextPass):
    """A pass over `documents`: columns `text` and `metadata`.

    Attributes:
        languages: Documents by language.
    """

    languages: Counter[str] = field(default_factory=Counter)
    _keys: Counter[str] = field(default_factory=Counter)
    _rows: int = 0

    def see(self, frame: pl.DataFrame) -> None:
        """Count what is in a row group."""
        super().see(frame)
        self.languages.update(dict(frame.select(language=language_of()).group_by("language").len().iter_rows()))
        head = frame["metadata"].head(METADATA_ROWS - self._rows)
        self._rows += len(head)
        for metadata in head.drop_nulls():
            self._keys.update(json.loads(metadata or "{}").keys())

    def metadata_keys(self) -> list[str]:
        """Return the keys of at least half of the first documents, sorted; rarer ones come and go by chance."""
        return sorted(key for key, count in self._keys.items() if 2 * count >= self._rows)


@dataclass
class RefinedTexts(TextPass):
    """A pass over `refined`: columns `doc_id` and `text`.

    Attributes:
        sample: The documents with the smallest ids. Ids are hashes: every re-run draws the same sample.
    """

    sample: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"doc_id": pl.String, "text": pl.String}))

    def see(self, frame: pl.DataFrame) -> None:
        """Count what is in a row group."""
        super().see(frame)
        self.sample = pl.concat([self.sample, frame]).sort("doc_id").head(REPETITION_SAMPLE)
