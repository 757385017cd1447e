"""Strict execution of the operations beside ProX's: lines inserted, strings replaced in one line, rewrites."""

import json

import pytest

from prox_assets.programs import (
    ChunkOutcome,
    ExecutionPolicy,
    Outcome,
    Reason,
    ReplaceInLine,
    Verdict,
    execute,
)
from prox_assets.programs.execution.judging import SEARCH_LIMIT
from prox_assets_tests.programs.execution.canonical_programs import LAST, PAGE, run, statuses


class TestReplaceInLine:
    def test_it_replaces_the_only_occurrence_in_its_line_and_nothing_elsewhere(self):
        refinement = run('replace_in_line(1, "titel", "title")', text="titel\nThe titel\ntitel")
        assert refinement.text == "titel\nThe title\ntitel"
        assert (refinement.edits[0].characters_removed, refinement.edits[0].characters_added) == (5, 5)

    @pytest.mark.parametrize(
        ("call", "status"),
        [
            ('replace_in_line(3, "of", "")', "ambiguous"),
            ('replace_in_line(3, "nowhere", "")', "no_match"),
            ('replace_in_line(3, "menu", "")', "no_match"),
            ('replace_in_line(3, "", "x")', "empty_source"),
            ('replace_in_line(3, "body", "body")', "no_change"),
            ('replace_in_line(3, "body", "bo\\ndy")', "spans_lines"),
            ('replace_in_line(3, "page\\nfoot", "")', "spans_lines"),
            ('replace_in_line(3, "body", "\\x00")', "invalid_target"),
            ('replace_in_line(3, "body", "\ud800")', "invalid_target"),
            ('replace_in_line(5, "body", "x")', "out_of_range"),
            ('replace_in_line(-1, "body", "x")', "out_of_range"),
            (f'replace_in_line(3, "{"x" * 2_001}", "")', "over_limit"),
        ],
    )
    def test_what_cannot_be_done_is_said_and_changes_nothing(self, call, status):
        refinement = run(call)
        assert statuses(refinement) == [status]
        assert refinement.text == PAGE

    def test_matches_that_overlap_one_another_are_two(self):
        assert statuses(run('replace_in_line(0, "aa", "")', text="aaa")) == ["ambiguous"]
        assert run('replace_in_line(0, "aa", "", "first")', text="aaa").text == "a"

    def test_the_first_occurrence_is_replaced_where_that_is_asked_for(self):
        assert run('replace_in_line(3, "of ", "", "first")').text.split("\n")[3] == "body text of a page"

    def test_it_may_cut_a_word(self):
        assert run('replace_in_line(1, "ite", "i")').text.split("\n")[1] == "The til"

    def test_a_line_that_goes_takes_its_replacements_along(self):
        refinement = run('replace_in_line(1, "titel", "title")\nreplace_in_line(1, "nowhere")\nremove_lines(0, 1)')
        assert statuses(refinement) == ["already_removed", "unparsed", "applied"]
        assert refinement.operations_failed == 1

    def test_of_those_that_overlap_the_first_and_longest_wins_in_any_order(self):
        calls = [
            'replace_in_line(3, "body of", "A")',
            'replace_in_line(3, "body", "B")',
            'replace_in_line(3, "y of t", "C")',
        ]
        for order in (calls, calls[::-1]):
            refinement = run("\n".join(order))
            assert refinement.text.split("\n")[3] == "A text of a page"
            assert sorted(statuses(refinement)) == ["applied", "overlapped", "overlapped"]

    def test_it_and_normalize_are_done_at_once_on_the_original_text(self):
        refinement = run(
            'normalize("of", "to")\nreplace_in_line(3, "text of", "words of")\nnormalize("words", "never")'
        )
        assert refinement.text.split("\n")[3] == "body to words of a page"
        assert statuses(refinement) == ["applied", "applied", "no_match"]

    def test_offsets_count_the_lines_that_stay(self):
        refinement = run('remove_lines(0, 0)\nremove_lines(2, 2)\nreplace_in_line(1, "titel", "title")\n'
                         'replace_in_line(4, "foot", "end")')  # fmt: skip
        assert refinement.text == "The title\nbody of text of a page\nend"

    def test_a_line_has_a_limit_of_its_own(self):
        words = " ".join(f"w{number}x" for number in range(SEARCH_LIMIT + 2))
        calls = [ReplaceInLine(0, f"w{number}x", "") for number in range(SEARCH_LIMIT + 2)]
        other = ReplaceInLine(1, "w1x", "")
        policy = ExecutionPolicy(min_kept_share=0)
        refinement = execute(f"{words}\nw1x and more", [((0, 1), (*calls, other))], policy)
        assert statuses(refinement) == ["applied"] * SEARCH_LIMIT + ["over_limit"] * 2 + ["applied"]


class TestInsertLine:
    def test_lines_stand_where_they_were_put_in_the_order_of_their_ranks(self):
        refinement = run(
            'insert_line(4, "b", 2)\ninsert_line(4, "a", 1)\ninsert_line(-1, "first")\n'
            'insert_line(1, "after the title")\ninsert_line(4, "c", 2)'
        )
        assert refinement.text == f"first\n{PAGE}\na\nb\nc".replace("titel\n", "titel\nafter the title\n")
        assert refinement.lines_after == refinement.lines_before + 5
        assert [edit.characters_added for edit in refinement.edits] == [2, 2, 6, 16, 2]

    def test_it_stands_in_the_place_of_lines_that_go(self):
        refinement = run('remove_lines(1, 3)\ninsert_line(2, "instead")')
        assert refinement.text == "menu\ninstead\nfoot"
        assert refinement.chunks == (ChunkOutcome(0, Verdict.APPLIED, ((1, 3),)),)

    def test_a_chunk_may_consist_of_inserted_lines(self):
        program = 'remove_lines(1, 4)\ninsert_line(0, "one")\ninsert_line(4, "two")'
        refinement = run(f"keep_chunk()\n---\n{program}", chunks=[(0, 0), (1, 4)])
        assert (refinement.text, refinement.lines_after) == ("menu\none\ntwo", 3)

    @pytest.mark.parametrize(
        ("call", "status"),
        [
            ('insert_line(5, "x")', "out_of_range"),
            ('insert_line(-2, "x")', "out_of_range"),
            ('insert_line(1, "x\\ny")', "spans_lines"),
            ('insert_line(1, "\\x00")', "invalid_target"),
            ('insert_line(1, "\ud800")', "invalid_target"),
            ('insert_line(1, "")', "applied"),
        ],
    )
    def test_what_cannot_be_inserted_is_said(self, call, status):
        assert statuses(run(call)) == [status]

    def test_a_refused_program_inserts_nothing(self):
        refinement = run('insert_line(1, "x")\ninsert_line(99, "y")', error_limit=1)
        assert (refinement.text, statuses(refinement)) == (PAGE, ["program_rejected", "out_of_range"])

    def test_it_may_come_before_the_first_line_of_any_chunk(self):
        refinement = run('keep_chunk()\n---\ninsert_line(1, "between")', chunks=[(0, 1), (2, 4)])
        assert refinement.text.split("\n")[1:4] == ["The titel", "between", ""]


class TestRemoveAll:
    def test_a_document_all_of_whose_chunks_are_worthless_is_dropped(self):
        for on_empty in ("keep", "drop"):
            refinement = run("remove_all()\n---\nremove_all()", chunks=[(0, 1), (2, 4)], on_empty=on_empty)
            assert (refinement.outcome, refinement.reason) == (Outcome.DROPPED_BY_CHUNKS, Reason.JUDGED_WORTHLESS)
            assert (refinement.text, refinement.lines_after) == ("", 0)
            assert [chunk.verdict for chunk in refinement.chunks] == [Verdict.APPLIED, Verdict.APPLIED]

    def test_in_some_chunks_it_removes_their_lines(self):
        refinement = run("remove_all()\n---\nkeep_chunk()", chunks=[(0, 2), (3, 4)])
        assert refinement.text == "body of text of a page\nfoot"
        assert refinement.chunks[0] == ChunkOutcome(0, Verdict.APPLIED, ((0, 2),))

    @pytest.mark.parametrize(
        "program", ["remove_lines(0, 4)\nremove_all()", "remove_all()\nremove_lines(0, 4)\nkeep_chunk()"]
    )
    def test_calls_beside_it_do_not_matter(self, program):
        assert run(program).reason is Reason.JUDGED_WORTHLESS

    def test_lines_that_no_program_judged_keep_the_document(self):
        left = run("remove_all()", chunks=[(0, 3)])
        assert (left.text, left.reason) == ("foot", None)
        skipped = execute(PAGE, [((0, 3), "remove_all()"), ((4, 4), None)], ExecutionPolicy(dialect="ultrax"))
        assert skipped.text == "foot"

    def test_blank_lines_that_no_program_judged_do_not(self):
        text = "menu\n \n"
        blank = execute(text, [((0, 0), "remove_all()"), ((1, 1), None)], ExecutionPolicy(dialect="ultrax"))
        assert (blank.outcome, blank.reason) == (Outcome.DROPPED_BY_CHUNKS, Reason.JUDGED_WORTHLESS)

    @pytest.mark.parametrize("program", ["remove_all()\nremove_lines(7, 9)", "remove_all("])
    def test_a_refused_program_drops_nothing(self, program):
        assert run(program, error_limit=1).text == PAGE

    def test_an_answer_that_was_cut_off_drops_nothing(self):
        policy = ExecutionPolicy(dialect="ultrax")
        assert execute(PAGE, [((0, LAST), "remove_all()", True)], policy).text == PAGE

    def test_all_lines_removed_one_by_one_is_an_accident_and_not_a_judgement(self):
        refinement = run("remove_lines(0, 4)")
        assert (refinement.text, refinement.reason) == (PAGE, Reason.NOTHING_LEFT)

    def test_nothing_is_inserted_beside_it(self):
        refinement = run('remove_all()\ninsert_line(1, "x")\n---\nkeep_chunk()', chunks=[(0, 2), (3, 4)])
        assert refinement.text == "body of text of a page\nfoot"
        assert statuses(refinement)[:2] == ["applied", "already_removed"]


class TestRewrite:
    PROGRAM = 'rewrite("A new\\npage")\nremove_lines(0, 0)\nreplace_in_line(9, "a", "")'

    def test_it_is_recorded_and_the_rest_is_applied(self):
        refinement = run(self.PROGRAM)
        assert refinement.text == PAGE.removeprefix("menu\n")
        assert statuses(refinement) == ["recorded", "applied", "out_of_range"]
        assert json.loads(refinement.edits[0].arguments) == {"text": "A new\npage"}

    def test_executed_it_is_all_that_is_left_of_its_chunk(self):
        refinement = run(f"keep_chunk()\n---\n{self.PROGRAM}", chunks=[(0, 0), (1, 3)], execute_rewrites=True)
        assert refinement.text == "menu\nA new\npage\nfoot"
        assert statuses(refinement) == ["no_change", "applied", "out_of_range", "out_of_range"]
        assert refinement.chunks[1] == ChunkOutcome(1, Verdict.APPLIED)
        assert (refinement.edits[1].characters_removed, refinement.edits[1].characters_added) == (33, 10)
        assert refinement.lines_after == 4

    def test_what_stands_beside_one_that_is_executed_is_superseded(self):
        refinement = run('remove_lines(0, 0)\nrewrite("one")\nrewrite("two")\nremove_all()', execute_rewrites=True)
        assert (refinement.text, statuses(refinement)) == ("one", ["superseded", "applied", "superseded", "superseded"])
        assert refinement.operations_failed == 0

    @pytest.mark.parametrize(
        ("text", "status"), [("\\x00", "invalid_target"), ("\ud800", "invalid_target"), ("menu\\nfoot", "no_change")]
    )
    def test_one_that_cannot_be_executed_leaves_the_rest_of_the_program(self, text, status):
        refinement = run(f'rewrite("{text}")\nremove_lines(0, 0)', text="menu\nfoot", execute_rewrites=True)
        assert (refinement.text, statuses(refinement)) == ("foot", [status, "applied"])

    def test_one_that_leaves_too_little_is_taken_back(self):
        refinement = run('rewrite("x")', execute_rewrites=True, min_kept_share=0.5)
        assert (refinement.text, refinement.reason) == (PAGE, Reason.KEPT_SHARE_TOO_SMALL)
        assert statuses(refinement) == ["reverted"]
