"""What a cascade's configuration refuses, what its fingerprint covers, and what asking is worth."""

import json
import shutil

import numpy as np
import pytest

from prox_assets.refiners.cascade.gains import expected_gains
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import REFINER_FILE, cascade_classifier, load_refiner, refiner_files, save_refiner
from prox_assets.refiners.model.files import model_folder
from prox_assets.refiners.presets import BUNDLED_PLACE, preset
from prox_assets_tests.refiners.cascade.conftest import LINES, in_cascade


def fingerprint(config):
    return config.fingerprint(refiner_files(config))


def test_settings_and_kind_go_together(scoring):
    plain = scoring.model_dump()
    for wrong in ({"cascade": {}}, {"kind": "cascade"}, {"kind": "cascade", "cascade": {}, "model": None}):
        with pytest.raises(ValueError, match="cascade"):
            RefinerConfig.model_validate({**plain, **wrong})
    with pytest.raises(ValueError, match="unsure_from"):
        in_cascade(scoring, unsure_from=0.6, unsure_to=0.4)
    assert "cascade" not in plain


@pytest.mark.parametrize("place", ["package://prox_assets/refiners/nowhere", LINES + "/doc"])
def test_a_place_without_a_classifier_of_the_level_is_an_error(scoring, place):
    with pytest.raises(RefinerError, match=place):
        refiner_files(in_cascade(scoring, classifier=place))


def test_the_fingerprint_covers_both_refiners_and_what_decides(scoring, tmp_path):
    base = in_cascade(scoring)
    assert fingerprint(base) != fingerprint(scoring)
    for change in (
        {"min_gain": 0.1},
        {"spread": 1.0},
        {"model_weight": 1.0},
        {"offset": 0.1},
        {"classifier_weight": 1},
    ):
        assert fingerprint(in_cascade(scoring, **change)) != fingerprint(base), change
    assert fingerprint(in_cascade(scoring, unsure_from=0.2)) == fingerprint(base)
    assert fingerprint(in_cascade(scoring.model_copy(update={"name": "other"}))) == fingerprint(base)
    assert fingerprint(in_cascade(scoring.model_copy(update={"window": 90}))) != fingerprint(base)

    moved = tmp_path / "lines"
    shutil.copytree(model_folder(LINES) / "chunk", moved)
    assert fingerprint(in_cascade(scoring, classifier=str(moved))) == fingerprint(base)
    written = json.loads((moved / REFINER_FILE).read_text())
    written["refiner"]["calibration"] = {"slope": 0.5, "offset": 0.0}
    (moved / REFINER_FILE).write_text(json.dumps(written))
    assert fingerprint(in_cascade(scoring, classifier=str(moved))) != fingerprint(base)


def test_documents_and_written_programs_are_asked_for_what_is_unsure(judging, writing):
    for config, ignored in ((judging, {"min_gain": 0.5}), (writing, {"min_gain": 0.5, "model_weight": 2.0})):
        base = in_cascade(config)
        assert fingerprint(in_cascade(config, unsure_to=0.7)) != fingerprint(base)
        assert fingerprint(in_cascade(config, **ignored)) == fingerprint(base)
    assert fingerprint(in_cascade(judging, model_weight=2.0)) != fingerprint(in_cascade(judging))


def test_a_cascades_folder_names_the_folder_of_its_model(scoring, tmp_path):
    folder = tmp_path / "made"
    config = in_cascade(scoring, min_gain=0.01)
    assert save_refiner(config, folder, {}, refers=True) == config
    assert load_refiner(str(folder)) == config
    assert [file.name for file in folder.iterdir()] == [REFINER_FILE]


def test_the_preset_names_the_package_s_two_refiners():
    pair = preset("cascade")
    assert pair.chunk is not None
    assert pair.doc is not None
    assert (pair.chunk.kind, pair.chunk.model) == ("cascade", f"{BUNDLED_PLACE}/chunk")
    assert cascade_classifier(pair.chunk).model == f"{LINES}/chunk"
    assert pair.policy().line_decision == "expected_f1"


def test_the_preset_asks_the_bundled_model_as_the_bundled_refiner_does():
    cascade, bundled = preset("cascade").chunk, preset("bundled").chunk
    assert cascade is not None
    assert bundled is not None
    own = {"name", "kind", "cascade"}
    assert cascade.model_dump(exclude=own) == bundled.model_dump(exclude=own)


def test_asking_is_worth_most_for_long_lines_near_the_cutoff():
    keep = np.array([0.99, 0.9, 0.5, 0.5, 0.42, 0.01])
    gains = expected_gains(keep, [50, 10, 10, 20, 10, 50], 1.0)
    assert gains[3] == pytest.approx(2 * gains[2])
    assert gains[4] > gains[2] > gains[1] > gains[5]
    assert (gains >= 0).all()
    assert gains.sum() < 1


def test_asking_is_worth_the_expected_rise_of_f1():
    """One unsure line beside a sure one, against drawing answers and measuring by the same formula."""
    keep, words, spread = np.array([0.999999, 0.45]), [10, 10], 1.5
    wanted = float(keep @ words)
    rng = np.random.default_rng(0)
    answers = 1 / (1 + np.exp(-(np.log(0.45 / 0.55) + spread * rng.normal(size=200_000))))
    cutoff = max(10 * keep[0] / (10 + wanted), (10 * keep[0] + 4.5) / (20 + wanted))
    kept = 20 if keep[1] >= cutoff else 10
    rises = np.maximum(answers - cutoff, 0).mean() - max(answers.mean() - cutoff, 0)
    assert expected_gains(keep, words, spread)[1] == pytest.approx(2 * 10 * rises / (kept + wanted), rel=0.02)


def test_a_document_without_words_gains_nothing():
    assert expected_gains(np.array([0.5, 0.5]), [0, 0], 1.0).tolist() == [0, 0]
