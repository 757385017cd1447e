"""Refiners as folders: written, read, moved, spoiled."""

import json
import shutil

import pytest

from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import REFINER_FILE, load_refiner, load_refiner_pair, save_refiner
from prox_assets.refiners.model.find import find_model
from prox_assets.refiners.presets import named_refiners
from prox_assets.testing.tiny_models import make_tiny_llama

DOC = RefinerConfig(name="d", level="doc", model=".", prompt_format="plain", window=512, keep_threshold=0.3)
CHUNK = RefinerConfig(name="c", level="chunk", model=".", prompt_format="plain", window=512)


@pytest.fixture(scope="module")
def pair_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refiners") / "mine"
    for config in (DOC, CHUNK):
        model = make_tiny_llama(folder / config.level, max_position_embeddings=512)
        save_refiner(config, model, {"steps": 3})
    return folder


def test_a_folder_with_both_levels_is_a_pair_by_path_and_brings_its_threshold(pair_folder):
    pair = named_refiners(str(pair_folder))
    assert pair.name == "mine"
    assert pair.doc is not None
    assert pair.chunk is not None
    assert pair.doc.model == str(pair_folder / "doc")
    assert pair.policy().doc_keep_threshold == 0.3
    assert pair.policy(doc_keep_threshold=0.6).doc_keep_threshold == 0.6


def test_a_folder_of_one_refiner_is_a_pair_with_one_level(pair_folder):
    pair = load_refiner_pair(str(pair_folder / "chunk"))
    assert pair.doc is None
    assert pair.chunk == CHUNK.model_copy(update={"model": str(pair_folder / "chunk")})


def test_the_folder_of_a_lab_is_a_pair_of_what_it_has_finished(pair_folder, tmp_path):
    lab = tmp_path / "lab"
    shutil.copytree(pair_folder / "chunk", lab / "chunk" / "model")
    (lab / "doc" / "training").mkdir(parents=True)
    pair = named_refiners(str(lab))
    assert (pair.name, pair.doc) == ("lab", None)
    assert pair.chunk == CHUNK.model_copy(update={"model": str(lab / "chunk" / "model")})
    shutil.copytree(pair_folder / "doc", lab / "doc" / "model")
    assert named_refiners(str(lab)).doc == DOC.model_copy(update={"model": str(lab / "doc" / "model")})


def test_a_folder_can_be_moved(pair_folder, tmp_path):
    shutil.copytree(pair_folder / "doc", tmp_path / "elsewhere")
    assert load_refiner(str(tmp_path / "elsewhere")).model == str(tmp_path / "elsewhere")


def test_the_folder_says_which_fingerprint_it_was_written_with(pair_folder):
    for config in (DOC, CHUNK):
        content = json.loads((pair_folder / config.level / REFINER_FILE).read_text())
        assert content["fingerprint"] == config.fingerprint(find_model(str(pair_folder / config.level)))
        assert content["training"] == {"steps": 3}


def test_folders_without_a_refiner_and_damaged_files_are_refused(pair_folder, tmp_path):
    with pytest.raises(RefinerError, match="holds no refiner"):
        load_refiner_pair(str(tmp_path))
    shutil.copytree(pair_folder / "doc", tmp_path / "doc")
    (tmp_path / "doc" / REFINER_FILE).write_text(json.dumps({"refiner": {}}))
    with pytest.raises(RefinerError, match="cannot be read"):
        load_refiner(str(tmp_path / "doc"))
    with pytest.raises(RefinerError, match="nor a folder of that name"):
        named_refiners(str(tmp_path / "nowhere"))
