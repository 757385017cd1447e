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


def fit_perplexity(
    settings: PerplexitySettings, target_texts: Sequence[str], raw_texts: Sequence[str], folder: Path
) -> None:
    """Train a byte-level BPE and an n-gram model on the target, and rank the corpus by them.

    Raises:
        RefinerError: The extra `models` is not installed.
    """
    with packages_of("models", RefinerError):
        # Lone surrogates cannot be encoded.
        texts = (text.encode("utf-8", "replace").decode() for text in target_texts)
        train_tokenizer(texts, settings.vocabulary, (), NO_WINDOW).save_pretrained(folder)
    tokenizer = load_tokenizer(folder)
    end = tokenizer.end_token_ids
    documents = [np.array([*encoded.token_ids, *end]) for encoded in tokenizer.encode(target_texts)]
    model = fit(np.concatenate([np.array(end), *documents]), settings.order, settings.discount, settings.vocabulary)
    unranked = PerplexitySelector(PerplexityRecord(third=settings.third), model, tokenizer, np.zeros(QUANTILES))
    ranks = np.quantile(unranked.log_perplexities(raw_texts), np.linspace(0, 1, QUANTILES))
    PerplexitySelector(unranked.record, model, tokenizer, ranks).save(folder)
