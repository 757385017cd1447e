"""When a proof is out of date, and why."""

import os
from pathlib import Path

from prox_assets.proof.freshness import changes_since
from prox_assets.proof.texts.documents import write_documents
from prox_assets_tests.catalog.refined_lakes import refine_pages
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.proof.refined_sample import proof_of
from prox_assets_tests.proof.texts.test_documents import site_pages


def test_a_proof_is_out_of_date_once_its_corpora_were_executed_again(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    refine_pages(lake, tmp_path / "raw", site_pages(16))
    settings, folder = proof_of(tmp_path / "proof", {"kind": "refined"}, corpus="web")
    assert changes_since(lake, settings, folder) == ["the arms have not been made yet"]
    write_documents(lake, settings, folder)
    assert changes_since(lake, settings, folder) == ["the report has not been written yet"]
    folder.report().write_text("a report")
    assert changes_since(lake, settings, folder) == []
    lake.write_manifest("web", "one.jsonl", "another", "run-2", {})
    assert changes_since(lake, settings, folder) == ["shards of web were executed again: one.jsonl"]
    refine_pages(lake, tmp_path / "raw", site_pages(17))
    refine_pages(lake, tmp_path / "raw", site_pages(2), shard="two.jsonl")
    assert changes_since(lake, settings, folder) == [
        "shards of web are new: two.jsonl",
        "shards of web were read again: one.jsonl",
        "shards of web were executed again: one.jsonl",
    ]
    write_documents(lake, settings, folder)
    assert changes_since(lake, settings, folder) == ["arms were made again since the report was written"]
    os.utime(folder.report())
    assert changes_since(lake, settings, folder) == []
