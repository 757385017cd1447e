"""An n-gram model as evaluation asks it: nats of texts."""

from collections.abc import Iterator, Sequence

import numpy as np

from prox_assets.proof.evaluation.model import Request
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.ngram.model import NgramModel

# Texts that are scored together: more use the same time each, and 100 bytes of memory a character.
BATCH_CHARACTERS = 1_000_000


class NgramScorer:
    """Scores texts; a `ScoredModel`.

    Every text begins after an end-of-text token, as documents do in training. Context and text are encoded separately,
    so that exactly the text is scored; an n-gram model has no windows.

    Args:
        model: The model.
        tokenizer: The tokenizer that it was trained with.
        end_of_text: Id of the token that ends a document.
    """

    def __init__(self, model: NgramModel, tokenizer: PromptTokenizer, end_of_text: int) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._end_of_text = end_of_text

    def negative_log_likelihoods(self, requests: Sequence[Request]) -> list[float]:
        """Return, for each request, the nats of its text given its context; special tokens do not count."""
        return [nats for batch in _batches(requests) for nats in self._score(batch)]

    def _score(self, requests: Sequence[Request]) -> Iterator[float]:
        contexts = self._tokenizer.encode([context for context, _ in requests])
        texts = self._tokenizer.encode([text for _, text in requests])
        sequences = [
            np.array([self._end_of_text, *context.token_ids, *text.token_ids], dtype=np.int64)
            for context, text in zip(contexts, texts, strict=True)
        ]
        for text, found in zip(texts, self._model.log_probabilities(sequences), strict=True):
            yield float(-found[len(found) - len(text) :].sum())


def _batches(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    batch: list[Request] = []
    characters = 0
    for request in requests:
        batch.append(request)
        characters += len(request[0]) + len(request[1])
        if characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
