"""Fits selectors to a target, so that a proof, or a corpus's refiner of kind `selector`, can score documents."""

from collections.abc import Sequence
from pathlib import Path

from prox_assets.proof.selectors.settings import (
    DsirSettings,
    EducationalSettings,
    FasttextSettings,
    LinearSettings,
    PerplexitySettings,
    SelectorSettings,
)
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.selector.open import open_selector
from prox_assets.refiners.selector.protocol import Selector

__all__ = ["Selector", "fit_selector", "open_selector"]


def fit_selector(
    settings: SelectorSettings, target_texts: Sequence[str], raw_texts: Sequence[str], folder: Path, seed: int
) -> Selector:
    """Fit a selector and write it into a folder, from which `open_selector` opens it.

    Args:
        settings: Which selector.
        target_texts: What documents should be like. Selectors from a given model need none.
        raw_texts: Documents of the corpus, or a sample of them. Selectors from a given model need none.
        folder: Where the selector goes.
        seed: Seed of whatever is random.

    Raises:
        RefinerError: There are no texts to fit it to, the given model cannot be read, or a package is missing.
    """
    if isinstance(settings, DsirSettings | PerplexitySettings | LinearSettings):
        for what, texts in (("target", target_texts), ("corpus", raw_texts)):
            if not any(text.strip() for text in texts):
                raise RefinerError(
                    f"the selector {settings.kind} has no {what} texts to be fitted to: look at its target and at the "
                    "documents of the training sites"
                )
    # Each import where it is needed: definitions reach this module.
    match settings:
        case DsirSettings():
            from prox_assets.refiners.selector.dsir import DsirRecord, DsirSelector

            record = DsirRecord(**settings.model_dump(exclude={"kind", "target"}), seed=seed)
            DsirSelector.fit(target_texts, raw_texts, record).save(folder)
        case PerplexitySettings():
            from prox_assets.proof.selectors.perplexity import fit_perplexity

            fit_perplexity(settings, target_texts, raw_texts, folder, seed)
        case LinearSettings():
            from prox_assets.proof.selectors.linear import fit_linear_selector

            fit_linear_selector(target_texts, raw_texts).save(folder)
        case FasttextSettings():
            from prox_assets.refiners.selector.fasttext_model import FasttextSelector

            FasttextSelector.of_file(settings.model, settings.label).save(folder)
        case EducationalSettings():
            from prox_assets.refiners.selector.educational import EducationalSelector

            EducationalSelector.of_model(settings.model, settings.revision, settings.tokens).save(folder)
    return open_selector(folder)
