"""The quality of the refiners in the package, held by floors that nobody can lower unnoticed.

The floors of `bundled` stand in floors.json, those of `lines` in floors-lines.json and those of `cascade` in
floors-cascade.json, newest last, each with the fingerprints of the refiners it was measured on. A new refiner needs a
new entry; an entry that lowers a floor must say why. A document level that is the one of `lines` has no floors of its
own.
"""

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.folder import refiner_files
from prox_assets.refiners.presets import named_refiners
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.data.pages import PAGES_VARIABLE, read_labelled_pages
from prox_assets.training.evaluation.evaluate import document_programs
from prox_assets.training.lab.evaluation import NEW, evaluate_systems, flat, validation_pages
from prox_assets_tests.refiners.short_texts import SOUND, WORTHLESS

FILES = {"bundled": "floors.json", "cascade": "floors-cascade.json", "lines": "floors-lines.json"}
ENTRIES: dict[str, list[dict[str, Any]]] = {
    name: json.loads(Path(__file__).with_name(file).read_text()) for name, file in FILES.items()
}
# All 247 validation pages would take the language model minutes in CI; `benchmarks.evaluate_refiner` measures them.
EVERY = {"bundled": 4, "cascade": 4, "lines": 1}
# The cascade's gate asks the language model of `bundled`, too, in a fifth of the time.
GATED = [
    pytest.param(name, level, marks=pytest.mark.trial if name == "bundled" else ())
    for name, own in ENTRIES.items()
    for level in ("doc", "chunk")
    if level in own[-1]["floors"]
]
# Upper bounds; everything else is a lower one.
CEILINGS = ("clean_prose_removed", "invalid_programs", "calibration_error")


def is_ceiling(name: str) -> bool:
    return name.rpartition("/")[2] in CEILINGS


@pytest.mark.parametrize("name", FILES)
def test_the_newest_floors_are_of_the_refiners_that_are_shipped(name):
    pair = named_refiners(name)
    fingerprints = ENTRIES[name][-1]["fingerprints"]
    assert "chunk" in fingerprints
    for level, config in (("doc", pair.doc), ("chunk", pair.chunk)):
        assert config is not None
        if level in fingerprints:
            assert fingerprints[level] == config.fingerprint(refiner_files(config))
        else:
            assert config == named_refiners("lines").doc


@pytest.mark.parametrize("name", FILES)
def test_no_floor_was_lowered_without_a_reason(name):
    for before, after in pairwise(ENTRIES[name]):
        assert after["floors"].keys() >= before["floors"].keys() or after.get("lowered_because")
        for part in after["floors"]:
            for measure, floor in before["floors"].get(part, {}).items():
                now = after["floors"][part][measure]
                lowered = now > floor if is_ceiling(measure) else now < floor
                assert not lowered or after.get("lowered_because"), f"{part} {measure}: {floor} became {now}"


@pytest.mark.parametrize(("which", "texts", "keep"), [("sound", SOUND, True), ("worthless", WORTHLESS, False)])
def test_short_texts_stay_where_they_are_sound_and_go_where_they_are_worthless(which, texts, keep):
    kinds = {text: kind for kind, own in texts.items() for text in own}
    with RefinerSession(named_refiners("lines").doc, "doc", TransformersEngineConfig()) as session:
        answers = document_programs(session.document_refiner(), list(kinds))
    wrong = [
        f"{kind}: {text[:60]}"
        for (text, kind), answer in zip(kinds.items(), answers, strict=True)
        if ((answer.keep_probability or 0) >= 0.5) != keep
    ]
    assert len(kinds) >= 60
    assert 1 - len(wrong) / len(kinds) >= ENTRIES["lines"][-1]["floors"]["short texts"][which], wrong


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(PAGES_VARIABLE not in os.environ, reason=f"needs labelled pages: set {PAGES_VARIABLE}")
@pytest.mark.parametrize(("name", "level"), GATED)
def test_a_shipped_refiner_reaches_its_floors_on_validation_sites(name, level):
    pages = validation_pages(list(read_labelled_pages(Path(os.environ[PAGES_VARIABLE]))))[:: EVERY[name]]
    pair = named_refiners(name)
    systems = {NEW: RefinerPair.model_validate({"name": NEW, level: pair.doc if level == "doc" else pair.chunk})}
    measured = flat(evaluate_systems(level, systems, pages, 0)["numbers"][NEW])
    for measure, floor in ENTRIES[name][-1]["floors"][level].items():
        reached = measured[measure] <= floor if is_ceiling(measure) else measured[measure] >= floor
        assert reached, f"{measure}: {measured[measure]:.4f}, floor {floor}"
