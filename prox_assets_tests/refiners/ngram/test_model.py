"""The n-gram model against one that is slow and obviously right."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.ngram.model import NGRAM_FILE, NgramModel, fit


def slow_probability(stream: list[int], context: list[int], token: int, discount: float, vocabulary: int) -> float:
    """Return p(token | context), read off the formula."""
    length = len(context)
    places = range(len(stream) - length)
    following = Counter(stream[place + length] for place in places if stream[place : place + length] == context)
    lower = slow_probability(stream, context[1:], token, discount, vocabulary) if context else 1 / vocabulary
    if not following:
        return lower
    rest = discount * len(following) * lower
    return (max(following[token] - discount, 0) + rest) / following.total()


@pytest.mark.parametrize("order", [2, 3, 4, 7])
def test_probabilities_are_those_of_the_formula_and_sum_to_one(order: int) -> None:
    rng = np.random.default_rng(order)
    vocabulary, discount = 6, 0.6
    stream = rng.choice(5, size=150, p=[0.4, 0.3, 0.2, 0.06, 0.04])  # token 5 is never seen
    model = fit(stream, order, discount, vocabulary)
    contexts = [rng.integers(0, vocabulary, size=int(size)) for size in rng.integers(0, order + 2, size=25)]
    contexts += [stream[start : start + order - 1] for start in range(0, 60, 7)] + [stream[-order + 1 :]]
    for context in contexts:
        sequences = [np.append(context, token) for token in range(vocabulary)]
        found = [np.exp(one[-1]) for one in model.log_probabilities(sequences)]
        seen = context[len(context) - min(len(context), order - 1) :].tolist()
        expected = [slow_probability(stream.tolist(), seen, token, discount, vocabulary) for token in range(vocabulary)]
        assert found == pytest.approx(expected, rel=1e-12)
        assert sum(found) == pytest.approx(1, abs=1e-12)


def test_every_token_of_several_sequences_is_predicted_from_its_own_sequence() -> None:
    rng = np.random.default_rng(0)
    stream = rng.integers(0, 9, size=300)
    model = fit(stream, 4, 0.75, 9)
    sequences = [rng.integers(0, 9, size=size) for size in (7, 0, 1, 20)]
    together = model.log_probabilities(sequences)
    for sequence, found in zip(sequences, together, strict=True):
        expected = [
            np.log(slow_probability(stream.tolist(), sequence[max(0, place - 3) : place].tolist(), token, 0.75, 9))
            for place, token in enumerate(sequence.tolist())
        ]
        assert found.tolist() == pytest.approx(expected, rel=1e-12)


def test_a_vocabulary_too_large_to_pack_four_tokens_into_64_bits() -> None:
    vocabulary = 151_936
    rng = np.random.default_rng(0)
    stream = rng.choice(rng.integers(0, vocabulary, size=8), size=400)
    model = fit(stream, 7, 0.75, vocabulary)
    found = model.log_probabilities([stream[40:80]])[0]
    expected = slow_probability(stream.tolist(), stream[73:79].tolist(), int(stream[79]), 0.75, vocabulary)
    assert np.exp(found[-1]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("tokens", [0, 1, 2])
def test_a_stream_that_is_shorter_than_the_order(tokens: int) -> None:
    model = fit(np.arange(tokens), 4, 0.75, 4)
    probabilities = [
        np.exp(one[-1]) for one in model.log_probabilities([np.array([0, 1, token]) for token in range(4)])
    ]
    assert sum(probabilities) == pytest.approx(1)


def test_a_saved_model_is_the_same_and_its_bytes_are_too(tmp_path: Path) -> None:
    stream = np.random.default_rng(0).integers(0, 50, size=2000).astype(np.uint16)
    model = fit(stream, 4, 0.75, 50)
    for name in ("a", "b"):
        model.save(tmp_path / name)
    assert (tmp_path / "a" / NGRAM_FILE).read_bytes() == (tmp_path / "b" / NGRAM_FILE).read_bytes()
    loaded = NgramModel.load(tmp_path / "a")
    assert (loaded.order, loaded.discount, loaded.vocabulary, loaded.stored) == (4, 0.75, 50, model.stored)
    texts = [stream[:100], stream[50:60]]
    for one, other in zip(model.log_probabilities(texts), loaded.log_probabilities(texts), strict=True):
        np.testing.assert_array_equal(one, other)


def test_tokens_of_another_tokenizer_and_damaged_files_are_refused(tmp_path: Path) -> None:
    model = fit(np.arange(5), 2, 0.75, 5)
    with pytest.raises(ValueError, match="token 5 is not among the 5"):
        model.log_probabilities([np.array([1, 5])])
    with pytest.raises(RefinerError, match="fit the n-gram model again"):
        NgramModel.load(tmp_path)
    (tmp_path / NGRAM_FILE).write_bytes(b"nothing")
    with pytest.raises(RefinerError, match="Fit it again"):
        NgramModel.load(tmp_path)
