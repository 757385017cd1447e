"""From labels to targets: lines and documents."""

import pytest

from prox_assets.training.data.page_annotations import chunk_annotations
from prox_assets.training.data.targets.documents import document_target, main_words
from prox_assets.training.data.targets.lines import AMBIGUOUS_WEIGHT, BLANK_WEIGHT, line_targets
from prox_assets_tests.training.synthetic_pages import labelled_page


def test_labelled_lines_count_in_full_and_ambiguous_ones_by_their_share_of_the_gold_text():
    page = labelled_page(
        text_full="Home\nthe cat sat on the mat today\nthe cat sat on a roof over there",
        keep_full=(0, 1, -1),
        gold="the cat sat on the mat today",
    )
    found = line_targets(page, "text_full")
    assert found.targets == [0.0, 1.0, pytest.approx(2 / 6)]
    assert found.weights == [1.0, 1.0, AMBIGUOUS_WEIGHT]


def test_an_ambiguous_line_counts_nothing_where_there_is_no_gold_text_or_it_is_too_short():
    short = labelled_page(text_full="two words\nkept", keep_full=(-1, 1))
    silver = labelled_page(text_full="one two three four\nkept", keep_full=(-1, 1), gold="")
    assert line_targets(short, "text_full").weights[0] == 0
    assert line_targets(silver, "text_full").weights[0] == 0


def test_a_blank_line_follows_the_line_before_it():
    page = labelled_page(text_full="\nkept\n\nHome\n ", keep_full=(-1, 1, -1, 0, -1))
    found = line_targets(page, "text_full")
    assert [found.targets[place] for place in (0, 2, 4)] == [0.0, 1.0, 0.0]
    assert found.weights[2] == BLANK_WEIGHT


def prose(words: int) -> dict[str, object]:
    line = "word " * 10
    return {"text_full": "\n".join([line] * (words // 10)), "keep_full": (1,) * (words // 10)}


@pytest.mark.parametrize(("kind", "needed"), [("article", 50), ("service", 50), ("product", 100), ("listing", 150)])
def test_how_much_main_content_a_page_needs_depends_on_its_type(kind, needed):
    enough = document_target(labelled_page(page_type=kind, **prose(needed + 10)))
    too_little = document_target(labelled_page(page_type=kind, **prose(needed - 10)))
    assert enough is not None
    assert too_little is not None
    assert too_little < 0.5 < enough


def test_short_lines_count_where_people_read_and_not_where_they_look_things_up():
    lines = {"text_full": "\n".join(["word " * 9] * 40), "keep_full": (1,) * 40}
    poem, names = (document_target(labelled_page(page_type=kind, **lines)) for kind in ("article", "collection"))
    assert poem is not None
    assert names is not None
    assert names < 0.5 < poem


def test_boilerplate_decides_nothing_and_an_unknown_type_has_no_target():
    page = labelled_page(text_full="\n".join(["word " * 9, "word " * 20, "word " * 30]), keep_full=(1, 0, 1))
    assert main_words(page) == 39
    assert main_words(page, 10) == 30
    more = labelled_page(
        text_full="\n".join(["word " * 10] * 100), keep_full=(1,) * 10 + (0,) * 90, page_type="article"
    )
    assert document_target(more) == document_target(labelled_page(page_type="article", **prose(100)))
    assert document_target(labelled_page(page_type="poem")) is None


def test_programs_leave_lines_of_which_nobody_knows():
    page = labelled_page(text_full="Home\nodd\nHome", keep_full=(0, -1, 0), text_main="", keep_main=(-1,))
    [full, _] = chunk_annotations([page])
    assert full["program"] == "remove_lines(line_start=0, line_end=0)\nremove_lines(line_start=2, line_end=2)"
    assert full["line_weights"] == [1.0, 0.0, 1.0]
