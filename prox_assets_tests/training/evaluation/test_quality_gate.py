"""The bundled refiner's quality, held by floors that nobody can lower unnoticed.

The floors stand in floors.json, newest last, each with the fingerprints of the refiners it was measured on. A new
refiner needs a new entry; an entry that lowers a floor must say why.
"""

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.model.find import find_model
from prox_assets.refiners.presets import named_refiners
from prox_assets.training.data.pages import PAGES_VARIABLE, read_labelled_pages
from prox_assets.training.lab.evaluation import NEW, evaluate_systems, flat, validation_pages

ENTRIES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("floors.json").read_text())
BUNDLED = named_refiners("bundled")
# All 247 validation pages would take CI a quarter of an hour; `benchmarks.evaluate_refiner` measures them.
EVERY = 4
# Upper bounds; everything else is a lower one.
CEILINGS = ("clean_prose_removed", "invalid_programs", "calibration_error")


def is_ceiling(name: str) -> bool:
    return name.rpartition("/")[2] in CEILINGS


def test_the_newest_floors_are_of_the_refiners_that_are_bundled():
    for level, config in (("doc", BUNDLED.doc), ("chunk", BUNDLED.chunk)):
        assert config is not None
        assert config.model is not None
        assert ENTRIES[-1]["fingerprints"][level] == config.fingerprint(find_model(config.model))


def test_no_floor_was_lowered_without_a_reason():
    for before, after in pairwise(ENTRIES):
        for level in ("doc", "chunk"):
            for name, floor in before["floors"][level].items():
                now = after["floors"][level][name]
                lowered = now > floor if is_ceiling(name) else now < floor
                assert not lowered or after.get("lowered_because"), f"{level} {name}: {floor} became {now}"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(PAGES_VARIABLE not in os.environ, reason=f"needs labelled pages: set {PAGES_VARIABLE}")
@pytest.mark.parametrize("level", ["doc", "chunk"])
def test_the_bundled_refiner_reaches_its_floors_on_validation_sites(level):
    pages = validation_pages(list(read_labelled_pages(Path(os.environ[PAGES_VARIABLE]))))[::EVERY]
    config = BUNDLED.doc if level == "doc" else BUNDLED.chunk
    systems = {NEW: RefinerPair.model_validate({"name": NEW, level: config})}
    measured = flat(evaluate_systems(level, systems, pages, 0)["numbers"][NEW])
    for name, floor in ENTRIES[-1]["floors"][level].items():
        reached = measured[name] <= floor if is_ceiling(name) else measured[name] >= floor
        assert reached, f"{name}: {measured[name]:.4f}, floor {floor}"
