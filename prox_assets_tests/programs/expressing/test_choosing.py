"""Which calls a dialect has for a change, and what it has no words for."""

from collections.abc import Mapping

import pytest

from prox_assets.programs import DIALECTS, InsertLine, KeepChunk, Operation, RemoveAll, RemoveLines, ReplaceInLine
from prox_assets.programs.execution.judging import SEARCH_LIMIT
from prox_assets.programs.expressing.changes import Changes, Inserted, Replaced
from prox_assets.programs.expressing.choosing import APART, SHORTEST_WITHIN, Unsaid, choose, to_drop
from prox_assets.programs.expressing.strings import ShownLine, equal_removals, naming, occurs_once


def said(dialect: str, text: str, **changes) -> tuple[tuple[Operation, ...], Mapping[Unsaid, int]]:
    chosen = choose(text.split("\n"), Changes(**changes), DIALECTS[dialect])
    return chosen.operations, +chosen.unsaid


def inside(line: str, *spans: str | tuple[str, str]) -> dict[int, tuple[Replaced, ...]]:
    """Return spans of a line, each found after the one before it; alone it goes, in a pair it is replaced."""
    place, found = 0, []
    for span in spans:
        old, new = (span, "") if isinstance(span, str) else span
        place = line.index(old, place)
        found.append(Replaced(place, place + len(old), new))
        place += len(old)
    return {0: tuple(found)}


@pytest.mark.parametrize(
    ("line", "span", "expected"),
    [
        ("See [1] there.", "[1]", "[1]"),
        ("See [1], or [1] there.", "[1]", "[1],"),  # the comma tells it from the other one
        ("aab aab", "aab", "aab "),
        ("aaaa", "a", "aaaa"),
    ],
)
def test_the_shortest_string_that_stands_for_a_place_alone(line, span, expected):
    start = line.index(span)
    first, last = naming(line, start, start + len(span))
    assert line[first:last] == expected
    assert occurs_once(line, line[first:last])


def test_matches_that_overlap_count():
    assert not occurs_once("ababa", "aba")
    assert occurs_once("abba", "ab")


def test_a_carriage_return_at_the_end_is_no_context_unless_it_is_changed():
    assert naming("a a\r", 2, 3) == (1, 3)
    assert naming("a\r", 1, 2) == (1, 2)


def test_removals_that_leave_the_same_line():
    line = "a [1] b [1] c"
    ranges = list(equal_removals(line, 1, 5, 0, len(line)))
    assert [line[slice(*place)] for place in ranges] == [" [1]", "[1] "]
    assert {line[:start] + line[end:] for start, end in ranges} == {"a b [1] c"}
    assert list(equal_removals("aaaa", 1, 2, 1, 2)) == [(1, 2)]


def test_a_string_that_occurs_twice_gets_context_where_the_dialect_replaces():
    line = "One [1] and two [1]."
    spans = inside(line, "[1]")
    assert said("ultrax", line, replaced=spans) == ((ReplaceInLine(0, "[1] ", " "),), {})
    assert said("refinex", line, replaced=spans) == ((KeepChunk(),), {Unsaid.NOT_UNIQUE: 1})


def test_a_removal_that_no_string_names_is_left_out():
    line = "x[1]y[1]z"
    assert said("refinex", line, replaced=inside(line, "[1]")) == ((KeepChunk(),), {Unsaid.NOT_UNIQUE: 1})
    first = (ReplaceInLine(0, "[1]", occurrence="first"),)
    assert said("rescraper", line, replaced=inside(line, "[1]")) == (first, {})
    second = {0: (Replaced(5, 8, ""),)}
    assert said("rescraper", line, replaced=second) == ((KeepChunk(),), {Unsaid.NOT_UNIQUE: 1})
    assert said("refinex", line, replaced=second)[1] == {Unsaid.NOT_UNIQUE: 1}


def test_a_removal_is_said_by_a_neighbour_that_leaves_the_same_line():
    line = "a [1]. b [1] c"
    assert said("refinex", line, replaced={0: (Replaced(9, 12, ""),)}) == ((KeepChunk(),), {Unsaid.NOT_UNIQUE: 1})
    assert said("refinex", line, replaced={0: (Replaced(8, 12, ""),)}) == ((ReplaceInLine(0, "[1] "),), {})


def test_replacements_that_would_touch_become_one():
    line = "aXbXc"
    operations, unsaid = said("ultrax", line, replaced=inside(line, "X", "X"))
    assert (operations, unsaid) == ((ReplaceInLine(0, "aXbX", "ab"),), {})


def test_removals_far_apart_are_said_one_by_one_but_text_that_is_put_in_at_once():
    line = "one [1] two [2] three"
    assert len(said("ultrax", line, replaced=inside(line, "[1]", "[2]"))[0]) == 2
    put = said("ultrax", line, replaced=inside(line, "[1]", ("[2]", "(2)")))[0]
    assert put == (ReplaceInLine(0, "[1] two [2]", " two (2)"),)


def test_many_spans_of_a_line_become_one_replacement():
    line = "".join(f"[{number:02}] word " for number in range(APART + 1))
    [replacement] = said("ultrax", line, replaced=inside(line, *(f"[{number:02}]" for number in range(APART + 1))))[0]
    assert isinstance(replacement, ReplaceInLine)
    assert "[" not in replacement.target


def test_what_only_removes_puts_no_text_and_what_removes_lines_changes_none():
    line = "one two"
    replaced = inside(line, ("one", "two"))
    assert said("refinex", line, replaced=replaced) == ((KeepChunk(),), {Unsaid.PUTS_TEXT: 1})
    assert said("rescraper", line, replaced=replaced)[1] == {Unsaid.PUTS_TEXT: 1}
    assert said("dataorchestra-np", line, replaced=replaced)[1] == {Unsaid.INSIDE_LINE: 1}
    lines = said("dataorchestra-np", "a\nb\nc", removed=((0, 1),))
    assert lines == ((RemoveLines(0, 1),), {})


def test_strings_beyond_what_is_executed_are_left_out():
    line = "a" * 5_000
    assert said("ultrax", line, replaced={0: (Replaced(7, 8, ""),)}) == ((KeepChunk(),), {Unsaid.TOO_LONG: 1})
    assert said("refinex", f"x{line}", replaced={0: (Replaced(0, 3_000, ""),)})[1] == {Unsaid.TOO_LONG: 1}


@pytest.mark.parametrize("character", ["\x00", "\ud800"])
def test_a_context_that_cannot_be_put_back_is_left_out(character):
    line = f"[1]{character}[1] a"
    spans = inside(line, ("[1]", "x"))
    assert said("ultrax", line, replaced=spans) == ((KeepChunk(),), {Unsaid.INVALID: 1})
    cut = {0: (Replaced(3, 4, ""),)}
    assert said("rescraper", line, replaced=cut) == ((KeepChunk(),), {Unsaid.INVALID: 1})


def test_of_a_long_line_the_context_need_not_be_the_shortest():
    line = f"{'x' * 2_000}[1] and [1], {'y' * SHORTEST_WITHIN}"
    start = line.index("[1],")
    [replacement] = said("ultrax", line, replaced={0: (Replaced(start, start + 3, ""),)})[0]
    assert isinstance(replacement, ReplaceInLine)
    assert occurs_once(line, replacement.source)
    assert line.replace(replacement.source, replacement.target) == line[:start] + line[start + 3 :]


def test_no_more_removals_of_a_line_are_tried_than_are_executed():
    line = "a [1]" * (SEARCH_LIMIT + 2)
    marks = tuple(Replaced(start + 2, start + 5, "") for start in range(0, len(line), 5))
    unsaid = said("refinex", line, replaced={0: marks})[1]
    assert unsaid == {Unsaid.NOT_UNIQUE: SEARCH_LIMIT, Unsaid.TOO_MANY: 2}


def test_inserted_lines_keep_their_order():
    new = (Inserted(-1, "title"), Inserted(0, "x"), Inserted(0, "y"))
    expected = (InsertLine(-1, "title", 1), InsertLine(0, "x", 1), InsertLine(0, "y", 2))
    assert said("ultrax", "a\nb", inserted=new) == (expected, {})
    assert said("rescraper", "a\nb", inserted=new) == ((KeepChunk(),), {Unsaid.INSERTS_LINE: 3})


def test_blank_lines_go_with_the_line_before_them_where_they_are_not_shown():
    page = "menu\n\nA page.\n \nmore\nend"
    assert said("rescraper", page, removed=((0, 1), (4, 4))) == ((RemoveLines(0, 0), RemoveLines(4, 4)), {})
    assert said("rescraper", page, removed=((0, 0),)) == ((RemoveLines(0, 0),), {Unsaid.WHITE_SPACE: 1})
    assert said("rescraper", page, removed=((3, 3),)) == ((KeepChunk(),), {Unsaid.WHITE_SPACE: 1})
    assert said("rescraper", page, removed=((2, 5),)) == ((RemoveLines(2, 5),), {})
    assert said("rescraper", "  x  ", replaced={0: (Replaced(0, 2, ""),)})[1] == {Unsaid.WHITE_SPACE: 1}


def test_dropping_a_document():
    lines = ["a", "b"]
    assert to_drop(lines, DIALECTS["ultrax"]) == to_drop(lines, DIALECTS["rescraper"]) == (RemoveAll(),)
    assert to_drop(lines, DIALECTS["refinex"]) == (RemoveLines(0, 1),)


@pytest.mark.parametrize(
    ("span", "named", "whole"),
    [
        ((2, 5), "one", True),
        ((5, 8), " ", True),  # all of the white space between two words
        ((5, 7), None, False),
        ((2, 8), "one ", True),
        ((3, 10), "ne tw", True),
        ((4, 7), "e", False),
        ((7, 11), "two", False),
        ((0, 3), "o", False),
        ((0, 2), None, False),
        ((8, 13), "two", False),
        ((11, 13), None, False),
    ],
)
def test_a_span_in_a_line_that_is_shown_with_single_spaces(span, named, whole):
    line = "  one   two  "
    shown = ShownLine(line)
    place, all_of_it = shown.span(*span)
    assert shown.text == "one two"
    assert (None if place is None else shown.text[slice(*place)], all_of_it) == (named, whole)


def test_nothing_is_shown_of_a_blank_line():
    assert ShownLine(" \t").span(0, 2) == (None, False)
