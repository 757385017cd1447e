"""An interpolated token n-gram model with absolute discounting.

Ney, Essen and Kneser, "On structuring probabilistic dependences in stochastic language modelling" (1994), as written in
Chen and Goodman, "An empirical study of smoothing techniques for language modeling" (1999), section 2.7: with c the
counts, D the discount, and N(h) the number of different tokens that have followed h,

    p(w | h) = (max(c(h w) - D, 0) + D N(h) p(w | h without its first token)) / c(h)

and p(w | h) = p(w | h without its first token) where nothing has followed h. Below the unigrams lies 1 / vocabulary.

n-grams are numbered in sorted order, each length by itself. One of length k + 1 has the key (number of its first k
tokens) * vocabulary + (last token), so a key fits 64 bits for any length and vocabulary, and what has followed an
n-gram is a run of neighbours. A million tokens of web pages in a vocabulary of 4,096 have 1.5 million n-grams of up to
four tokens: 18 MB on disk, 31 MB in memory, 95 MB while they are counted, in a fifth of a second; of up to seven, 4.1
million. Scoring as many tokens takes half a second and 106 MB.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from prox_assets.refiners.errors import RefinerError

NGRAM_FILE = "ngram.safetensors"
FORMAT = "prox-ngram-1"


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    order: int
    discount: float
    vocabulary: int


@dataclass(frozen=True)
class Ngrams:
    """The n-grams of one length.

    Attributes:
        keys: Their keys, sorted, int64, shape (n,).
        counts: How often each occurs, int64, shape (n,).
    """

    keys: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class NgramModel:
    """A fitted model.

    Attributes:
        order: Tokens of the longest n-grams.
        discount: D.
        vocabulary: Number of token ids.
        unigrams: How often each token occurs, int64, shape (vocabulary,).
        longer: The n-grams of 2 to `order` tokens.
    """

    order: int
    discount: float
    vocabulary: int
    unigrams: np.ndarray
    longer: tuple[Ngrams, ...]

    @property
    def stored(self) -> int:
        """Number of counts that the model stores."""
        return int(np.count_nonzero(self.unigrams)) + sum(len(ngrams.keys) for ngrams in self.longer)

    def log_probabilities(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return, for each sequence of token ids, the natural logarithm of the probability of each of its tokens.

        A token is predicted from those before it in its own sequence, `order` - 1 at most.

        Raises:
            ValueError: A token id is not in the vocabulary.
        """
        sizes = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
        if not sizes.sum():
            return [np.zeros(0) for _ in sequences]
        ids = np.concatenate([np.asarray(sequence, dtype=np.int64) for sequence in sequences])
        _check(ids, self.vocabulary)
        ends = np.cumsum(sizes)
        before = np.arange(len(ids)) - np.repeat(ends - sizes, sizes)
        return np.split(np.log(self._probabilities(ids, before)), ends[:-1])

    def _probabilities(self, ids: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Return the probability of each token, given how many tokens of its sequence come before it."""
        known = self._unigram_probabilities[ids]
        starts = np.arange(len(ids))  # where an n-gram begins whose first tokens were found so far, and their number
        numbers = ids
        for length, (ngrams, (totals, followers)) in enumerate(zip(self.longer, self._contexts, strict=True), start=2):
            last = starts + (length - 1)
            whole = last < len(ids)
            whole[whole] = before[last[whole]] >= length - 1
            whole &= totals[numbers] > 0
            starts, numbers, last = starts[whole], numbers[whole], last[whole]
            keys = numbers * self.vocabulary + ids[last]
            places = np.searchsorted(ngrams.keys, keys)
            places[places == len(ngrams.keys)] = 0
            found = ngrams.keys[places] == keys if len(ngrams.keys) else np.zeros(len(keys), dtype=bool)
            own = np.zeros(len(keys))
            own[found] = ngrams.counts[places[found]] - self.discount
            rest = self.discount * followers[numbers] * known[last]
            known[last] = (own + rest) / totals[numbers]
            starts, numbers = starts[found], places[found]
        return known

    @cached_property
    def _unigram_probabilities(self) -> np.ndarray:
        total, uniform = self.unigrams.sum(), 1 / self.vocabulary
        if not total:
            return np.full(self.vocabulary, uniform)
        rest = self.discount * np.count_nonzero(self.unigrams) * uniform
        return (np.maximum(self.unigrams - self.discount, 0) + rest) / total

    @cached_property
    def _contexts(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """c(h) and N(h) of all n-grams h that are shorter than the order, by their numbers."""
        sizes = [self.vocabulary, *(len(ngrams.keys) for ngrams in self.longer)]
        found = []
        for size, ngrams in zip(sizes, self.longer, strict=False):
            before = ngrams.keys // self.vocabulary
            totals = np.bincount(before, weights=ngrams.counts, minlength=size)
            found.append((totals.astype(np.uint32), np.bincount(before, minlength=size).astype(np.uint32)))
        return found

    def save(self, folder: Path) -> None:
        """Write the model into a folder, atomically; equal models give equal bytes."""
        from safetensors.numpy import save_file

        tensors = {"counts_1": self.unigrams.astype(np.uint32)}
        for length, ngrams in enumerate(self.longer, start=2):
            tensors[f"keys_{length}"] = ngrams.keys
            tensors[f"counts_{length}"] = ngrams.counts.astype(np.uint32)
        header = _Header(order=self.order, discount=self.discount, vocabulary=self.vocabulary)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{NGRAM_FILE}"
        save_file(tensors, temporary, {FORMAT: header.model_dump_json()})
        temporary.replace(folder / NGRAM_FILE)

    @classmethod
    def load(cls, folder: Path) -> "NgramModel":
        """Return the model that `save` wrote into a folder.

        Raises:
            RefinerError: There is none, or its file cannot be read.
        """
        from safetensors import SafetensorError, safe_open

        file = folder / NGRAM_FILE
        try:
            with safe_open(file, framework="numpy") as opened:
                header = _Header.model_validate_json((opened.metadata() or {})[FORMAT])
                unigrams = opened.get_tensor("counts_1").astype(np.int64)
                longer = tuple(
                    Ngrams(opened.get_tensor(f"keys_{length}"), opened.get_tensor(f"counts_{length}").astype(np.int64))
                    for length in range(2, header.order + 1)
                )
        except FileNotFoundError as error:
            raise RefinerError(f"{folder} holds no {NGRAM_FILE}: fit the n-gram model again.") from error
        except (OSError, SafetensorError, KeyError, ValidationError) as error:
            raise RefinerError(
                f"{file} is no n-gram model of this release, or damaged: {error}. Fit it again."
            ) from error
        return cls(header.order, header.discount, header.vocabulary, unigrams, longer)


def fit(ids: np.ndarray, order: int, discount: float, vocabulary: int) -> NgramModel:
    """Count the n-grams of a stream of tokens.

    Args:
        ids: Token ids of all documents, one after the other, with an end-of-text token between them, shape (n,).
        order: Tokens of the longest n-grams, at least 1.
        discount: What is taken off every count, in (0, 1).
        vocabulary: Number of token ids.

    Raises:
        ValueError: A token id is not in the vocabulary.
    """
    tokens = np.asarray(ids, dtype=np.int64)
    _check(tokens, vocabulary)
    longer = []
    numbers = tokens  # of the n-gram that begins at each place
    for length in range(2, order + 1):
        keys = numbers[: max(len(tokens) - length + 1, 0)] * vocabulary + tokens[length - 1 :]
        keys, numbers, counts = np.unique(keys, return_inverse=True, return_counts=True)
        longer.append(Ngrams(keys, counts))
    return NgramModel(order, discount, vocabulary, np.bincount(tokens, minlength=vocabulary), tuple(longer))


def _check(ids: np.ndarray, vocabulary: int) -> None:
    if len(ids) and (ids.min() < 0 or ids.max() >= vocabulary):
        wrong = ids[(ids < 0) | (ids >= vocabulary)][0]
        raise ValueError(f"token {wrong} is not among the {vocabulary} of the vocabulary: use the model's tokenizer")
