"""Writing operations in every dialect."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.programs import (
    DIALECTS,
    CannotSayError,
    DropDoc,
    InsertLine,
    KeepChunk,
    KeepDoc,
    Normalize,
    RemoveAll,
    RemoveAllLines,
    RemoveLines,
    ReplaceInLine,
    Rewrite,
    ShownLines,
    render,
)
from prox_assets.testing.programs.dialect_cases import LINE_COUNT, SAYABLE

PAGE = ["Menu", "", "A title", "Some text", "  ", "", "The end"]
NAMES = sorted(DIALECTS)


def shown(name, lines, line_start=0, first_number=None):
    dialect = DIALECTS[name]
    return dialect.shown_lines(lines, line_start, dialect.first_number if first_number is None else first_number)


def shifted(operation, by):
    match operation:
        case RemoveLines(start, end):
            return RemoveLines(start + by, end + by)
        case ReplaceInLine():
            return dataclasses.replace(operation, line=operation.line + by)
        case InsertLine():
            return dataclasses.replace(operation, after=operation.after + by)
        case _:
            return operation


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), line_start=st.integers(0, 2000))
def test_what_is_written_is_read_as_the_same_operations(name, data, line_start):
    operations = data.draw(SAYABLE[name])
    lines = shown(name, ["x"] * LINE_COUNT, line_start)
    parsed = DIALECTS[name].parse(DIALECTS[name].render([shifted(o, line_start) for o in operations], lines))

    assert parsed.errors == ()
    assert list(parsed.operations) == [shifted(o, DIALECTS[name].first_number) for o in operations]


WHOLE = [
    (
        "prox",
        [RemoveLines(1, 3), Normalize('a "b"', "")],
        'remove_lines(line_start=1, line_end=3)\nnormalize(source_str="a \\"b\\"", target_str="")',
    ),
    ("canonical", [ReplaceInLine(2, "a", "b")], 'replace_in_line(line=2, source_str="a", target_str="b")'),
    (
        "ultrax",
        [RemoveLines(0, 1), ReplaceInLine(2, "it's", '"\\\t'), InsertLine(-1, "é\xa0", 2), InsertLine(3, "")],
        "remove_lines(1, 2)\nreplace_str(3, \"it's\", '\"\\\\\\t')\nadd_line(0, 2, 'é\xa0')\nadd_line(4, 0, '')",
    ),
    ("ultrax", [KeepChunk()], "keep_all()"),
    ("ultrax", [RemoveAll()], "remove_all()"),
    ("refinex", [RemoveLines(0, 1), ReplaceInLine(2, "x")], "remove_lines(0, 1)\nremove_str(2, 'x')"),
    ("dataorchestra-np", [RemoveLines(0, 1)], "remove_lines(line_start=0, line_end=1)"),
    ("rescraper", [KeepChunk()], "<keep>\n<extract>\n<keep>"),
    ("rescraper", [RemoveLines(0, 0), RemoveLines(2, 3)], "<keep>\n<extract>\nrm 1\nrm 2-3\n<keep>"),
    (
        "rescraper",
        [RemoveLines(0, 1), ReplaceInLine(2, "“a”\t", "", "first"), RemoveLines(6, 6)],
        '<edit>\n<extract>\nrm 1\n<edit>\nsub 2: "“a”\\t"\nrm 4',
    ),
    ("rescraper", [RemoveLines(0, 1), RemoveAll()], "<delete>\n<extract>\nrm 1\n<delete>"),
    ("rescraper", [Rewrite("One.\n\nTwo.")], "<rewrite>\n<extract>\n<rewrite>\nOne.\n\nTwo."),
]


@pytest.mark.parametrize(("name", "operations", "program"), WHOLE)
def test_programs_look_as_the_models_write_them(name, operations, program):
    assert DIALECTS[name].render(operations, shown(name, PAGE)) == program


def test_lines_have_the_numbers_of_their_chunk():
    removal = [RemoveLines(101, 102)]

    assert DIALECTS["ultrax"].render(removal, shown("ultrax", ["x"] * 9, 100, 101)) == "remove_lines(102, 103)"
    assert DIALECTS["refinex"].render(removal, shown("refinex", ["x"] * 9, 100)) == "remove_lines(1, 2)"
    assert "rm 1-2" in DIALECTS["rescraper"].render(removal, shown("rescraper", ["", "a", "b"], 100))


def test_blank_lines_that_are_not_shown_go_with_the_line_before():
    lines = shown("rescraper", PAGE)

    assert lines == ShownLines(range(7), (0, 2, 3, 6), 1)
    assert lines.numbers(3, 5) == lines.numbers(3, 3) == (3, 3)
    assert lines.numbers(4, 5) is None
    assert lines.number(4) is None


CANNOT = [
    ("prox", [RemoveAll()]),
    ("prox", [ReplaceInLine(0, "a")]),
    ("line-labels", [InsertLine(0, "a")]),
    ("ultrax", [Normalize("a", "")]),
    ("ultrax", [RemoveAllLines()]),
    ("ultrax", [ReplaceInLine(0, "a", "", "first")]),
    ("ultrax", [Rewrite("a")]),
    ("ultrax", [KeepDoc()]),
    ("refinex", [InsertLine(0, "a")]),
    ("refinex", [ReplaceInLine(0, "a", "b")]),
    ("refinex", [RemoveAll()]),
    ("dataorchestra-np", [ReplaceInLine(0, "a")]),
    ("dataorchestra-np", [DropDoc()]),
    ("rescraper", [ReplaceInLine(0, "a", "b", "first")]),
    ("rescraper", [ReplaceInLine(0, "a")]),
    ("rescraper", [ReplaceInLine(0, "\ud800", "", "first")]),
    ("rescraper", [Normalize("a", "")]),
    ("rescraper", [InsertLine(0, "a")]),
    ("rescraper", [Rewrite("")]),
    ("rescraper", [Rewrite(" a")]),
    ("rescraper", [Rewrite("a\nrm 5")]),
]


@pytest.mark.parametrize(("name", "operations"), CANNOT)
def test_what_a_dialect_has_no_word_for_is_named(name, operations):
    with pytest.raises(CannotSayError) as raised:
        DIALECTS[name].render([RemoveLines(0, 0), *operations], shown(name, PAGE))

    assert (raised.value.dialect, raised.value.operation) == (name, operations[0])
    assert str(raised.value) == f"{name} cannot say {render(operations)}"


@pytest.mark.parametrize(
    ("operations", "named"),
    [
        ([KeepChunk(), RemoveLines(0, 0)], KeepChunk()),
        ([RemoveLines(0, 0), KeepChunk()], KeepChunk()),
        ([RemoveAll(), RemoveLines(0, 0)], RemoveAll()),
        ([Rewrite("a"), RemoveAll()], Rewrite("a")),
        ([ReplaceInLine(0, "a", "", "first"), RemoveAll()], RemoveAll()),
    ],
)
def test_rescraper_decides_once(operations, named):
    with pytest.raises(CannotSayError) as raised:
        DIALECTS["rescraper"].render(operations, shown("rescraper", PAGE))

    assert raised.value.operation == named


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("removal", [RemoveLines(0, 7), RemoveLines(-1, 0), RemoveLines(3, 2), RemoveLines(8, 9)])
def test_lines_that_a_chunk_does_not_show_cannot_be_named(name, removal):
    with pytest.raises(CannotSayError):
        DIALECTS[name].render([removal], shown(name, PAGE))


@pytest.mark.parametrize("after", [-2, 7])
def test_an_insertion_has_its_place_in_the_chunk(after):
    with pytest.raises(CannotSayError):
        DIALECTS["ultrax"].render([InsertLine(after, "a")], shown("ultrax", PAGE))


@pytest.mark.parametrize("name", NAMES)
def test_a_program_without_calls_says_nothing(name):
    with pytest.raises(CannotSayError, match="a program without calls") as raised:
        DIALECTS[name].render([], shown(name, PAGE))

    assert raised.value.operation is None
