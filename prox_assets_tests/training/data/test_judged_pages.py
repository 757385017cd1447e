"""Judged documents as labelled pages: what they label, and that the refiner lab reads them."""

from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prox_assets.browser import links
from prox_assets.cli import app
from prox_assets.lake.lake import Lake
from prox_assets.training.data.page_annotations import chunk_annotations, document_annotations
from prox_assets.training.data.pages import LabelledPage, read_labelled_pages
from prox_assets.training.data.targets.documents import document_target
from prox_assets.training.data.targets.lines import line_targets
from prox_assets.training.data.training_set import build_training_set
from prox_assets_tests.browser.lakes import CORPUS, SERVER, client_of, judgement_form, place_of_page
from prox_assets_tests.catalog.refined_lakes import PAGES, Page, refine_pages

PROSE = "\n".join(f"Sentence {n} of a page that goes on about its subject for as long as it has to." for n in range(40))
LONG = Page(f"Menu\n\n{PROSE}\nShare rivers", 'remove_lines(0, 0)\nnormalize(source_str=" rivers", target_str="")')
JUDGED = (
    (LONG.text, "good_edit", "ada"),
    ("Home\nabout hills", "good_edit", "ada"),
    ("Log in", "bad_edit", "ada"),
    ("dropped", "should_drop", "ada"),
    ("keep me", "should_drop", "ada"),
    ("keep me", "good_edit", "zoë"),
    ("nothing left", "should_keep", "ada"),
)


@pytest.fixture
def lake(tmp_path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    refine_pages(lake, tmp_path / "raw", (*PAGES, LONG))
    client = client_of(lake)
    for text, judgement, judge in JUDGED:
        place = place_of_page(lake, text)
        form = judgement_form(lake, place, judgement, judge=judge)
        assert client.post(links.judge(CORPUS, place.doc_id), data=form, headers={"origin": SERVER}).status_code == 200
    return lake


def exported(lake: Lake, folder: Path) -> tuple[dict[str, LabelledPage], str]:
    output = folder / "pages.parquet"
    done = CliRunner().invoke(app, ["judgements", "export", "--lake", lake.url, "--output", str(output)])
    assert done.exit_code == 0, done.output
    return {page.text_full.partition("\n")[0]: page for page in read_labelled_pages(output)}, done.output


def test_a_judgement_labels_what_it_says_and_no_more(lake, tmp_path):
    pages, said = exported(lake, tmp_path)
    assert set(pages) == {"Menu", "Home", "dropped"}
    assert "3 labelled pages" in said
    assert "left out 1: people disagree" in said
    assert "left out 2: the judgement says that the result is wrong" in said
    # A removed line, a blank one, kept ones; the last one has lost a word and stays.
    assert pages["Menu"].keep_full == (0, -1, *[1] * 40, 1)
    assert pages["Home"].keep_full == (0, 1)
    assert pages["Home"].site == "example.org"
    assert pages["dropped"].keep_full == (-1,)
    assert {page.dataset for page in pages.values()} == {CORPUS}
    # Nobody wrote down the main content, so no refiner is measured on these pages.
    assert all(page.is_silver for page in pages.values())


def test_the_lab_learns_what_was_judged(lake, tmp_path):
    pages, _ = exported(lake, tmp_path)
    target = document_target(pages["Menu"])
    assert target is not None
    assert target > 0.5
    dropped = document_target(pages["dropped"])
    assert dropped is not None
    assert dropped < 0.01
    # Two lines are no evidence that a document is worth keeping, and the judgement was about its edit.
    assert document_target(pages["Home"]) is None
    assert line_targets(pages["dropped"], "text_full").weights == [0.0]
    documents, _ = build_training_set("doc", document_annotations(list(pages.values()), 1))
    whole = [row for row in documents if row["doc_id"].endswith("#text_full")]
    assert Counter(row["decision"] for row in whole) == {"keep": 1, "drop": 1}
    chunks, _ = build_training_set("chunk", chunk_annotations(pages.values()))
    learned = {row["text"]: row for row in chunks}
    assert learned["Home\nabout hills"]["line_targets"] == [0.0, 1.0]
    assert learned["Home\nabout hills"]["program"] == "remove_lines(line_start=0, line_end=0)"


def test_a_good_edit_labels_nothing_once_the_document_is_refined_differently(lake, tmp_path):
    changed = tuple(Page(page.text, url=page.url, keep=page.keep) for page in (*PAGES, LONG))
    refine_pages(lake, tmp_path / "raw", changed)
    pages, said = exported(lake, tmp_path)
    assert set(pages) == {"dropped"}
    assert "left out 2: the document was refined differently since" in said


def test_no_judgement_labels_a_raw_text_that_has_changed(lake, tmp_path):
    refine_pages(lake, tmp_path / "raw", tuple(Page(f"new {n}") for n in range(len(PAGES) + 1)))
    pages, said = exported(lake, tmp_path)
    assert pages == {}
    assert "the raw text has changed since" in said
