"""The page of a trace: whole, self-contained, and safe whatever the web put into it."""

from html.parser import HTMLParser

import pytest

from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.trace.page import trace_page
from prox_assets.catalog.trace.read import read_trace
from prox_assets.lake.schemas import Table
from prox_assets_tests.catalog.lives import (
    HOSTILE,
    TEXTS,
    _answer,
    all_fates,
    damage,
    in_dialect,
    life_of,
    place_of,
    scored,
)
from prox_assets_tests.stages.shard_runs import rows


class Page(HTMLParser):
    """Tags, attributes and text of a page, and whether its tags close in order."""

    VOID = ("meta", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return all_fates(tmp_path_factory.mktemp("lake"))


@pytest.mark.parametrize("name", TEXTS)
def test_a_page_is_well_formed_and_fetches_and_runs_nothing(run, name):
    source = trace_page(life_of(run, name))
    page = Page(source)
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "a", "form", "svg"}
    assert not {name for name in page.attributes if name.startswith("on")} | (
        page.attributes & {"src", "href", "style"}
    )
    assert "url(" not in source
    assert "@import" not in source
    assert "default-src 'none'" in source
    assert "prefers-color-scheme: dark" in source


def test_script_tags_in_text_url_and_program_are_shown_as_text(run):
    life = life_of(run, "hostile")
    url = "javascript:alert(1)//\"><script>alert('url')</script>"
    object.__setattr__(life, "url", url)
    source = trace_page(life)
    page = Page(source)
    assert "script" not in page.tags
    for hostile in (url, "<script>alert('text')</script>", "<script>alert('program')</script>", "</pre>"):
        assert hostile in page.text


def test_what_a_browser_or_reader_would_obey_is_made_visible(run):
    source = trace_page(life_of(run, "hostile"))
    assert not {character for character in source if not character.isprintable() and character != "\n"}
    assert "\u202e" in HOSTILE
    assert "\ufffd mirrored" in source or "\ufffdmirrored" in source


def test_a_page_tells_the_whole_life(run):
    life = life_of(run, "edited")
    text = " ".join(Page(trace_page(life)).text.split())
    for expected in (
        life.place.doc_id,
        "kept_edited",
        "row 1 of pages.jsonl",
        "chunk 1: lines 2 to 3, stop, 100 prompt and 9 answer tokens",
        'normalize(source_str="[1]", target_str="")',
        '{"source_str": "end", "target_str": "finish"}',
        "A page with a menu.",
        "run-1",
        life.doc_refiner.fingerprint if life.doc_refiner else "?",
    ):
        assert expected in text
    source = trace_page(life)
    assert "<del>[1]</del>" in source
    assert "<del>end</del><ins>finish</ins>" in source


def test_scored_lines_are_shown_with_their_probability(tmp_path):
    run = scored(tmp_path)
    row = rows(run, Table.DOCUMENTS)[0]
    text = " ".join(
        Page(trace_page(read_trace(run.lake, DocumentPlace("web", run.shard, row["doc_id"], 0)))).text.split()
    )
    assert "P(keep) 0.9000 ≥ doc_keep_threshold 0.5" in text
    assert "4 lines scored, 1 below line_keep_threshold 0.5" in text
    assert "00.100menu[1]" in text.replace(" ", "")


def test_warnings_and_gaps_are_on_the_page(tmp_path):
    run = all_fates(tmp_path)
    place = place_of(run, "edited")
    path = damage(run, Table.POLICIES)
    text = Page(trace_page(read_trace(run.lake, place))).text
    assert f"{path} is damaged" in text
    assert "Lines are compared, since the rules of the execution are not known." in text


def test_a_long_rewrite_that_was_only_recorded_is_folded(tmp_path):
    text = "A sentence of a new page. " * 20
    program = f"<rewrite>\n<extract>\nrm 1\n<rewrite>\n{text}"
    run = in_dialect(tmp_path, "rescraper", {"edited": [_answer(0, (0, 3), program)]})
    life = life_of(run, "edited")
    assert [(edit.operation, edit.status) for edit in life.chunks[0].edits] == [
        ("remove_lines", "applied"),
        ("rewrite", "recorded"),
    ]
    page = trace_page(life)
    assert f"<summary>{len(life.chunks[0].edits[1].arguments)} characters</summary>" in page
    assert "recorded" in Page(page).text
    assert life.refined_text == TEXTS["edited"].removeprefix("menu\n")


def test_inserted_lines_and_a_worthless_page_are_told(tmp_path):
    answers = {
        "edited": [_answer(0, (0, 3), "add_line(1, 1, 'A new title')\nreplace_str(2, '[1]', '')")],
        "emptied": [_answer(0, (0, 0), "remove_all()")],
    }
    run = in_dialect(tmp_path, "ultrax", answers)
    assert '<div class="line added"><span class="number"></span>' in trace_page(life_of(run, "edited"))
    page = Page(trace_page(life_of(run, "edited")))
    assert "A new title" in page.text
    worthless = Page(trace_page(life_of(run, "emptied")))
    assert "dropped_by_chunks (judged_worthless)" in worthless.text
