"""The marked lines of a text: exactly what was done, and folded where there is nothing to see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.catalog.text_diff import DiffLine, Mark, diff_lines, grouped
from prox_assets.programs import ExecutionPolicy, Normalize, Outcome, RemoveLines, execute_with_provenance
from prox_assets.testing.programs.dialect_inputs import NEW_DIALECTS, dialect_input
from prox_assets_tests.programs.execution.test_provenance import documents, policies, thorough

LENIENT = ExecutionPolicy(min_kept_share=0, min_kept_characters=0)


def traced(text: str, *operations) -> list[DiffLine]:
    refinement, provenance = execute_with_provenance(text, [((0, text.count("\n")), operations)], LENIENT)
    return diff_lines(text, refinement.text, provenance)


def joined(line: DiffLine, *marks: Mark) -> str:
    return "".join(piece.text for piece in line.pieces if piece.mark in marks)


def shape(lines: list[DiffLine]) -> list[tuple[str, str]]:
    return [(line.mark.value, "|".join(piece.text for piece in line.pieces)) for line in lines]


@given(documents, policies)
@thorough
def test_both_texts_can_be_read_off_the_marked_lines(document, policy):
    text, programs = document
    refinement, provenance = execute_with_provenance(text, programs, policy)
    if refinement.outcome is Outcome.DROPPED_BY_CHUNKS:
        return
    lines = diff_lines(text, refinement.text, provenance)
    assert [line.number for line in lines] == list(range(text.count("\n") + 1))
    assert "\n".join(joined(line, Mark.KEPT, Mark.REMOVED) for line in lines) == text
    # A line of which all was deleted and one that was removed look alike here, so blank lines are left out.
    refined = [joined(line, Mark.KEPT, Mark.ADDED) for line in lines if line.mark is not Mark.REMOVED]
    assert [line for line in refined if line] == [line for line in refinement.text.split("\n") if line]


@pytest.mark.parametrize("dialect", NEW_DIALECTS)
def test_they_can_in_every_dialect(dialect):
    for number in range(200):
        case = dialect_input(dialect, 4, number)
        refinement, provenance = execute_with_provenance(case.text, case.programs, case.policy)
        if refinement.outcome is Outcome.DROPPED_BY_CHUNKS:
            continue
        lines = diff_lines(case.text, refinement.text, provenance)
        raw = [line for line in lines if line.number is not None]
        assert [line.number for line in raw] == list(range(case.text.count("\n") + 1))
        assert "\n".join(joined(line, Mark.KEPT, Mark.REMOVED) for line in raw) == case.text
        refined = [joined(line, Mark.KEPT, Mark.ADDED) for line in lines if line.mark is not Mark.REMOVED]
        assert [line for line in refined if line] == [line for line in refinement.text.split("\n") if line]


def test_lines_that_were_put_in_are_lines_of_their_own():
    policy = ExecutionPolicy(dialect="canonical", execute_rewrites=True, min_kept_share=0)
    text = "menu\ntitle\n\nbody\nend"
    programs = [
        ((0, 1), 'insert_line(-1, "a")\nremove_lines(0, 0)\ninsert_line(0, "b")\ninsert_line(0, "c")'),
        ((2, 3), 'rewrite("new\nbody")'),
        ((4, 4), 'insert_line(4, "mail")'),
    ]
    refinement, provenance = execute_with_provenance(text, programs, policy)
    assert refinement.text == "a\nb\nc\ntitle\nnew\nbody\nend\nmail"
    whole = [
        *(("added", "a"), ("removed", "menu"), ("added", "b"), ("added", "c"), ("kept", "title")),
        *(
            ("removed", ""),
            ("removed", "body"),
            ("added", "new"),
            ("added", "body"),
            ("kept", "end"),
            ("added", "mail"),
        ),
    ]
    assert shape(diff_lines(text, refinement.text, provenance)) == whole
    # Where a part of what was put in is replaced once more, as personal data is, it stays one line.
    start = refinement.text.index("new")
    again = provenance.with_replacements([(start, start + 2, 1), (len(refinement.text) - 2, len(refinement.text), 2)])
    moved = refinement.text.replace("new", "Nw").replace("mail", "maXX")
    renamed = [(mark, line.replace("new", "Nw").replace("mail", "maXX")) for mark, line in whole]
    assert shape(diff_lines(text, moved, again)) == renamed


@given(st.lists(st.sampled_from(["", "a", "b"]), max_size=8), st.lists(st.sampled_from(["", "a", "c"]), max_size=8))
def test_compared_lines_hold_both_texts_too(before, after):
    raw, refined = "\n".join(before), "\n".join(after)
    lines = diff_lines(raw, refined, None)
    assert "\n".join(joined(line, Mark.KEPT, Mark.REMOVED) for line in lines if line.number is not None) == raw
    assert "\n".join(joined(line, Mark.KEPT, Mark.ADDED) for line in lines if line.mark is not Mark.REMOVED) == refined


def test_a_changed_line_is_compared_word_by_word_where_only_the_texts_are_known():
    assert shape(diff_lines("Share the old page", "the new page", None)) == [("edited", "Share |the |old|new| page")]
    assert shape(diff_lines("menu", "page", None)) == [("removed", "menu"), ("added", "page")]


@given(st.lists(st.sampled_from(list(Mark)), max_size=60))
def test_grouping_loses_no_line(marks):
    lines = [DiffLine(number, mark, ()) for number, mark in enumerate(marks)]
    groups = grouped(lines)
    assert [line for group in groups for line in group.lines] == lines
    assert all(len({line.mark for line in group.lines}) == 1 for group in groups)
    assert all(len(group.lines) > 1 for group in groups if group.folded)


def test_what_was_put_in_follows_what_it_replaced():
    assert shape(traced("menu\nAn old page", RemoveLines(0, 0), Normalize("old", "new"))) == [
        ("removed", "menu"),
        ("edited", "An |old|new| page"),
    ]


def test_blank_lines_are_marked_by_what_became_of_them():
    assert shape(traced("\na\n\n\nb\n", RemoveLines(0, 0), RemoveLines(3, 3))) == [
        ("removed", ""),
        ("kept", "a"),
        ("kept", ""),
        ("removed", ""),
        ("kept", "b"),
        ("kept", ""),
    ]


def test_a_blank_line_before_removed_last_lines_is_kept():
    assert shape(traced("a\n\nb\n", RemoveLines(2, 3))) == [
        ("kept", "a"),
        ("kept", ""),
        ("removed", "b"),
        ("removed", ""),
    ]


def test_the_inside_of_a_long_kept_run_is_folded():
    lines = traced("\n".join(["x"] * 20 + ["menu"] + ["y"] * 20), RemoveLines(20, 20))
    assert [(len(group.lines), group.folded) for group in grouped(lines)] == [
        (18, True),
        (2, False),
        (1, False),
        (2, False),
        (18, True),
    ]


def ultrax(text: str, program: str) -> list[tuple[str, str]]:
    policy = ExecutionPolicy(dialect="ultrax", min_kept_share=0)
    refinement, provenance = execute_with_provenance(text, [((0, text.count("\n")), program)], policy)
    lines = diff_lines(text, refinement.text, provenance)
    raw = [joined(line, Mark.KEPT, Mark.REMOVED) for line in lines if line.number is not None]
    refined = [joined(line, Mark.KEPT, Mark.ADDED) for line in lines if line.mark is not Mark.REMOVED]
    assert "\n".join(raw) == text
    assert "\n".join(refined) == refinement.text
    return shape(lines)


def test_inserted_lines_are_lines_of_their_own():
    assert ultrax("one\ntwo", "add_line(0, 1, 'title')\nadd_line(1, 1, 'a')\nadd_line(1, 2, 'b')") == [
        ("added", "title"),
        ("kept", "one"),
        ("added", "a"),
        ("added", "b"),
        ("kept", "two"),
    ]
    assert ultrax("one\ntwo", "add_line(2, 1, 'end')") == [("kept", "one"), ("kept", "two"), ("added", "end")]
    # Before and after an empty last line.
    around = "add_line({}, 1, 'before')\nadd_line({}, 2, 'and')\nadd_line({}, 1, 'after')"
    assert ultrax("one\n", around.format(1, 1, 2)) == [
        ("kept", "one"),
        ("added", "before"),
        ("added", "and"),
        ("kept", ""),
        ("added", "after"),
    ]
    replaced = ultrax("one\ntwo\nthree", "remove_lines(2, 2)\nadd_line(2, 1, 'new')")
    assert sorted(replaced) == [("added", "new"), ("kept", "one"), ("kept", "three"), ("removed", "two")]


def test_a_rewritten_chunk_is_shown_as_removed_and_added_lines():
    policy = ExecutionPolicy(dialect="rescraper", line_numbers="chunk", min_kept_share=0, execute_rewrites=True)
    program = "<rewrite>\n<extract>\n<rewrite>\nnew\ntext"
    text = "one\ntwo\nthree"
    refinement, provenance = execute_with_provenance(text, [((0, 1), program), ((2, 2), None)], policy)
    assert refinement.text == "new\ntext\nthree"
    assert shape(diff_lines(text, refinement.text, provenance)) == [
        ("removed", "one"),
        ("removed", "two"),
        ("added", "new"),
        ("added", "text"),
        ("kept", "three"),
    ]
