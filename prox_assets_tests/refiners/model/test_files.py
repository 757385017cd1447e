"""Finding and hashing model files."""

import os
import shutil
from pathlib import Path

import pytest

from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.find import find_model


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def test_equal_files_have_equal_hashes_wherever_they_are(tiny_folder, tmp_path):
    here, there = find_model(str(tiny_folder)), find_model(str(copied(tiny_folder, tmp_path / "there")))
    assert (here.weights_hash, here.tokenizer_hash) == (there.weights_hash, there.tokenizer_hash)
    assert there.revision is None


def test_a_changed_byte_of_the_weights_changes_their_hash_alone(tiny_folder, tmp_path):
    folder = copied(tiny_folder, tmp_path / "model")
    before = find_model(str(folder))
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(1, 1))
    after = find_model(str(folder))
    assert before.weights_hash != after.weights_hash
    assert before.tokenizer_hash == after.tokenizer_hash


def test_the_shape_of_the_model_counts_as_weights_and_special_tokens_as_tokenizer(tiny_folder, tmp_path):
    folder = copied(tiny_folder, tmp_path / "model")
    before = find_model(str(folder))
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"rope_theta": 10000.0', '"rope_theta": 500000.0') + " ")
    reshaped = find_model(str(folder))
    assert (reshaped.weights_hash == before.weights_hash, reshaped.tokenizer_hash == before.tokenizer_hash) == (
        False,
        True,
    )
    (folder / "special_tokens_map.json").write_text("{}")
    assert find_model(str(folder)).tokenizer_hash != before.tokenizer_hash


def test_pickled_weights_are_refused_with_the_way_to_convert_them(tiny_folder, tmp_path):
    folder = copied(tiny_folder, tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(RefinerError, match=r"pytorch_model\.bin.*save_pretrained"):
        find_model(str(folder))


@pytest.mark.parametrize(
    ("missing", "message"), [("config.json", "no config.json"), ("tokenizer*", "no tokenizer files")]
)
def test_an_incomplete_folder_is_refused(tiny_folder, tmp_path, missing, message):
    folder = copied(tiny_folder, tmp_path / "model")
    for file in folder.glob(missing):
        file.unlink()
    with pytest.raises(RefinerError, match=message):
        find_model(str(folder))


def test_a_folder_that_does_not_exist_and_a_revision_of_a_folder_are_refused(tiny_folder):
    with pytest.raises(RefinerError, match="does not exist"):
        find_model("./no/such/folder")
    with pytest.raises(RefinerError, match="no revision"):
        find_model(str(tiny_folder), revision="main")


def test_an_unreachable_hub_is_named_with_what_to_do(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(RefinerError, match=r"HF_HUB_OFFLINE is set.*hf download somebody/some-model"):
        find_model("somebody/some-model")


def test_a_cached_snapshot_is_found_offline_with_its_commit(monkeypatch, tiny_folder, tmp_path):
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--somebody--some-model"
    copied(tiny_folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    files = find_model("somebody/some-model", revision="main")
    assert (files.revision, files.weights_hash) == (commit, find_model(str(tiny_folder)).weights_hash)
