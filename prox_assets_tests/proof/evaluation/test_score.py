"""Scores of a trained model and of its learning curve; and `prox evaluate`."""

import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from prox_assets.cli import app
from prox_assets.proof.errors import ProofError
from prox_assets.proof.evaluation.bits import mean, standard_error
from prox_assets.proof.evaluation.huggingface import HuggingFaceModel
from prox_assets.proof.evaluation.score import score_model
from prox_assets.proof.results import TrainedModel, write_result
from prox_assets.proof.runs import ModelRun
from prox_assets.proof.tables import SCORES
from prox_assets.testing.tiny_models import make_tiny_llama
from prox_assets_tests.proof.evaluation.small_proof import PAGES, make_proof, small_settings

RUN = ModelRun("raw", "tiny", "tokens", 0)


def trained(**changes: Any) -> TrainedModel:
    values = {
        "arm": "raw",
        "model": "tiny",
        "budget": "tokens",
        "seed": 0,
        "identity": "i",
        "tokens": 1000,
        "unique_tokens": 1000,
        "documents": 5,
        "epochs": 1.0,
        "parameters": 1,
        "parameters_without_embeddings": 1,
        "flops": 0.0,
        "seconds": 1.0,
        "device": "cpu",
        "losses": [],
    }
    return TrainedModel.model_validate({**values, **changes})


def test_a_model_and_its_learning_curve_are_scored_text_by_text(tmp_path: Path) -> None:
    folder, lake = make_proof(tmp_path)
    file = tmp_path / "clean.jsonl"
    file.write_text(json.dumps({"text": "Light, water and carbon dioxide."}) + "\n")
    settings = small_settings(evaluation={"texts": [{"name": "clean", "path": str(file)}]})
    with pytest.raises(ProofError, match="tiny-tokens-0 of arm raw is not trained"):
        score_model(RUN, settings, folder, lake)

    finished = make_tiny_llama(folder.model(RUN), seed=0)
    # Points of the curve are weights alone: the tokenizer is the finished model's.
    point = make_tiny_llama(finished / "curve" / "400", seed=1)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (point / name).unlink()
    (finished / "curve" / "1000").mkdir()
    write_result(folder.model(RUN), trained())

    path = score_model(RUN, settings, folder, lake)
    assert path == folder.scores(RUN)
    assert pq.read_schema(path).equals(SCORES)
    scores = pl.read_parquet(path)
    counts = scores.group_by("evaluation", "tokens").len().rows()
    assert set(counts) == {("gold", 400, 2), ("gold", 1000, 2), ("raw", 1000, 3), ("clean", 1000, 1)}
    assert set(scores["measure"]) == {"bits_per_byte"}

    written = path.stat().st_mtime_ns
    assert score_model(RUN, settings, folder, lake).stat().st_mtime_ns == written, "current scores are kept"
    write_result(folder.model(RUN), trained(identity="another"))
    assert score_model(RUN, settings, folder, lake).stat().st_mtime_ns > written

    gold = PAGES[2][2]
    assert gold is not None
    by_hand = HuggingFaceModel(str(finished), device="cpu").negative_log_likelihoods([("", gold)])
    row = scores.filter(evaluation="gold", tokens=1000, item="web/doc2").row(0, named=True)
    assert row["value"] == pytest.approx(by_hand[0], rel=1e-5)
    assert row["weight"] == pytest.approx(math.log(2) * len(gold.encode()))
    assert row["site"] == "c.org"
    earlier = scores.filter(evaluation="gold", tokens=400, item="web/doc2").row(0, named=True)
    assert earlier["value"] != pytest.approx(row["value"], rel=1e-5)


def test_a_mean_of_ratios_weighs_texts_by_their_bytes() -> None:
    scores = [{"value": value, "weight": weight} for value, weight in ((1.0, 1.0), (6.0, 3.0))]
    assert mean(scores) == 7 / 4
    equal = [{"value": value, "weight": 1.0} for value in (0.0, 1.0, 1.0, 0.0, 1.0)]
    # What scipy.stats.sem says.
    assert standard_error(equal) == pytest.approx(0.2449489743)
    assert standard_error(equal[:1]) is None


def test_the_command_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    model = make_tiny_llama(tmp_path / "model")
    file = tmp_path / "pages.jsonl"
    texts = [page[1] for page in PAGES]
    file.write_text("".join(json.dumps({"body": text}) + "\n" for text in texts))
    arguments = ["evaluate", str(model), "--texts", str(file), "--column", "body"]
    result = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "table.json")])
    assert result.exit_code == 0, result.output
    assert "pages" in result.output
    [row] = json.loads((tmp_path / "table.json").read_text())
    nats = HuggingFaceModel(str(model), device="cpu").negative_log_likelihoods([("", text) for text in texts])
    expected = sum(nats) / math.log(2) / sum(len(text.encode()) for text in texts)
    assert row == {**row, "evaluation": "pages", "measure": "bits_per_byte", "items": len(texts)}
    assert row["value"] == pytest.approx(expected, rel=1e-5)
    assert CliRunner().invoke(app, ["evaluate", str(model)]).exit_code == 1
    assert CliRunner().invoke(app, ["evaluate", str(tmp_path / "none"), "--texts", str(file)]).exit_code == 1
