"""A fitted selector as the document filter of a corpus."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import ValidationError
from typer.testing import CliRunner

from prox_assets.cli import app
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import load_refiner_pair, refiner_files, save_refiner
from prox_assets.refiners.open import open_document_refiner
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.selector.dsir import DsirRecord, DsirSelector
from prox_assets_tests.stages.shard_runs import write_pages

RECORD = DsirRecord(ngrams=1, buckets=10_000, gumbel=False, seed=0)
GOOD, BAD = "The river ran past the mill.\nIt was cold.", "Buy now, buy cheap, buy more"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    DsirSelector.fit([GOOD], [BAD], RECORD).save(tmp_path / "selector")
    return tmp_path / "selector"


def config_of(folder: Path, threshold: float = 0.0) -> RefinerConfig:
    return RefinerConfig(
        name="like-gold", level="doc", kind="selector", model=str(folder), selector_threshold=threshold
    )


def test_documents_below_the_threshold_are_dropped_with_the_score_as_the_reason(folder: Path) -> None:
    config = config_of(folder)
    refiner = open_document_refiner(config, model_path=folder)
    documents = [RefinerInput(str(number), text) for number, text in enumerate([BAD, "  ", GOOD, GOOD, BAD])]
    results = list(refiner.write_programs(documents))
    assert [result.doc_id for result in results] == ["0", "1", "2", "3", "4"]
    (score,) = DsirSelector.load(folder).score([BAD])
    assert results[0].program == f"drop_doc()  # selector dsir: score {score:.6g} below 0"
    assert results[1].skip_reason == "blank"
    assert results[2].program == "keep_doc()"


def test_a_score_at_the_threshold_keeps(folder: Path) -> None:
    (score,) = DsirSelector.load(folder).score([BAD])
    for threshold, call in ((score, "keep_doc()"), (float(np.nextafter(score, 0)), "drop_doc()")):
        refiner = open_document_refiner(config_of(folder, threshold), model_path=folder)
        (result,) = refiner.write_programs([RefinerInput("a", BAD)])
        assert (result.program or "").startswith(call)


def test_the_fingerprint_covers_files_and_threshold_and_no_path(folder: Path, tmp_path: Path) -> None:
    def fingerprint(config: RefinerConfig) -> str:
        return config.fingerprint(refiner_files(config))

    first = fingerprint(config_of(folder))
    DsirSelector.load(folder).save(tmp_path / "copy")
    assert fingerprint(config_of(tmp_path / "copy")) == first
    assert fingerprint(config_of(folder, 0.5)) != first
    DsirSelector.fit([GOOD], [f"{BAD} today"], RECORD).save(tmp_path / "copy")
    assert fingerprint(config_of(tmp_path / "copy")) != first
    DsirSelector.fit([GOOD], [BAD], RECORD.model_copy(update={"seed": 1})).save(tmp_path / "copy")
    assert fingerprint(config_of(tmp_path / "copy")) != first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": "chunk"}, "has level doc"),
        ({"model": None}, "needs model"),
        ({"selector_threshold": None}, "go together"),
        ({"kind": "rules"}, "go together"),
        ({"trained_scripts": ("latin",)}, "selectors abstain from nothing"),
        ({"selector_threshold": float("nan")}, "finite number"),
    ],
)
def test_settings_that_make_no_selector_are_refused(change: dict, message: str) -> None:
    settings = {"name": "a", "level": "doc", "kind": "selector", "model": "m", "selector_threshold": 0.0}
    RefinerConfig.model_validate(settings)
    with pytest.raises(ValidationError, match=message):
        RefinerConfig.model_validate({**settings, **change})


def test_a_folder_without_a_selector_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefinerError, match="holds no selector"):
        refiner_files(config_of(tmp_path))


def test_a_refiner_folder_may_hold_a_selector(folder: Path) -> None:
    written = save_refiner(config_of(folder), folder.parent / "refiner" / "doc", {}, refers=True)
    found = load_refiner_pair(str(folder.parent / "refiner"))
    assert found.doc == written
    assert found.chunk is None


def test_prox_refine_filters_a_corpus(folder: Path, tmp_path: Path) -> None:
    pages = write_pages(tmp_path / "pages.jsonl", [GOOD, BAD, "", GOOD.replace("mill", "bridge")])
    refiners = tmp_path / "filter.yaml"
    doc = {"name": "like-gold", "level": "doc", "kind": "selector", "model": str(folder), "selector_threshold": -1.0}
    refiners.write_text(yaml.safe_dump({"doc": doc}))
    arguments = ["refine", str(pages), "--lake", str(tmp_path / "lake"), "--refiner", str(refiners)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    lake = Lake(str(tmp_path / "lake"))
    outcomes = lake.scan("pages", Table.OUTCOMES).select("outcome", "reason").collect().rows()
    (score,) = DsirSelector.load(folder).score([BAD])
    assert outcomes[0] == ("kept_unchanged", None)
    assert outcomes[1] == ("dropped_by_document", f"selector dsir: score {score:.6g} below -1")
    assert outcomes[3] == ("kept_unchanged", None)
    assert lake.scan("pages", Table.REFINED).select("text").collect().to_series().to_list() == [
        GOOD,
        GOOD.replace("mill", "bridge"),
    ]
