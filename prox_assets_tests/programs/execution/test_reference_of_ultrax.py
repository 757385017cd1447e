"""Reference mode with the UltraX dialect: what is recorded of what the released executor does."""

import json

import pytest

from prox_assets.programs import Chunk, ExecutionPolicy, InsertLine, KeepDoc, Refinement, RemoveLines, execute
from prox_assets.programs.execution.reference import ultrax
from prox_assets.programs.execution.reference.no_result import Budget
from prox_assets.testing.programs.released_invariants import check_released_records
from prox_assets.testing.programs.released_mutations import released_input
from prox_assets_tests.programs.cases import run_chunks, statuses

ULTRAX = ExecutionPolicy(mode="reference", dialect="ultrax")


def run(text: str, program: str) -> Refinement:
    return execute(text, [((0, text.count("\n")), program)], ULTRAX)


def calls(refinement: Refinement) -> list[str]:
    return [edit.operation for edit in refinement.edits]


@pytest.mark.parametrize("first", range(0, 1_000, 250))
def test_the_records_of_mutated_programs_add_up(first):
    for number in range(first, first + 250):
        case = released_input("ultrax", 1, number)
        check_released_records(case, execute(case.text, case.programs, case.policy))


def test_every_call_is_recorded_with_the_lines_of_the_document():
    program = "remove_lines(1, 2)\nreplace_str(3, 'old', 'new')\nadd_line(4, 1, 'more')\nI am done."
    refinement = run("nav\nmenu\nan old line\nlast", program)

    assert refinement.text == "an new line\nlast\nmore"
    assert statuses(refinement) == ["applied", "applied", "applied", "ignored"]
    assert [json.loads(edit.arguments) for edit in refinement.edits[:3]] == [
        {"line_start": 0, "line_end": 1},
        {"line": 2, "source_str": "old", "target_str": "new"},
        {"after": 3, "text": "more", "rank": 1},
    ]
    # An inserted line brings the line break that separates it from the one before.
    assert [edit.characters_added for edit in refinement.edits] == [0, 3, 5, 0]
    assert refinement.chunks[0].removed_lines == ((0, 1),)


def test_white_space_that_no_call_names_is_an_edit_of_its_own():
    refinement = run("nav\r\n\r\nfirst\r\n\r\nlast\r\n", "remove_lines(1, 1)")

    assert refinement.text == "first\nlast"
    assert calls(refinement) == ["remove_lines", "tidy_white_space"]
    # Five carriage returns, the blank line, and those line breaks that end up beside each other or at the ends.
    assert [edit.characters_removed for edit in refinement.edits] == [4, 8]


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("keep_all()", "no_change"),
        ("replace_str(1, 'x', 'y')", "no_match"),
        ("replace_str(1, 'a', 'y')", "ambiguous"),
        ("replace_str(1, '', 'y')", "empty_source"),
        ("replace_str(1, 'b', 'b')", "no_change"),
        ("replace_str(9, 'a', 'y')", "out_of_range"),
        ("remove_lines(2, 1)", "reversed"),
        ("remove_lines(3, 4)", "out_of_range"),
        ("remove_lines(0, 0)", "out_of_range"),
        ("add_line(1, 1, '')", "no_change"),
        ("add_line(1, 'text')", "ignored"),
        ("keep_all", "ignored"),
    ],
)
def test_a_call_without_effect_says_why(program, status):
    refinement = run("a b a\nsecond", program)

    assert refinement.text == "a b a\nsecond"
    assert statuses(refinement) == [status]
    assert refinement.chunks[0].verdict == "no_change"


def test_calls_on_what_an_earlier_call_removed_or_changed_say_so():
    assert statuses(run("a\nb\nc", "remove_lines(1, 2)\nremove_lines(2, 2)")) == ["applied", "already_removed"]
    both = run("an old song", "replace_str(1, 'an old song', 'an song')\nreplace_str(1, 'old', 'od')")
    assert (both.text, statuses(both)) == ("an song", ["applied", "overlapped"])


class TestWindows:
    TEXT = "one\ntwo\nthree\nfour"

    def test_a_window_decides_about_its_own_part_only(self):
        refinement = run_chunks(self.TEXT, 2, ["remove_lines(2, 4)", "remove_lines(1, 3)\nremove_lines(1, 2)"], ULTRAX)

        assert refinement.text == "one\nfour"
        assert statuses(refinement) == ["applied", "applied", "decided_before"]
        assert [chunk.removed_lines for chunk in refinement.chunks] == [((1, 1),), ((2, 2),)]

    def test_removing_all_removes_the_windows_part(self):
        refinement = run_chunks(self.TEXT, 2, ["remove_all()", "keep_all()"], ULTRAX)

        assert refinement.text == "three\nfour"
        assert [chunk.verdict for chunk in refinement.chunks] == ["applied", "no_change"]

    def test_removing_all_in_every_window_drops_the_document(self):
        refinement = run_chunks(self.TEXT, 2, ["remove_all()", "remove_all()"], ULTRAX)

        assert (refinement.outcome, refinement.reason) == ("dropped_by_chunks", "judged_worthless")

    def test_a_window_that_was_not_asked_is_kept(self):
        refinement = execute(self.TEXT, [((0, 1), None), ((2, 3), "remove_all()")], ULTRAX)

        assert refinement.text == "one\ntwo"
        assert [chunk.verdict for chunk in refinement.chunks] == ["skipped", "applied"]

    def test_numbers_count_a_lone_carriage_return_as_the_end_of_a_line(self):
        refinement = run_chunks("a\rb\nc\nd", 1, ["keep_all()", "remove_all()", "keep_all()"], ULTRAX)

        assert refinement.text == "a\nb\nd"
        assert refinement.chunks[1].removed_lines == ((1, 1),)


def test_a_document_of_which_nothing_is_left_is_dropped():
    whole = run("a\nb", "remove_all()")
    assert (whole.reason, whole.chunks[0].removed_lines) == ("judged_worthless", ())
    assert run("a\nb", "remove_lines(1, 2)").reason == "nothing_left"


def test_a_blank_document_is_not_shown_to_the_model():
    refinement = run(" \r\n", "remove_all()")

    assert (refinement.text, statuses(refinement)) == (" \n", ["ignored", "applied"])


def test_a_program_in_a_loop_is_told_as_such():
    refinement = run("a\nb", "remove_lines(1, 1)\n" * 4)

    assert (refinement.text, refinement.reason) == ("a\nb", "repetitive")
    assert statuses(refinement) == ["program_rejected"] * 4
    assert refinement.chunks[0].verdict == "refused"


def test_operations_are_written_for_the_released_code():
    chunks = [((0, 1), (RemoveLines(1, 1),)), ((2, 3), (InsertLine(3, "it's new", 1), RemoveLines(4, 4)))]

    assert execute("a\nb\nc\nd", chunks, ULTRAX).text == "b\nc\nit's new"
    assert execute("a", [((0, 0), (KeepDoc(),))], ULTRAX).text == "a"


def test_comparisons_that_never_end_are_given_up(monkeypatch):
    monkeypatch.setattr(ultrax, "Budget", lambda: Budget(500))
    similar = "\n".join(f"add_line({n}, 1, 'a line that is not quite the same {'abcdef'[n:]}')" for n in range(4))
    replacements = f"replace_str(1, '{'ab' * 50}', '{'ba' * 50}')\nreplace_str(1, 'x', 'y')"

    assert run("a", similar).reason == "reference_crashed"
    assert run("ab" * 50 + "x", replacements).reason == "reference_crashed"
    assert run("a", "add_line(1, 1, 'b')").text == "a\nb"


def test_a_part_of_a_line_is_no_line_of_the_document():
    refinement = run("first\x0bsecond\nthird", "remove_lines(2, 2)")

    assert (refinement.text, refinement.chunks[0].removed_lines) == ("first\x0bthird", ())


def test_lines_outside_all_chunks_stay():
    assert execute("a\nb\nc", [(Chunk(0, 1, 1), "remove_lines(2, 2)")], ULTRAX).text == "a\nc"
