"""The oracle of real pages and its control, where there are labelled pages."""

import os
from pathlib import Path

import polars as pl
import pytest

from prox_assets.corpora.source import CorpusSource
from prox_assets.proof.arms.build import write_arm
from prox_assets.proof.arms.table import arm_texts
from prox_assets.proof.texts.documents import write_documents
from prox_assets.training.data.pages import PAGES_VARIABLE
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.proof.refined_sample import proof_of, refine

pytestmark = pytest.mark.skipif(PAGES_VARIABLE not in os.environ, reason="needs labelled pages")


def test_random_lines_have_as_many_characters_as_the_oracle_page_by_page(tmp_path: Path) -> None:
    pages = pl.read_parquet(os.environ[PAGES_VARIABLE]).head(150)
    pages.select("url", "site", "keep_full", text="text_full").write_parquet(tmp_path / "pages.parquet")
    lake = lake_at(tmp_path / "lake")
    refine(lake, CorpusSource(name="web", urls=[str(tmp_path / "pages.parquet")]), refiner="keep-all")
    settings, folder = proof_of(tmp_path / "proof", {"kind": "oracle"}, corpus="web", text={"site": "site"})
    write_documents(lake, settings, folder)
    for arm in settings.arms:
        write_arm(lake, settings, folder, arm.name)
    raw, oracle, control = (dict(arm_texts(lake, folder, arm)) for arm in ("raw", "oracle", "oracle_random_lines"))
    labels = dict(zip(pages["text_full"], pages["keep_full"], strict=True))
    for position, text in raw.items():
        lines = text.split("\n")
        kept = [line for line, label in zip(lines, labels[text], strict=True) if label != 0]
        assert oracle[position] == "\n".join(kept)
        assert abs(len(control[position]) - len(oracle[position])) <= max(map(len, lines)) + 1
    share = {arm: sum(map(len, texts.values())) for arm, texts in (("oracle", oracle), ("control", control))}
    assert share["control"] == pytest.approx(share["oracle"], rel=0.02)
    assert share["oracle"] < 0.9 * sum(map(len, raw.values()))
