"""Strict execution of what the dialects beside ProX brought: lines inserted, strings replaced in one line, rewrites."""

import json
from collections.abc import Sequence

import pytest

from prox_assets.programs import (
    DIALECTS,
    Chunk,
    ChunkOutcome,
    DialectName,
    EditStatus,
    ExecutionPolicy,
    InsertLine,
    Outcome,
    Reason,
    Refinement,
    RemoveLines,
    ReplaceInLine,
    Verdict,
    execute,
    execute_with_provenance,
)
from prox_assets.programs.execution.judging import SEARCH_LIMIT
from prox_assets.programs.execution.provenance import Segment, SegmentKind

PAGE = "menu\nThe titel\n\nbody of text of a page\nfoot"
LAST = PAGE.count("\n")


def run(
    program: str,
    dialect: DialectName = "canonical",
    text: str = PAGE,
    chunks: Sequence[tuple[int, int]] = (),
    **settings,
) -> Refinement:
    """Run one program, or the same number of programs as chunks, separated by lines of dashes."""
    lenient = {"error_limit": 100, "min_kept_share": 0, "min_kept_characters": 0}
    policy = ExecutionPolicy(dialect=dialect, **{"line_numbers": DIALECTS[dialect].line_numbers, **lenient, **settings})
    places = chunks or [(0, text.count("\n"))]
    refinement = execute(text, list(zip(places, program.split("\n---\n"), strict=True)), policy)
    # What a test says of the text must be said by the map from refined to raw text, too.
    _, provenance = execute_with_provenance(text, list(zip(places, program.split("\n---\n"), strict=True)), policy)
    assert sum(one.refined_end - one.refined_start for one in provenance.segments) == len(refinement.text)
    return refinement


def statuses(refinement: Refinement) -> list[str]:
    return [edit.status.value for edit in refinement.edits]


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
