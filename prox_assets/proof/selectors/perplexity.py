"""Fits the perplexity selector: a tokenizer and an n-gram model of the target."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from prox_assets.engines.extras import packages_of
from prox_assets.proof.selectors.settings import PerplexitySettings
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.ngram.model import fit
from prox_assets.refiners.selector.perplexity import QUANTILES, PerplexityRecord, PerplexitySelector
from prox_assets.training.data.vocabulary import train_tokenizer

# What transformers takes for a context without end.
NO_WINDOW = int(1e30)
TARGET_CHARACTERS = 40_000_000


def fit_perplexity(
    settings: PerplexitySettings, target_texts: Sequence[str], raw_texts: Sequence[str], folder: Path, seed: int
) -> None:
    """Train a byte-level BPE and an n-gram model on the target, and rank the corpus by them.

    Of a large target, a sample of texts is enough: counting n-grams takes some 100 bytes a token.

    Raises:
        RefinerError: The extra `models` is not installed.
    """
    with packages_of("models", RefinerError):
        # Lone surrogates cannot be encoded.
        texts = [text.encode("utf-8", "replace").decode() for text in _sample(target_texts, seed)]
        train_tokenizer(texts, settings.vocabulary, (), NO_WINDOW).save_pretrained(folder)
    tokenizer = load_tokenizer(folder)
    end = tokenizer.end_token_ids
    documents = [np.array([*encoded.token_ids, *end]) for text in texts for encoded in tokenizer.encode([text])]
    model = fit(np.concatenate([np.array(end), *documents]), settings.order, settings.discount, settings.vocabulary)
    unranked = PerplexitySelector(PerplexityRecord(third=settings.third), model, tokenizer, np.zeros(QUANTILES))
    ranks = np.quantile(unranked.log_perplexities(raw_texts), np.linspace(0, 1, QUANTILES))
    PerplexitySelector(unranked.record, model, tokenizer, ranks).save(folder)


def _sample(texts: Sequence[str], seed: int) -> list[str]:
    """Return texts at random, in their order, until they have TARGET_CHARACTERS."""
    chosen: list[int] = []
    characters = 0
    for place in np.random.default_rng(seed).permutation(len(texts)).tolist():
        if characters >= TARGET_CHARACTERS:
            break
        chosen.append(place)
        characters += len(texts[place])
    return [texts[place] for place in sorted(chosen)]
