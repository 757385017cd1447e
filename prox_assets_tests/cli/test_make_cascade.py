"""`python -m prox_assets.cli.make_cascade`: a cascade of the package's classifier and a tiny model."""

import pytest

from prox_assets.cli.make_cascade import main
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.folder import load_refiner_pair, refiner_files, save_refiner
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets_tests.refiners.conftest import LINE_LABELS, make_line_labels_llama
from prox_assets_tests.training.synthetic_pages import write_pages


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Refiners of both levels with random weights; those of the chunks have their labels the right way round."""
    folder = tmp_path_factory.mktemp("model")
    turned = LINE_LABELS.model_copy(update={"keep_token": "<R>", "remove_token": "<K>"})
    for level, labels in (("doc", LINE_LABELS), ("chunk", turned)):
        make_line_labels_llama(folder / level, LINE_LABELS)
        settings = {"dialect": "line-labels", "line_labels": labels, "window": 300, "probe": False}
        config = RefinerConfig.model_validate({"name": f"tiny-{level}", "level": level, "model": ".", **settings})
        save_refiner(config, folder / level, {})
    return folder


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return write_pages(tmp_path_factory.mktemp("pages") / "pages.parquet", 400)


def test_a_folder_names_both_refiners_and_opens_as_a_cascade(model, pages, tmp_path, capsys):
    assert main([str(tmp_path / "made"), "--model", str(model), "--pages", str(pages), "--min-gain", "0.01"]) == 0
    said = capsys.readouterr().out
    pair = load_refiner_pair(str(tmp_path / "made"))
    for level, config in (("doc", pair.doc), ("chunk", pair.chunk)):
        assert config is not None
        assert (config.kind, config.name, config.model) == ("cascade", f"cascade-{level}", str(model / level))
        assert config.cascade is not None
        assert config.cascade.min_gain == 0.01
        assert f"{config.cascade.model_weight:.3g}" in said
        assert config.fingerprint(refiner_files(config))
    with RefinerSession(pair.chunk, "chunk", TransformersEngineConfig(device="cpu", dtype="float32")) as session:
        [answer] = session.chunk_refiner().write_programs([RefinerInput("a", "Home\nCart\nA sentence about a bridge.")])
    assert answer.rows[0].classifier_keep_probabilities is not None


def test_what_is_missing_is_said(model, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("PROX_LABELLED_PAGES", raising=False)
    assert main([str(tmp_path), "--model", str(model)]) == 1
    assert "0 texts of development sites" in capsys.readouterr().out
    assert main([str(tmp_path), "--model", str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().out
