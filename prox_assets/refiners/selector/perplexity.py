"""Perplexity of a small language model trained on the target.

Wenzek et al., "CCNet: Extracting High Quality Monolingual Datasets from Web Crawl Data" (LREC 2020), section 3.4: a
corpus is cut into head, middle and tail by the perplexity of a 5-gram model of Wikipedia.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from prox_assets.refiners.model.tokenization import PromptTokenizer, load_tokenizer
from prox_assets.refiners.ngram.model import NgramModel
from prox_assets.refiners.selector.file import (
    SelectorRecord,
    read_arrays,
    read_record,
    write_arrays,
    write_record,
)

QUANTILES = 1001
_RAW = "raw_quantiles"
BATCH_CHARACTERS = 1_000_000

Third = Literal["head", "middle", "tail"]


class PerplexityRecord(SelectorRecord):
    """Which texts a perplexity selector prefers."""

    kind: Literal["perplexity"] = "perplexity"
    third: Third = Field(description="Which third of the corpus comes first: that of low, middle or high perplexity.")


class PerplexitySelector:
    """Scores by the perplexity per token.

    Attributes:
        record: Which texts are preferred.
        model: The language model of the target.
        tokenizer: Its tokenizer.
        raw_quantiles: Quantiles of the corpus's log perplexity, in nats per token, shape (1001,).
    """

    name = "perplexity"

    def __init__(
        self, record: PerplexityRecord, model: NgramModel, tokenizer: PromptTokenizer, raw_quantiles: np.ndarray
    ) -> None:
        self.record = record
        self.model = model
        self.tokenizer = tokenizer
        self.raw_quantiles = raw_quantiles

    @property
    def measure(self) -> str:
        """What its scores are."""
        if self.record.third == "middle":
            return "minus the distance of the perplexity's rank in the corpus from .5"
        return f"{'minus' if self.record.third == 'head' else 'the'} logarithm of the perplexity per token"

    def score(self, texts: Sequence[str]) -> list[float]:
        """Return minus the log perplexity (head), the log perplexity (tail), or minus its distance from the middle."""
        found = self.log_perplexities(texts)
        if self.record.third == "middle":
            places = np.linspace(0, 1, len(self.raw_quantiles))
            return (-np.abs(np.interp(found, self.raw_quantiles, places) - 0.5)).tolist()
        return (found if self.record.third == "tail" else -found).tolist()

    def log_perplexities(self, texts: Sequence[str]) -> np.ndarray:
        """Return the nats per token of each text, shape (n,); of a text without tokens, those of a random token."""
        found = [nats for batch in _batches(texts) for nats in self._nats(batch)]
        return np.array(found, dtype=np.float64)

    def _nats(self, texts: Sequence[str]) -> Iterable[float]:
        end = self.tokenizer.end_token_ids
        sequences = [np.array([*end, *text.token_ids], dtype=np.int64) for text in self.tokenizer.encode(texts)]
        for logs in self.model.log_probabilities(sequences):
            yield -float(logs[1:].mean()) if len(logs) > 1 else float(np.log(self.model.vocabulary))

    def save(self, folder: Path) -> None:
        """Write the selector into a folder, where its tokenizer.json lies already."""
        self.model.save(folder)
        write_arrays(folder, {_RAW: self.raw_quantiles})
        write_record(folder, self.record)

    @classmethod
    def load(cls, folder: Path) -> "PerplexitySelector":
        """Return the selector in a folder; raises RefinerError where there is none."""
        record = read_record(folder, PerplexityRecord)
        quantiles = read_arrays(folder, {_RAW: (QUANTILES,)})[_RAW]
        return cls(record, NgramModel.load(folder), load_tokenizer(folder), quantiles)


def _batches(texts: Sequence[str]) -> Iterable[Sequence[str]]:
    start, characters = 0, 0
    for place, text in enumerate(texts):
        characters += len(text)
        if characters >= BATCH_CHARACTERS:
            yield texts[start : place + 1]
            start, characters = place + 1, 0
    if start < len(texts):
        yield texts[start:]
