"""DSIR: how much likelier a document's hashed n-grams are in the target than in the corpus.

Xie et al., "Data Selection for Language Models via Importance Resampling" (NeurIPS 2023). Words, hashes and smoothing
are those of its package, data-selection 1.0.3: the pattern of NLTK's WordPunctTokenizer on lower-cased text, SHA-256
modulo the number of buckets, and 1e-8 added to every probability. On 384 web pages the weights are equal to 4e-11. That
holds where Python's `re` reads the pattern; to NLTK 3.10, combining marks are letters, which moves few pages (rank
correlation .99999).
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import xxhash
from pydantic import Field

from prox_assets.refiners.selector.file import (
    SelectorRecord,
    read_arrays,
    read_record,
    write_arrays,
    write_record,
)

_WORDS = re.compile(r"\w+|[^\w\s]+")
_SMOOTHING = 1e-8
_LOG_RATIOS = "log_ratios"


class DsirRecord(SelectorRecord):
    """How a DSIR selector reads texts."""

    kind: Literal["dsir"] = "dsir"
    ngrams: int = Field(description="Words of the longest n-grams.")
    buckets: int = Field(description="Number of hash buckets.")
    gumbel: bool = Field(description="Whether scores have Gumbel noise.")
    seed: int = Field(description="Seed of the noise.")


class DsirSelector:
    """Scores by the log importance weight: the sum over n-grams of log p(bucket | target) - log p(bucket | corpus).

    Attributes:
        record: How texts are read.
        log_ratios: The summands, shape (buckets,).
    """

    name = "dsir"

    def __init__(self, record: DsirRecord, log_ratios: np.ndarray) -> None:
        self.record = record
        self.log_ratios = log_ratios

    @property
    def measure(self) -> str:
        """What its scores are."""
        return "log importance weight with Gumbel noise" if self.record.gumbel else "log importance weight"

    def score(self, texts: Sequence[str]) -> list[float]:
        """Return the log importance weight of each text.

        With Gumbel noise, the texts with the highest scores are a sample without replacement in proportion to the
        weights (the paper's section 3). The noise depends on the seed and the text alone.
        """
        ratios, record = self.log_ratios, self.record
        scores = []
        for text in texts:
            weight = sum(count * float(ratios[bucket]) for bucket, count in bucket_counts([text], record).items())
            scores.append(weight + _gumbel(text, record.seed) if record.gumbel else weight)
        return scores

    def save(self, folder: Path) -> None:
        """Write the selector into a folder."""
        write_arrays(folder, {_LOG_RATIOS: self.log_ratios})
        write_record(folder, self.record)

    @classmethod
    def load(cls, folder: Path) -> "DsirSelector":
        """Return the selector in a folder; raises RefinerError where there is none."""
        record = read_record(folder, DsirRecord)
        return cls(record, read_arrays(folder, {_LOG_RATIOS: (record.buckets,)})[_LOG_RATIOS])

    @classmethod
    def fit(cls, target: Iterable[str], raw: Iterable[str], record: DsirRecord) -> "DsirSelector":
        """Return the selector of a target and a corpus."""
        logs = [np.log(_shares(texts, record) + _SMOOTHING) for texts in (target, raw)]
        return cls(record, logs[0] - logs[1])


def bucket_counts(texts: Iterable[str], record: DsirRecord) -> Counter[int]:
    """Return how often each bucket occurs in texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_ngrams(_WORDS.findall(text.lower()), record.ngrams))
    buckets: Counter[int] = Counter()
    for ngram, count in counts.items():
        digest = hashlib.sha256(ngram.encode("utf-8", "replace")).digest()
        buckets[int.from_bytes(digest) % record.buckets] += count
    return buckets


def _ngrams(words: Sequence[str], longest: int) -> Iterator[str]:
    yield from words
    for length in range(2, longest + 1):
        shifted = [islice(words, start, None) for start in range(length)]
        yield from map(" ".join, zip(*shifted, strict=False))


def _shares(texts: Iterable[str], record: DsirRecord) -> np.ndarray:
    counts = np.zeros(record.buckets)
    for text in texts:
        for bucket, count in bucket_counts([text], record).items():
            counts[bucket] += count
    return counts / max(counts.sum(), 1)


def _gumbel(text: str, seed: int) -> float:
    place = (xxhash.xxh3_64_intdigest(text.encode("utf-8", "replace"), seed & (1 << 64) - 1) + 0.5) / (1 << 64)
    return -math.log(-math.log(min(place, 1 - 1e-16)))
