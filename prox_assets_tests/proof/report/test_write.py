"""The report of a proof that is written as files: its sentences, its numbers, its tables in the catalog, its page."""

import re
import shutil

import duckdb
import pytest

from prox_assets.catalog.connection import open_catalog
from prox_assets.catalog.file import write_catalog
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.proofs import PROOF_SCHEMAS, ProofTable
from prox_assets.proof.report.contents import ProofContents
from prox_assets.proof.report.write import write_report
from prox_assets.proof.statistics.break_even import RefiningCost
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.proof.scored_proofs import TINY, Effects, settings_of, write_proof

GAINS = {"refined": 0.05, "refined_random_lines": 0.03, "gopher": 0.01, "c4": -0.05, "oracle": 0.07}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def test_the_page_says_what_the_numbers_say(tmp_path):
    settings = settings_of()
    folder = write_proof(tmp_path, settings, Effects(GAINS, not_learned=("c4",)))
    refining = {"refined": RefiningCost(flops=6e10, seconds=300, device="cpu")}
    made = write_report(settings, folder, refining=refining, notes=["The refiner was trained on these pages."])
    assert ProofContents.model_validate_json(folder.verdicts().read_text()) == made
    page = folder.report().read_text()
    for found in made.findings.primary:
        assert found.sentence.replace("<", "&lt;") in page
    for limit in made.limits:
        assert limit in page
    assert made.limits[0] == "The refiner was trained on these pages."
    assert "Best rules: gopher." in page
    assert re.search(r"refined_random_lines</td>.*?<td class=\"n\">1.25</td><td class=\"n\">900</td>", page, re.S)
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert made.numbers["contrasts better"] == sum(found.verdict == "better" for found in made.findings.primary)
    assert made.markdown.splitlines()[0] == f"- {made.findings.primary[0].sentence}"


def test_arms_and_costs_are_counted(tmp_path):
    settings = settings_of()
    made = write_report(settings, write_proof(tmp_path, settings, Effects(GAINS)))
    refined = next(arm for arm in made.arms if arm.arm == "refined")
    # 75 documents serve training; every tenth document is dropped, and of the others 600 of 1,000 characters stay.
    assert (refined.documents, refined.documents_kept, refined.characters) == (75, 70, 42_000)
    assert refined.share_kept == pytest.approx(0.56)
    [ngram, llama] = made.costs
    assert (ngram.models, ngram.seconds, ngram.flops) == (24, 144, 0)
    assert (llama.models, llama.tokens, llama.flops) == (24, 24_000_000, 24 * 6e12)


def test_what_is_too_small_is_said(tmp_path):
    settings = settings_of(models=[{"kind": "ngram", "seeds": 2}, {**TINY, "arms": ["raw", "refined"]}])
    folder = write_proof(tmp_path, settings, Effects(GAINS, sites=4, untrained=(("raw", "tiny"),)))
    made = write_report(settings, folder)
    said = " ".join(made.limits)
    assert "There is no verdict on any of the 5 contrasts" not in said
    assert "There is no verdict on 4 of the 5 contrasts that were named beforehand: too small to conclude" in said
    assert "3 of 22 models are not trained or not scored: raw/tiny-tokens-0" in said
    assert "tiny is not trained on refined_random_lines and refined_random_documents" in said
    assert "No verdict on refined against raw" in folder.report().read_text()


def test_a_proof_that_has_not_begun_has_a_report(tmp_path):
    settings = settings_of()
    everything = tuple((arm.name, model.name) for arm in settings.arms for model in settings.models)
    made = write_report(settings, write_proof(tmp_path, settings, Effects(untrained=everything)))
    assert made.numbers["contrasts without verdict"] == 8
    assert not made.scores


@pytest.fixture(scope="module")
def contents(tmp_path_factory) -> tuple[Lake, ProofContents]:
    folder = tmp_path_factory.mktemp("proof")
    settings = settings_of()
    lake = lake_at(folder / "lake")
    return lake, write_report(settings, write_proof(folder / "proof", settings, Effects(GAINS)), lake)


def test_the_catalog_shows_proofs(tmp_path, contents):
    lake, made = contents
    with open_catalog(lake) as catalog:
        for table, schema in PROOF_SCHEMAS.items():
            assert catalog.sql(f"FROM {table}").columns == schema.names
        [row] = (
            catalog.sql("FROM proof_contrasts WHERE \"primary\" AND against = 'best_rules' AND model = '4gram'")
            .to_arrow_table()
            .to_pylist()
        )
        wanted = next(f for f in made.findings.primary if (f.against, f.model) == ("best_rules", "4gram"))
        assert row == {"proof": "pages", **wanted.model_dump(), "chosen": [*wanted.chosen], "reasons": []}
        assert catalog.sql("SELECT count(*) FROM proof_scores").fetchall() == [(len(made.scores),)]
        assert catalog.sql("SELECT count(*) FROM proof_arms").fetchall() == [(len(made.arms),)]
    assert lake.corpora() == []
    assert lake.owns(lake.storage.fs, lake.storage.path("_proofs/pages/arms.parquet"))


def test_a_lake_without_proofs_has_empty_views(tmp_path):
    lake = lake_at(tmp_path / "lake")
    with open_catalog(lake) as catalog:
        for table, schema in PROOF_SCHEMAS.items():
            assert catalog.sql(f"FROM {table}").columns == schema.names
            assert catalog.sql(f"FROM {table}").fetchall() == []
    with open_catalog(lake, only=[ProofTable.ARMS]) as catalog:
        assert catalog.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall() == [("proof_arms",)]


def test_the_catalog_file_shows_proofs(tmp_path, contents):
    lake, made = contents
    with duckdb.connect(str(write_catalog(lake, tmp_path / "catalog.duckdb")), read_only=True) as catalog:
        assert len(catalog.sql("FROM proof_arms").fetchall()) == len(made.arms)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1366)])
def test_the_page_fits_a_phone_and_a_screen(tmp_path, scheme, width):
    sync_api = pytest.importorskip("playwright.sync_api")
    settings = settings_of()
    folder = write_proof(tmp_path, settings, Effects(GAINS))
    write_report(settings, folder)
    messages: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
        page = context.new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.goto(f"file://{folder.report()}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".verdict").count() == 8
        assert page.locator("#curves ~ .grid figure svg path.line").count() == 4 * (8 + 7)  # scores, gains
        browser.close()
    assert messages == []
