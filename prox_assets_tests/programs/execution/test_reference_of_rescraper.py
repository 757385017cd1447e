"""Reference mode with the ReScraper dialect: what is recorded of what the released executor does."""

import json

import pytest

from prox_assets.programs import (
    ExecutionPolicy,
    Refinement,
    RemoveAll,
    RemoveLines,
    ReplaceInLine,
    Rewrite,
    execute,
)
from prox_assets.testing.programs.released_invariants import check_released_records
from prox_assets.testing.programs.released_mutations import released_input
from prox_assets_tests.programs.cases import run_chunks, statuses

RESCRAPER = ExecutionPolicy(mode="reference", dialect="rescraper")
PAGE = "Home\n\nThe  title\nA line (share) of text.\n\nFooter"


def run(text: str, program: str, policy: ExecutionPolicy = RESCRAPER) -> Refinement:
    return execute(text, [((0, text.count("\n")), program)], policy)


def answer(decision: str, extraction: str = "", payload: str = "") -> str:
    return "\n".join(filter(None, (f"<{decision}>", "<extract>", extraction, f"<{decision}>", payload)))


@pytest.mark.parametrize("first", range(0, 1_000, 250))
def test_the_records_of_mutated_programs_add_up(first):
    for number in range(first, first + 250):
        case = released_input("rescraper", 1, number)
        check_released_records(case, execute(case.text, case.programs, case.policy))


def test_every_call_is_recorded_with_the_lines_of_the_document():
    refinement = run(PAGE, answer("edit", "rm 1\nrm 4", 'sub 3: " (share)"'))

    assert refinement.text == "The title\nA line of text."
    assert statuses(refinement) == ["applied"] * 4
    assert [edit.operation for edit in refinement.edits] == [
        *("remove_lines", "remove_lines", "replace_in_line", "tidy_white_space"),
    ]
    assert [json.loads(edit.arguments) for edit in refinement.edits[:3]] == [
        {"line_start": 0, "line_end": 0},
        {"line_start": 5, "line_end": 5},
        {"line": 3, "source_str": " (share)", "target_str": "", "occurrence": "first"},
    ]
    assert refinement.chunks[0].removed_lines == ((0, 0), (5, 5))
    # Two blank lines and one of two spaces.
    assert refinement.edits[-1].characters_removed == 3


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("rm 9", "out_of_range"),
        ("rm 0", "out_of_range"),
        ("rm 2-1", "reversed"),
        ('sub 9: "a"', "out_of_range"),
        ('sub 1: "absent"', "no_match"),
        ('sub 1: ""', "empty_source"),
    ],
)
def test_a_call_without_effect_says_why(call, status):
    refinement = run("one\ntwo", answer("edit", "", call))

    assert (refinement.text, statuses(refinement)) == ("one\ntwo", [status])
    assert refinement.chunks[0].verdict == "no_change"


def test_calls_on_a_line_that_was_removed_say_so():
    refinement = run("one\ntwo", answer("edit", "rm 1", 'rm 1\nsub 1: "one"'))

    assert statuses(refinement) == ["applied", "already_removed", "already_removed"]


@pytest.mark.parametrize(
    ("program", "reason", "verdict"),
    [
        (answer("delete", "rm 1"), "judged_worthless", "applied"),
        (answer("keep", "rm 1-4"), "nothing_left", "applied"),
        ("", "nothing_left", "no_change"),
        (answer("rewrite", "", "rm 1\nrm 2"), "leaked_calls", "applied"),
        ("<Update>\nrm 1", "leaked_calls", "no_change"),
        (answer("edit", "", "sub 1: 5"), "execution_failed", "crashed"),
        (answer("keep", f"rm {'9' * 5_000}"), "execution_failed", "crashed"),
    ],
)
def test_a_page_that_the_released_code_drops_says_why(program, reason, verdict):
    refinement = run(PAGE, program)

    assert (refinement.outcome, refinement.reason) == ("dropped_by_chunks", reason)
    assert refinement.chunks[0].verdict == verdict


def test_a_page_dropped_by_a_rule_of_its_own_has_an_edit_that_says_so():
    refinement = run(PAGE, answer("rewrite", "", "rm 1\nrm 2"))

    assert [edit.operation for edit in refinement.edits] == ["rewrite", "drop_page"]
    assert json.loads(refinement.edits[-1].arguments) == {"reason": "leaked_calls"}


def test_a_rewrite_replaces_the_page():
    refinement = run(PAGE, answer("rewrite", "rm 1", "A new text.\nOf two lines."))

    assert refinement.text == "A new text.\nOf two lines."
    assert statuses(refinement) == ["superseded", "applied"]
    assert (refinement.edits[1].characters_removed, refinement.edits[1].characters_added) == (len(PAGE), 25)


def test_the_share_of_lines_that_must_be_calls_is_a_setting():
    program = answer("edit", "", "rm 1\nrm 4\nrm 2\nrm 2\nsub 3")

    assert run(PAGE, program).reason == "leaked_calls"
    tolerant = run(PAGE, program, RESCRAPER.with_settings(reference_edit_share=0.8))
    assert tolerant.text == "A line (share) of text."
    assert statuses(tolerant)[-2:] == ["ignored", "applied"]


def test_ranges_that_would_fill_any_memory_have_no_result():
    assert run(PAGE, answer("keep", f"rm 1-{10**12}")).reason == "reference_crashed"


class TestSeveralChunks:
    """The released code knows no windows, so each chunk counts as a page."""

    TEXT = "one\ntwo\nthree\nfour"

    def test_numbers_begin_anew_and_what_is_left_is_joined(self):
        programs = [answer("keep", "rm 2"), answer("keep", "rm 1")]

        refinement = run_chunks(self.TEXT, 2, programs, RESCRAPER)
        assert refinement.text == "one\nfour"
        assert [chunk.removed_lines for chunk in refinement.chunks] == [((1, 1),), ((2, 2),)]

    def test_the_document_is_dropped_if_every_page_is(self):
        deletion = answer("delete")

        assert run_chunks(self.TEXT, 2, [deletion, answer("keep")], RESCRAPER).text == "three\nfour"
        assert run_chunks(self.TEXT, 2, [deletion, deletion], RESCRAPER).reason == "judged_worthless"

    def test_a_chunk_that_was_not_asked_is_a_page_that_is_too_long(self):
        refinement = execute(self.TEXT, [((0, 1), None), ((2, 2), answer("keep"))], RESCRAPER)

        assert refinement.text == "three\nfour"
        assert [chunk.verdict for chunk in refinement.chunks] == ["skipped", "no_change"]
        assert json.loads(refinement.edits[0].arguments) == {"reason": "not_shown"}


def test_operations_are_written_for_the_released_code():
    policy = RESCRAPER.with_settings(line_numbers="chunk")
    operations = (RemoveLines(1, 2), ReplaceInLine(4, " (share)", "", "first"))

    assert execute(PAGE, [((0, 5), operations)], policy).text == "The title\nA line of text.\nFooter"
    assert execute(PAGE, [((0, 5), (RemoveAll(),))], policy).reason == "judged_worthless"
    assert execute(PAGE, [((0, 5), (Rewrite("new"),))], policy).text == "new"
