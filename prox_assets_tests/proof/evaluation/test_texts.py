"""Evaluation sets made of held-out sites and of files."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_assets.proof.errors import ProofError
from prox_assets.proof.evaluation.texts import evaluation_texts
from prox_assets.proof.tables import TEXTS
from prox_assets_tests.proof.evaluation.small_proof import PAGES, make_proof, small_settings


def test_gold_and_raw_are_the_texts_of_held_out_sites_in_the_order_of_all_arms(tmp_path: Path) -> None:
    folder, lake = make_proof(tmp_path)
    paths = evaluation_texts(small_settings(), folder, lake)
    assert list(paths) == ["gold", "raw"]
    gold, raw = (pq.read_table(paths[name]) for name in ("gold", "raw"))
    assert raw.schema.equals(TEXTS)
    # Of the pages of sites that are held out, one is too short, and one has no gold text.
    assert raw["item"].to_pylist() == ["web/doc0", "web/doc2", "web/doc3"]
    assert raw["text"].to_pylist() == [PAGES[0][1], PAGES[2][1], PAGES[3][1]]
    assert raw["site"].to_pylist() == ["a.org", "c.org", "a.org"]
    assert gold["item"].to_pylist() == ["web/doc0", "web/doc2"]
    assert gold["text"].to_pylist() == [PAGES[0][2], PAGES[2][2]]
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


def test_without_gold_text_there_is_only_raw(tmp_path: Path) -> None:
    folder, lake = make_proof(tmp_path)
    assert list(evaluation_texts(small_settings(text={"shortest": 20}), folder, lake)) == ["raw"]


def test_gold_text_may_lie_in_a_file_by_address(tmp_path: Path) -> None:
    folder, lake = make_proof(tmp_path)
    file = tmp_path / "gold.jsonl"
    file.write_text(json.dumps({"page": "https://c.org/2", "main": "Written down by somebody else."}) + "\n")
    gold = {"path": str(file), "url": "page", "column": "main"}
    settings = small_settings(text={"gold": gold, "site": "site", "shortest": 20})
    [row] = pq.read_table(evaluation_texts(settings, folder, lake)["gold"]).to_pylist()
    assert (row["item"], row["text"]) == ("web/doc2", "Written down by somebody else.")
    file.write_text(json.dumps({"page": "https://elsewhere.org/", "main": "Of a page that is not there."}) + "\n")
    with pytest.raises(ProofError, match="no held-out document has a gold text"):
        evaluation_texts(settings, folder, lake)
    with pytest.raises(ProofError, match="has no column body; it has page, main"):
        evaluation_texts(small_settings(text={"gold": {**gold, "column": "body"}, "shortest": 20}), folder, lake)


def test_a_set_that_shares_sites_with_training_is_refused(tmp_path: Path) -> None:
    folder, lake = make_proof(tmp_path)
    file = tmp_path / "clean.parquet"
    rows = [{"body": "A clean text of another kind.", "from": site} for site in ("new.org", "b.org")]
    pq.write_table(pa.Table.from_pylist(rows), file)
    named = {"name": "clean", "path": str(file), "column": "body"}
    settings = small_settings(evaluation={"texts": [{**named, "site": "from"}]})
    with pytest.raises(ProofError, match=r"clean shares 1 sites with training, among them b\.org"):
        evaluation_texts(settings, folder, lake)
    assert not folder.evaluation("clean").exists()
    # One page of a.org held out, the other not: the split was not by site.
    folder, lake = make_proof(tmp_path / "other", held_out=[True, False, True, False, True, False, False, False, False])
    with pytest.raises(ProofError, match=r"gold shares 1 sites with training, among them a\.org"):
        evaluation_texts(small_settings(), folder, lake)


def test_what_is_wrong_with_texts_is_said(tmp_path: Path) -> None:
    folder, lake = make_proof(tmp_path)
    with pytest.raises(ProofError, match=r"\(text\.gold: main\); native columns of the documents: gold, site"):
        evaluation_texts(small_settings(text={"gold": "main", "shortest": 20}), folder, lake)
    file = tmp_path / "clean.jsonl"
    settings = small_settings(evaluation={"texts": [{"name": "clean", "path": str(file), "column": "body"}]})
    with pytest.raises(ProofError, match=r"clean\.jsonl of evaluation set clean is not there"):
        evaluation_texts(settings, folder, lake)
    file.write_text('{"text": "A clean text of another kind."}\n')
    with pytest.raises(ProofError, match=r"clean\.jsonl has no column body; it has text"):
        evaluation_texts(settings, folder, lake)
    file.write_text("no JSON\n")
    with pytest.raises(ProofError, match="cannot be read as Parquet or JSON Lines"):
        evaluation_texts(settings, folder, lake)
    file.write_text('{"body": "short"}\n')
    with pytest.raises(ProofError, match="evaluation set clean has no text"):
        evaluation_texts(settings, folder, lake)
    folder.documents().unlink()
    with pytest.raises(ProofError, match="the arms are made before models are scored"):
        evaluation_texts(small_settings(), folder, lake)
