"""Makes a cascade of a classifier and a refiner that asks a model: weights are fitted where both score."""

from collections.abc import Sequence
from typing import Any

from prox_assets.engines.config import EngineConfig
from prox_assets.refiners.cascade.settings import CascadeSettings
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import cascade_classifier
from prox_assets.refiners.protocol import ChunkPrograms
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.data.pages import REGIMES, LabelledPage
from prox_assets.training.evaluation.calibration import MIN_TEXTS, Prediction, line_predictions
from prox_assets.training.evaluation.cascade import fit_weights
from prox_assets.training.evaluation.evaluate import chunk_programs, document_programs
from prox_assets.training.lab.runs import with_bad_documents

Both = tuple[list[Prediction], list[Prediction]]


def make_cascade(
    model: RefinerConfig,
    settings: CascadeSettings,
    pages: Sequence[LabelledPage],
    engine: EngineConfig,
    seed: int = 0,
) -> tuple[RefinerConfig, dict[str, Any]]:
    """Return a cascade, and what its weights were fitted on.

    A cascade abstains from the scripts that one of the two was not trained on.

    Args:
        model: The refiner behind the classifier; if it writes programs, there are no weights to fit.
        settings: The classifier, and what the model is asked about; the weights are replaced.
        pages: Labelled pages; only those of development sites are read.
        engine: Runs the model.
        seed: Seed of the bad documents among the development documents.

    Raises:
        RefinerError: A refiner is missing, there are too few pages, or the model adds nothing to the classifier.
        EngineError: The engine did not start or died.
    """
    placed = model.model_copy(update={"kind": "cascade", "cascade": settings, "name": f"cascade-{model.level}"})
    classifier = cascade_classifier(placed)
    scripts = _scripts(classifier, model)
    if model.decoding != "score":
        return _checked(placed, settings, scripts), {}
    known = [page for page in pages if page.split == "development" and not page.is_silver]
    both = _of_lines(classifier, model, known, engine)
    if model.level == "doc":
        both = _of_documents(classifier, model, known, engine, seed)
    weights = fit_weights(both)
    if weights is None:
        raise RefinerError(
            f"No weights can be fitted: {len(both)} texts of development sites ({MIN_TEXTS} are needed), or "
            f"{model.name} adds nothing to {classifier.name}."
        )
    fitted = settings.model_copy(update=weights._asdict())
    return _checked(placed, fitted, scripts), {"texts": len(both), **weights._asdict()}


def _checked(config: RefinerConfig, settings: CascadeSettings, scripts: tuple[str, ...] | None) -> RefinerConfig:
    changed = {"cascade": settings.model_dump(), "trained_scripts": scripts}
    return RefinerConfig.model_validate({**config.model_dump(), **changed})


def _scripts(classifier: RefinerConfig, model: RefinerConfig) -> tuple[str, ...] | None:
    """Return the scripts that both know; the model decides alone where only the classifier abstains."""
    if classifier.trained_scripts is None or model.trained_scripts is None:
        return model.trained_scripts
    return tuple(script for script in model.trained_scripts if script in classifier.trained_scripts)


def _of_lines(
    classifier: RefinerConfig, model: RefinerConfig, pages: Sequence[LabelledPage], engine: EngineConfig
) -> list[Both]:
    if model.level == "doc":
        return []
    first, second = (_programs(config, pages, engine) for config in (classifier, model))
    found: list[Both] = []
    for regime, shown in _shown(pages).items():
        sides = (line_predictions(shown, regime, programs[regime]) for programs in (first, second))
        # A chunk that one of both abstained from says nothing about the other.
        found += [pair for pair in zip(*sides, strict=True) if len(pair[0]) == len(pair[1])]
    return found


def _shown(pages: Sequence[LabelledPage]) -> dict[Any, list[LabelledPage]]:
    return {regime: [page for page in pages if page.text(regime).strip()] for regime in REGIMES}


def _programs(
    config: RefinerConfig, pages: Sequence[LabelledPage], engine: EngineConfig
) -> dict[Any, list[ChunkPrograms]]:
    with RefinerSession(_lines_only(config), "chunk", engine) as session:
        refiner = session.chunk_refiner()
        return {
            regime: chunk_programs(refiner, [page.text(regime) for page in shown])
            for regime, shown in _shown(pages).items()
        }


def _lines_only(config: RefinerConfig) -> RefinerConfig:
    """Return the refiner without its questions about spans, which say nothing about lines, and without its probe."""
    labels = config.line_labels.model_copy(update={"inline": None})
    return config.model_copy(update={"probe": False, "line_labels": labels})


def _of_documents(
    classifier: RefinerConfig, model: RefinerConfig, pages: Sequence[LabelledPage], engine: EngineConfig, seed: int
) -> list[Both]:
    documents = with_bad_documents(list(pages), seed)
    sides: list[list[float | None]] = []
    for config in (classifier, model):
        with RefinerSession(config.model_copy(update={"probe": False}), "doc", engine) as session:
            programs = document_programs(session.document_refiner(), [document.text for document in documents])
            sides.append([program.keep_probability for program in programs])
    return [
        ([Prediction(first, document.keep)], [Prediction(second, document.keep)])
        for document, first, second in zip(documents, *sides, strict=True)
        if first is not None and second is not None
    ]
