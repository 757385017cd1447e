"""Cascades of the classifier in the package and tiny models."""

from pathlib import Path
from typing import Any

import pytest

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.folder import load_refiner
from prox_assets.refiners.protocol import ChunkPrograms, DocumentProgram, RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets_tests.refiners.conftest import LINE_LABELS

LINES = "package://prox_assets/refiners/lines"
# By itself, a probe would refuse a model with random weights.
UNPROBED = {"probe": False, "window": 100}
MENU = "Home\nLog in\nSign up\nCart\nPrivacy policy\nTerms of use\nShare on Facebook\nCookie settings"
PROSE = (
    "The river carries cold water past the old bridge, and the children watch it from the other side.\n"
    "She explained that the first experiment had failed because the instruments were never exact enough.\n"
    "Nobody in the village had asked for a new gate, although everybody agreed that the old one was broken."
)
TEXTS = [PROSE, MENU, f"{MENU}\n\n{PROSE}\n\nRelated articles\nRead more", " \n", "\n".join([PROSE, MENU] * 4)]


@pytest.fixture
def scoring(line_labels_folder: Path) -> RefinerConfig:
    """A chunk refiner that scores lines."""
    return RefinerConfig.model_validate(
        {
            "name": "labels",
            "level": "chunk",
            "model": str(line_labels_folder),
            "dialect": "line-labels",
            "line_labels": LINE_LABELS,
            **UNPROBED,
        }
    )


@pytest.fixture
def judging(line_labels_folder: Path) -> RefinerConfig:
    """A document refiner that scores."""
    settings = {"level": "doc", "dialect": "line-labels", "line_labels": LINE_LABELS, **UNPROBED}
    return RefinerConfig.model_validate({"name": "judge", "model": str(line_labels_folder), **settings})


@pytest.fixture
def writing(tiny_folder: Path) -> RefinerConfig:
    """A chunk refiner that writes programs, as prox-web does."""
    settings = {"level": "chunk", "prompt_format": "plain", "max_new_tokens": 12, "probe": False, "window": 160}
    return RefinerConfig.model_validate({"name": "writer", "model": str(tiny_folder), **settings})


def in_cascade(config: RefinerConfig, **settings: Any) -> RefinerConfig:
    """Return the refiner behind the classifier."""
    return RefinerConfig.model_validate({**config.model_dump(), "kind": "cascade", "cascade": settings})


def classifier(level: str) -> RefinerConfig:
    """Return the classifier by itself."""
    return load_refiner(f"{LINES}/{level}")


def answers(config: RefinerConfig, texts: list[str] = TEXTS, processes: int = 0) -> list[Any]:
    """Return the refiner's answers to texts, in order."""
    engine = TransformersEngineConfig(device="cpu", dtype="float32", prompt_processes=processes)
    with RefinerSession(config, config.level, engine) as session:
        refiner = session.document_refiner() if config.level == "doc" else session.chunk_refiner()
        found = refiner.write_programs([RefinerInput(str(place), text) for place, text in enumerate(texts)])
        ordered: list[DocumentProgram | ChunkPrograms] = sorted(found, key=lambda one: int(one.doc_id))
    return ordered
