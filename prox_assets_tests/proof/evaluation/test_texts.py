"""Evaluation sets made of held-out sites and of files."""

import json
import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_assets.proof.evaluation.errors import EvaluationError
from prox_assets.proof.evaluation.texts import evaluation_texts
from prox_assets.proof.tables import TEXTS
from prox_assets_tests.proof.evaluation.small_proof import PAGES, make_proof, small_settings


def test_gold_and_raw_are_the_texts_of_held_out_sites_in_the_order_of_all_arms(tmp_path: Path) -> None:
    folder, lake = make_proof(tmp_path)
    paths = evaluation_texts(small_settings(), folder, lake)
    assert list(paths) == ["gold", "raw"]
    gold, raw = (pq.read_table(paths[name]) for name in ("gold", "raw"))
    assert raw.schema.equals(TEXTS)
    # Of five pages, one is for training, one is too short, and one has no gold text.
    assert raw["item"].to_pylist() == ["web/doc3", "web/doc2", "web/doc0"]
    assert raw["text"].to_pylist() == [PAGES[3][1], PAGES[2][1], PAGES[0][1]]
    assert raw["site"].to_pylist() == ["a.org", "c.org", "a.org"]
    assert gold["item"].to_pylist() == ["web/doc2", "web/doc0"]
    assert gold["text"].to_pylist() == [PAGES[2][2], PAGES[0][2]]
    assert set(raw["context"].to_pylist()) == {""}


def test_texts_are_cut_and_made_anew_only_when_something_has_changed(tmp_path: Path) -> None:
    folder, lake = make_proof(tmp_path)
    paths = evaluation_texts(small_settings(), folder, lake)
    before = paths["raw"].stat().st_mtime_ns
    evaluation_texts(small_settings(), folder, lake)
    assert paths["raw"].stat().st_mtime_ns == before
    text = {"gold": "gold", "shortest": 20, "held_out_characters": 100}
    longer = {**text, "held_out": 0.3}
    evaluation_texts(small_settings(text=longer), folder, lake)
    assert paths["raw"].stat().st_mtime_ns > before
    file = tmp_path / "long.jsonl"
    file.write_text(json.dumps({"text": "x" * 150}) + "\n" + json.dumps({"text": "short"}) + "\n")
    settings = small_settings(evaluation={"texts": [{"name": "long", "path": str(file)}]})
    [row] = pq.read_table(evaluation_texts(settings, folder, lake)["long"]).to_pylist()
    assert row == {"item": "long/0", "site": "long/0", "context": "", "text": "x" * 100}


def test_without_a_column_of_gold_text_there_is_only_raw(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, lake = make_proof(tmp_path)
    with caplog.at_level(logging.WARNING):
        paths = evaluation_texts(small_settings(text={"shortest": 20}), folder, lake)
    assert list(paths) == ["raw"]
    assert "no evaluation set gold" in caplog.text


def test_a_set_that_shares_sites_with_training_is_refused(tmp_path: Path) -> None:
    folder, lake = make_proof(tmp_path)
    file = tmp_path / "clean.parquet"
    rows = [{"body": "A clean text of another kind.", "from": site} for site in ("new.org", "b.org")]
    pq.write_table(pa.Table.from_pylist(rows), file)
    named = {"name": "clean", "path": str(file), "column": "body"}
    settings = small_settings(evaluation={"texts": [{**named, "site": "from"}]})
    with pytest.raises(EvaluationError, match=r"clean shares 1 sites with training, among them b\.org"):
        evaluation_texts(settings, folder, lake)
    assert not folder.evaluation("clean").exists()
    # One page of a.org held out, the other not: the split was not by site.
    folder, lake = make_proof(tmp_path / "other", held_out=[True, False, True, False, True])
    with pytest.raises(EvaluationError, match=r"gold shares 1 sites with training, among them a\.org"):
        evaluation_texts(small_settings(), folder, lake)


def test_what_is_wrong_with_texts_is_said(tmp_path: Path) -> None:
    folder, lake = make_proof(tmp_path)
    with pytest.raises(EvaluationError, match=r"column main \(text\.gold\); columns there: gold, site"):
        evaluation_texts(small_settings(text={"gold": "main", "shortest": 20}), folder, lake)
    file = tmp_path / "clean.jsonl"
    settings = small_settings(evaluation={"texts": [{"name": "clean", "path": str(file), "column": "body"}]})
    with pytest.raises(EvaluationError, match=r"clean\.jsonl of evaluation set clean is not there"):
        evaluation_texts(settings, folder, lake)
    file.write_text('{"text": "A clean text of another kind."}\n')
    with pytest.raises(EvaluationError, match=r"clean\.jsonl has no column body; it has text"):
        evaluation_texts(settings, folder, lake)
    file.write_text("no JSON\n")
    with pytest.raises(EvaluationError, match="cannot be read as Parquet or JSON Lines"):
        evaluation_texts(settings, folder, lake)
    file.write_text('{"body": "short"}\n')
    with pytest.raises(EvaluationError, match="evaluation set clean has no text"):
        evaluation_texts(settings, folder, lake)
    folder.documents().unlink()
    with pytest.raises(EvaluationError, match="the arms are made before models are scored"):
        evaluation_texts(small_settings(), folder, lake)
