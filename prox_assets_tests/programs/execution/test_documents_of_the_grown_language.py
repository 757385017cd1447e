"""What those operations make of whole documents: windows that overlap, the map to the raw text, what counts as kept."""

import json

import pytest

from prox_assets.programs import (
    Chunk,
    EditStatus,
    ExecutionPolicy,
    InsertLine,
    Outcome,
    Reason,
    RemoveLines,
    Verdict,
    execute,
    execute_with_provenance,
)
from prox_assets.programs.execution.provenance import Segment, SegmentKind
from prox_assets_tests.programs.execution.canonical_programs import PAGE, run, statuses


class TestWindowsThatOverlap:
    CHUNKS = ((0, 1), (2, 4))

    def test_what_the_window_before_has_shown_it_decides(self):
        refinement = run(
            "keep_all()\n---\nremove_lines(1, 2)\nreplace_str(2, 'titel', 'title')\n"
            "add_line(2, 1, 'x')\nadd_line(0, 1, 'y')",
            "ultrax",
            chunks=self.CHUNKS,
            error_limit=1,
        )
        assert refinement.text == PAGE
        assert statuses(refinement) == ["no_change"] + ["decided_before"] * 4
        assert refinement.operations_failed == 0

    def test_a_range_over_the_edge_is_cut(self):
        refinement = run("keep_all()\n---\nremove_lines(1, 3)", "ultrax", chunks=self.CHUNKS)
        assert refinement.text == PAGE.replace("\n\n", "\n")
        assert json.loads(refinement.edits[1].arguments) == {"line_start": 2, "line_end": 2}

    @pytest.mark.parametrize(
        "call", ["remove_lines(0, 3)", "remove_lines(3, 6)", "replace_str(6, 'a', 'b')", "add_line(6, 1, 'x')"]
    )
    def test_what_is_in_no_window_so_far_is_outside(self, call):
        refinement = run(f"keep_all()\n---\n{call}", "ultrax", chunks=self.CHUNKS, error_limit=1)
        assert statuses(refinement) == ["no_change", "out_of_range"]
        assert refinement.chunks[1].verdict is Verdict.REFUSED

    def test_remove_all_means_its_own_part(self):
        refinement = run("keep_all()\n---\nremove_all()", "ultrax", chunks=self.CHUNKS)
        assert refinement.text == "menu\nThe titel"


class TestReScraper:
    TEXT = "\n  menu \n\nThe \t titel  (print)\n\n\nbody\n "

    def test_strings_are_found_as_the_refiner_saw_the_line(self):
        refinement = run('<edit>\n<extract>\n<edit>\nsub 2: " titel (print)"', "rescraper", self.TEXT)
        assert refinement.text == "\n  menu \n\nThe\n\n\nbody\n "
        # The edit has the string as it is written in the page, so it can be done again.
        assert json.loads(refinement.edits[0].arguments)["source_str"] == " \t titel  (print)"

    def test_white_space_around_a_line_is_not_shown_and_not_found(self):
        assert statuses(run('<edit>\n<extract>\n<edit>\nsub 1: " menu"', "rescraper", self.TEXT)) == ["no_match"]

    def test_a_space_that_ends_a_string_is_all_of_the_gap(self):
        refinement = run('<edit>\n<extract>\n<edit>\nsub 2: "The "', "rescraper", self.TEXT)
        assert refinement.text.split("\n")[3] == "titel  (print)"

    def test_the_decisions(self):
        keep = run("<keep>\n<extract>\nrm 1\nrm 3\n<keep>", "rescraper", self.TEXT)
        assert keep.text == "\nThe \t titel  (print)\n\n"
        delete = run("<delete>\n<extract>\n<delete>", "rescraper", self.TEXT)
        assert delete.reason is Reason.JUDGED_WORTHLESS
        program = "<rewrite>\n<extract>\nrm 1\n<rewrite>\nA page.\n\nMore."
        assert statuses(run(program, "rescraper", self.TEXT)) == ["applied", "recorded"]
        rewritten = run(program, "rescraper", self.TEXT, execute_rewrites=True)
        assert (rewritten.text, statuses(rewritten)) == ("A page.\n\nMore.", ["superseded", "applied"])


def test_operations_given_as_such_count_every_line_from_the_first_number():
    text = "\nmenu\n\nbody of the page"
    policy = ExecutionPolicy(dialect="rescraper", line_numbers="chunk")
    refinement = execute(text, [(Chunk(0, 0, 3), (RemoveLines(2, 2), InsertLine(4, "end")))], policy)
    assert refinement.text == "\n\nbody of the page\nend"
    assert [json.loads(edit.arguments) for edit in refinement.edits] == [
        {"line_start": 1, "line_end": 1},
        {"after": 3, "text": "end"},
    ]


def test_the_map_says_what_was_inserted_and_rewritten():
    policy = ExecutionPolicy(dialect="canonical", execute_rewrites=True)
    programs = [
        ((0, 1), 'remove_lines(0, 0)\ninsert_line(0, "new")\ninsert_line(-1, "a")'),
        ((2, 3), 'rewrite("x\\ny")'),
        ((4, 4), 'insert_line(4, "end")'),
    ]
    refinement, provenance = execute_with_provenance(PAGE, programs, policy)
    assert refinement.text == "a\nnew\nThe titel\nx\ny\nfoot\nend"
    kinds = SegmentKind.INSERTED, SegmentKind.COPIED, SegmentKind.REPLACED
    inserted, copied, replaced = kinds
    assert provenance.segments == (
        Segment(0, 2, 0, 0, inserted),
        Segment(2, 6, 5, 5, inserted),
        Segment(6, 16, 5, 15, copied),
        Segment(16, 19, 15, 38, replaced),
        Segment(19, 24, 38, 43, copied),
        Segment(24, 28, 43, 43, inserted),
    )
    assert provenance.removed() == ((0, 5),)
    assert provenance.sources(1, 3) == (Segment(1, 2, 0, 0, inserted), Segment(2, 3, 5, 5, inserted))
    assert provenance.sources(17, 20) == (Segment(17, 19, 15, 38, replaced), Segment(19, 20, 38, 39, copied))


def test_lines_inserted_after_the_last_one_that_stays_bring_the_line_break_before_them():
    program = 'remove_lines(1, 1)\ninsert_line(0, "x")'
    refinement, provenance = execute_with_provenance("a\nb", [((0, 1), program)], ExecutionPolicy(dialect="canonical"))
    assert refinement.text == "a\nx"
    assert provenance.segments == (Segment(0, 1, 0, 1, SegmentKind.COPIED), Segment(1, 3, 2, 2, SegmentKind.INSERTED))
    assert provenance.removed() == ((1, 3),)


def test_personal_data_in_inserted_text_has_no_raw_text():
    programs = [((0, 0), 'insert_line(0, "b c")')]
    _, provenance = execute_with_provenance("a", programs, ExecutionPolicy(dialect="canonical"))
    moved = provenance.with_replacements([(2, 3, 4)])
    assert [(one.refined_start, one.refined_end, one.raw_start, one.raw_end) for one in moved.segments] == [
        (0, 1, 0, 1),
        (1, 2, 1, 1),
        (2, 6, 1, 1),
        (6, 8, 1, 1),
    ]
    assert {one.kind for one in moved.segments[1:]} == {SegmentKind.INSERTED}


def test_no_status_of_the_grown_language_is_a_failure_of_the_refiner_but_a_miss():
    not_failures = {EditStatus.RECORDED, EditStatus.SUPERSEDED, EditStatus.DECIDED_BEFORE}
    assert not any(status.is_failure or status.is_error for status in not_failures)
    assert EditStatus.AMBIGUOUS.is_failure
    assert not EditStatus.AMBIGUOUS.is_error


class TestWhatIsKept:
    """How much programs keep of a page: what they insert is no part of it."""

    NEW = f'insert_line(0, "{"new words " * 20}", rank=1)'

    @pytest.mark.parametrize(
        ("settings", "reason"),
        [
            ({"min_kept_share": 0.5}, Reason.KEPT_SHARE_TOO_SMALL),
            ({"min_kept_characters": 5}, Reason.TOO_FEW_CHARACTERS),
            ({"min_kept_share": 0.05, "min_kept_characters": 1}, None),
        ],
    )
    def test_an_inserted_line_does_not_count(self, settings, reason):
        refinement = run(f"remove_lines(1, 4)\n{self.NEW}", **settings)
        assert refinement.reason is reason
        assert (refinement.text == PAGE) == (reason is not None)

    def test_a_page_of_which_only_inserted_lines_are_left_has_nothing_left(self):
        program = f"remove_lines(0, 4)\n{self.NEW}"
        refinement = run(program, min_kept_characters=1)
        assert (refinement.text, refinement.reason) == (PAGE, Reason.NOTHING_LEFT)
        dropped = run(program, min_kept_characters=1, on_empty="drop")
        assert (dropped.outcome, dropped.reason) == (Outcome.DROPPED_BY_CHUNKS, Reason.NOTHING_LEFT)
        assert run(program, min_kept_characters=0).reason is None, "unless the policy asks for none"

    def test_an_inserted_line_that_was_not_executed_takes_nothing_away(self):
        program = f'remove_lines(1, 1)\n{self.NEW}\n{self.NEW}\ninsert_line(1, "{"a" * 300}\\n", rank=1)'
        assert run(program, min_kept_share=0.5).reason is None

    def test_a_rewrite_counts_because_the_policy_asks_for_it(self):
        refinement = run('rewrite("' + "new words " * 20 + '")', execute_rewrites=True, min_kept_share=0.5)
        assert (refinement.reason, refinement.text) == (None, "new words " * 20)

    def test_what_is_left_behind_long_inserted_lines_is_seen(self):
        page = "x" * 10 + "\n" + "word " * 200
        new = "\n".join(f'insert_line(-1, "{"new " * 500}", rank={rank})' for rank in range(1, 4))
        assert run(f"remove_lines(0, 0)\n{new}", text=page, min_kept_share=0.9).reason is None
        assert run(f"remove_lines(1, 1)\n{new}", text=page, min_kept_share=0.1).reason is Reason.KEPT_SHARE_TOO_SMALL
