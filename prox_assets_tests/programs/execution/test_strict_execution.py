"""Strict mode of `execute`."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_assets.programs import (
    Chunk,
    ChunkOutcome,
    ChunkProgram,
    EditStatus,
    ExecutionPolicy,
    KeepChunk,
    Normalize,
    Outcome,
    Reason,
    RemoveLines,
    Verdict,
    execute,
    parse,
)
from prox_assets.programs.execution.judging import SEARCH_LIMIT, SOURCE_LIMIT
from prox_assets.testing.programs.cases import chunked_documents
from prox_assets.testing.programs.invariants import check_provenance, check_strict
from prox_assets.testing.programs.mutations import HostileInput
from prox_assets_tests.programs.cases import run, run_chunks, statuses

PAGE = "Home | About\nThe title\nThe first paragraph.\nThe second paragraph.\nCopyright"
policies = st.builds(
    ExecutionPolicy,
    line_numbers=st.sampled_from(["document", "chunk"]),
    error_limit=st.integers(1, 4),
    min_kept_share=st.floats(0, 1),
    min_kept_characters=st.integers(0, 20),
    whole_words=st.booleans(),
    on_empty=st.sampled_from(["keep", "drop"]),
)


@given(chunked_documents(), policies)
@settings(max_examples=300)
def test_no_text_and_no_program_makes_execution_raise(document, policy):
    text, programs = document
    refinement = execute(text, programs, policy)

    assert refinement.lines_before == text.count("\n") + 1
    assert refinement.characters_after == len(refinement.text)
    if policy.on_empty == "drop":
        assert (refinement.outcome is Outcome.DROPPED_BY_CHUNKS) == (refinement.reason is not None)
    else:
        assert refinement.outcome is not Outcome.DROPPED_BY_CHUNKS


@given(chunked_documents(), policies)
def test_output_lines_are_a_subsequence_of_input_lines_unless_a_normalize_applied(document, policy):
    text, programs = document
    refinement = execute(text, programs, policy)

    if refinement.outcome is not Outcome.DROPPED_BY_CHUNKS and not any(
        edit.operation == "normalize" and edit.status is EditStatus.APPLIED for edit in refinement.edits
    ):
        remaining = iter(text.split("\n"))
        assert all(line in remaining for line in refinement.text.split("\n"))


@given(chunked_documents(), policies)
@settings(max_examples=300)
def test_a_document_is_dropped_or_reverted_whole_and_every_record_says_so(document, policy):
    text, programs = document
    case = HostileInput(text, programs, policy)

    check_provenance(case, check_strict(case))


@given(chunked_documents(), policies)
def test_keeping_changes_only_what_dropping_drops(document, policy):
    text, programs = document
    keeping, dropping = (execute(text, programs, replace(policy, on_empty=what)) for what in ("keep", "drop"))

    if dropping.outcome is not Outcome.DROPPED_BY_CHUNKS:
        assert keeping == dropping
    else:
        assert (keeping.text, keeping.reason, keeping.operations_applied) == (text, dropping.reason, 0)
        applied = [edit.status is EditStatus.APPLIED for edit in dropping.edits]
        assert [edit.status is EditStatus.REVERTED for edit in keeping.edits] == applied


@given(chunked_documents(), policies)
def test_executing_stored_programs_again_gives_the_same(document, policy):
    text, programs = document
    stored = json.loads(json.dumps([[*item.chunk, item.program, item.truncated] for item in programs]))
    restored = [ChunkProgram(Chunk(*row[:4]), *row[4:]) for row in stored]

    again = execute(text, restored, ExecutionPolicy.from_dict(json.loads(json.dumps(policy.as_dict()))))

    assert again == execute(text, programs, policy)


@given(chunked_documents(), policies)
def test_the_characters_of_the_edits_add_up(document, policy):
    text, programs = document
    refinement = execute(text, programs, policy)

    if refinement.outcome is not Outcome.DROPPED_BY_CHUNKS:
        removed = sum(edit.characters_removed for edit in refinement.edits)
        added = sum(edit.characters_added for edit in refinement.edits)
        assert refinement.characters_before - removed + added == refinement.characters_after


@given(chunked_documents(), policies)
def test_every_call_of_every_program_has_one_edit(document, policy):
    text, programs = document
    refinement = execute(text, programs, policy)

    expected = [
        (item.chunk.index, position)
        for item in programs
        if item.program is not None
        # An answer without any call is recorded as one unreadable piece.
        for position in range(len(parse(item.program).calls) or 1)
    ]
    assert [(edit.chunk_index, edit.position) for edit in refinement.edits] == expected


def test_removed_lines_disappear_with_their_line_breaks():
    refinement = run(PAGE, "remove_lines(0, 0)\nremove_lines(4, 4)")

    assert refinement.text == "The title\nThe first paragraph.\nThe second paragraph."
    assert refinement.outcome is Outcome.KEPT_EDITED
    assert (refinement.lines_before, refinement.lines_after) == (5, 3)
    assert (refinement.characters_before, refinement.characters_after) == (len(PAGE), len(refinement.text))
    assert [edit.characters_removed for edit in refinement.edits] == [len("Home | About\n"), len("\nCopyright")]
    assert (refinement.operations_applied, refinement.operations_failed) == (2, 0)


def test_an_edit_names_its_call_and_arguments():
    edits = run(PAGE, 'remove_lines(start=0, end=0)\nnormalize("paragraph", "part")\nwhat?', error_limit=9).edits

    assert [(edit.operation, json.loads(edit.arguments)) for edit in edits] == [
        ("remove_lines", {"line_start": 0, "line_end": 0}),
        ("normalize", {"source_str": "paragraph", "target_str": "part"}),
        ("unparsed", {"reason": "not_a_call", "text": "what?"}),
    ]
    assert (edits[1].characters_removed, edits[1].characters_added) == (18, 8)


def test_a_keep_call_changes_nothing():
    refinement = run(PAGE, "keep_chunk()")

    assert (refinement.text, refinement.outcome, statuses(refinement)) == (PAGE, "kept_unchanged", ["no_change"])
    assert (refinement.operations_applied, refinement.operations_failed) == (0, 0)


def test_operations_do_in_place_of_text():
    operations = (RemoveLines(0, 0), Normalize("title", "heading"), KeepChunk())

    refinement = execute("nav\nThe title", [((0, 1), operations)])

    assert refinement.text == "The heading"


def test_line_numbers_can_start_anew_in_each_chunk():
    programs = ["remove_lines(0, 0)"] * 2

    assert run_chunks("a\nb\nc\nd", 2, programs, ExecutionPolicy(line_numbers="chunk")).text == "b\nd"
    assert run_chunks("a\nb\nc\nd", 2, programs).text == "b\nc\nd"


def test_skipped_chunks_and_lines_of_no_chunk_stay():
    programs = [((1, 1), "remove_lines(1, 1)"), (Chunk(1, 2, 2, "line_longer_than_window"), None)]

    assert execute("a\nb\nc\nd", programs).text == "a\nc\nd"


@pytest.mark.parametrize("places", [[(0, 3)], [(-1, 1)], [(1, 0)], [(0, 1), (1, 2)], [(1, 2), (0, 0)]])
def test_chunks_that_are_not_runs_of_the_documents_lines_are_refused(places):
    with pytest.raises(ValueError, match="claims lines"):
        execute("a\nb\nc", [(place, "keep_chunk()") for place in places])


@pytest.mark.parametrize("numbers", ["3, 99", "4, 5", "-1, 2", f"0, {10**15}", f"{10**17}, {10**17}"])
def test_a_range_that_leaves_the_chunk_does_nothing_not_even_inside(numbers):
    refinement = run(PAGE, f"remove_lines({numbers})\nremove_lines(0, 0)", error_limit=9)

    assert refinement.text == PAGE.split("\n", 1)[1]
    assert statuses(refinement) == ["out_of_range", "applied"]


def test_a_bad_operation_leaves_its_chunk_as_it_was_and_no_other():
    refinement = run_chunks(PAGE, 3, ["remove_lines(0, 0)\nremove_lines(0, 99)", "remove_lines(4, 4)"])

    assert refinement.text == PAGE.rsplit("\n", 1)[0]
    assert statuses(refinement) == ["program_rejected", "out_of_range", "applied"]
    assert refinement.operations_failed == 2


@pytest.mark.parametrize("bad", ["remove_lines(2, 0)", "remove_lines(9, 9)", "what?", "drop_doc()", "cut()"])
def test_errors_of_each_kind_count_towards_the_limit(bad):
    program = f"remove_lines(0, 0)\n{bad}"

    assert run(PAGE, program, error_limit=1).text == PAGE
    assert run(PAGE, program, error_limit=2).text != PAGE


def test_a_truncated_program_is_not_run():
    refinement = run(PAGE, "remove_lines(0, 0)\nremove_lines(4, 4)", truncated=True)

    assert (refinement.text, statuses(refinement)) == (PAGE, ["program_rejected"] * 2)


@pytest.mark.parametrize("program", ["", " \n", "# nothing to do", "```python\n```", "I see no noise.\n```\n```"])
def test_an_answer_without_any_call_is_recorded_as_a_failure(program):
    refinement = run(PAGE, program)

    assert (refinement.text, statuses(refinement), refinement.operations_failed) == (PAGE, ["unparsed"], 1)


def test_overlapping_ranges_remove_each_line_once():
    refinement = run(PAGE, "remove_lines(0, 2)\nremove_lines(1, 3)\nremove_lines(0, 1)")

    assert refinement.text == "Copyright"
    assert statuses(refinement) == ["applied", "applied", "already_removed"]
    assert refinement.edits[1].characters_removed == len("The second paragraph.\n")


def test_a_string_that_went_with_its_line_is_no_failure():
    refinement = run(PAGE, 'normalize("Home", "")\nremove_lines(0, 0)\nnormalize("Nowhere", "")')

    assert statuses(refinement) == ["already_removed", "applied", "no_match"]
    assert (refinement.edits[0].characters_removed, refinement.operations_failed) == (0, 1)


def test_a_string_in_a_line_that_stays_is_judged_there_whatever_was_removed():
    refinement = run("cat\nconcatenate", 'remove_lines(0, 0)\nnormalize("cat", "dog")')

    assert (refinement.text, statuses(refinement)) == ("concatenate", ["applied", "cuts_word"])


def test_a_string_that_was_only_in_its_spelling_among_removed_lines_is_no_failure():
    refinement = run("\\theta is an angle\nstays", 'normalize("\\theta", "")\nremove_lines(0, 0)')

    assert statuses(refinement) == ["already_removed", "applied"]


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ('normalize("", "x")', "empty_source"),
        ('normalize("title", "title")', "no_change"),
        (r'normalize("About\nThe", "")', "spans_lines"),
        (r'normalize("About", "a\nb")', "spans_lines"),
        (r'normalize("About", "\x00")', "invalid_target"),
        ('normalize("About", "\ud800")', "invalid_target"),
        (f'normalize("{"x" * (SOURCE_LIMIT + 1)}", "")', "over_limit"),
        ('normalize("not there", "")', "no_match"),
        ('normalize("itle", "")', "cuts_word"),
        ('normalize("Home | Ab", "")', "cuts_word"),
    ],
)
def test_a_normalize_that_cannot_be_done_says_why(call, status):
    refinement = run(PAGE, call)

    assert (refinement.text, statuses(refinement)) == (PAGE, [status])


def test_words_may_be_cut_where_the_policy_says_so():
    assert run("concatenate it", 'normalize("cat", "")', whole_words=False).text == "conenate it"


def test_a_latex_command_is_found_although_it_looks_like_an_escape():
    refinement = run(r"Let $\theta = \nabla f$ be", r'normalize("$\theta = \nabla f$", "$x$")')

    assert refinement.text == "Let $x$ be"


def test_a_loop_shows_in_the_statuses_and_does_its_work_once():
    refinement = run(PAGE, "\n".join(["remove_lines(0, 0)"] * 50))

    assert refinement.text == PAGE.split("\n", 1)[1]
    assert statuses(refinement) == ["applied"] + ["duplicate"] * 3 + ["looped"] * 46


def test_normalizes_beyond_the_limit_are_left_out():
    words = [f"word{number}x" for number in range(SEARCH_LIMIT + 2)]
    refinement = run(" ".join(words), "\n".join(f'normalize("{word}", "y")' for word in words))

    assert statuses(refinement) == ["applied"] * SEARCH_LIMIT + ["over_limit"] * 2


@pytest.mark.parametrize("target_length", [50, 1_000_000])
def test_targets_that_would_blow_the_text_up_are_given_up_as_a_whole(target_length):
    text = "a " * 100_000

    # 10^11 characters, were the longer one put in everywhere.
    refinement = run(text, f'normalize("a", "{"x" * target_length}")\nnormalize("zzz", "")')

    assert (refinement.text, statuses(refinement)) == (text, ["over_limit"] * 2)


@pytest.mark.timeout(60)
def test_long_sources_that_match_everywhere_are_given_up_before_they_cost_much():
    text = "ab " * 300_000

    # Each source matches at 3 * 10^5 places, and each match ends inside a word.
    refinement = run(text, "\n".join(f'normalize("{"ab " * (660 - cut)}a", "")' for cut in range(500)))

    assert (refinement.text, set(statuses(refinement))) == (text, {"over_limit"})


def test_matches_absurdly_many_are_given_up_as_a_whole():
    text = "ab " * 20_000
    program = "\n".join(f'normalize("{"ab " * count}a", "")' for count in range(100))

    refinement = run(text, program)

    assert (refinement.text, set(statuses(refinement))) == (text, {"over_limit"})


@pytest.mark.parametrize(
    ("text", "program", "policy", "reason"),
    [
        ("a\nb", "remove_lines(0, 1)", {}, Reason.NOTHING_LEFT),
        ("a\n ", "remove_lines(0, 0)", {}, Reason.NOTHING_LEFT),
        ("abc", 'normalize("abc", "")', {}, Reason.NOTHING_LEFT),
        ("", "remove_lines(0, 0)", {}, Reason.NOTHING_LEFT),
        ("x" * 96 + "\nabcd", "remove_lines(0, 0)", {}, Reason.KEPT_SHARE_TOO_SMALL),
        ("x\nabcd", "remove_lines(0, 0)", {"min_kept_characters": 5}, Reason.TOO_FEW_CHARACTERS),
    ],
)
def test_a_document_of_which_too_little_is_left_is_dropped(text, program, policy, reason):
    refinement = run(text, program, on_empty="drop", **policy)

    assert (refinement.text, refinement.outcome, refinement.reason) == ("", "dropped_by_chunks", reason)
    assert (refinement.characters_after, refinement.lines_after) == (0, 0)

    refinement = run(text, program, **policy)

    assert (refinement.text, refinement.outcome, refinement.reason) == (text, "kept_unchanged", reason)
    assert (refinement.characters_after, refinement.lines_after) == (len(text), text.count("\n") + 1)
    assert statuses(refinement) == ["reverted"]
    assert refinement.chunks == (ChunkOutcome(0, Verdict.REVERTED),)
    assert (refinement.operations_applied, refinement.operations_failed) == (0, 0)


def test_reverting_a_document_leaves_other_verdicts_and_statuses_as_they_are():
    programs = ["remove_lines(0, 0)\nremove_lines(0, 0)", "keep_chunk()", "remove_lines(9, 9)", "remove_lines(3, 3)"]
    refinement = run_chunks("menu\n\n\nshare", 1, programs)

    assert refinement.reason is Reason.NOTHING_LEFT
    assert [chunk.verdict.value for chunk in refinement.chunks] == ["reverted", "no_change", "refused", "reverted"]
    assert statuses(refinement) == ["reverted", "duplicate", "no_change", "out_of_range", "reverted"]
    assert all(not edit.characters_removed for edit in refinement.edits)


@pytest.mark.parametrize("text", ["", " \n ", "Hi."])
def test_a_document_that_no_operation_changed_is_never_dropped(text):
    refinement = run(text, "keep_chunk()", min_kept_characters=50)

    assert (refinement.text, refinement.outcome) == (text, "kept_unchanged")


@pytest.mark.timeout(60)
def test_cost_does_not_grow_with_the_size_of_ranges_nor_with_ranges_times_lines():
    line_count = 200_000
    text = "\n" * (line_count - 1)
    program = f"remove_lines(0, {10**15})\n" + "\n".join(f"remove_lines({n}, {line_count - 2})" for n in range(20_000))

    # 4 * 10^9 lines are named; minutes or more if each were touched.
    assert run(text, program, error_limit=9, on_empty="drop").operations_applied == 1


@pytest.mark.timeout(60)
def test_many_normalizes_on_a_long_text_take_linear_time():
    text = "\n".join(f"word {number} and more" for number in range(50_000))
    program = "\n".join(f'normalize("word {number}", "")' for number in range(100_000))

    # 10^5 replacements on 10^6 characters, were each carried out in turn.
    assert run(text, program).operations_applied == SEARCH_LIMIT
