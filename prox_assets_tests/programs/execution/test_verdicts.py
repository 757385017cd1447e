"""What the executor says of each chunk's program as a whole, and of the lines that it removed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.programs import ChunkOutcome, ExecutionPolicy, Refinement, Verdict, execute
from prox_assets.programs.execution.line_removal import LineRemoval, ranges_of
from prox_assets.testing.programs.cases import BODY, chunked_documents
from prox_assets.testing.programs.invariants import check_verdicts
from prox_assets_tests.programs.cases import REFERENCE, run, run_chunks

PAGE = f"menu\n{BODY}\nshare\n{BODY}"
ONE_ERROR = "remove_lines(start=0, end=0)\nremove_lines(start=what)"
TWO_ERRORS = f"{ONE_ERROR}\nnormalize()"


def verdicts(refinement: Refinement) -> list[str]:
    return [chunk.verdict.value for chunk in refinement.chunks]


@pytest.mark.parametrize(
    ("program", "verdict", "removed"),
    [
        ("remove_lines(0, 0)\nremove_lines(2, 2)", Verdict.APPLIED, ((0, 0), (2, 2))),
        ("remove_lines(0, 0)\nremove_lines(1, 2)", Verdict.APPLIED, ((0, 2),)),
        ("remove_lines(2, 2)\nremove_lines(1, 2)\nremove_lines(0, 0)", Verdict.APPLIED, ((0, 2),)),
        ("remove_lines(0, 0)\nnormalize('no such text', '')", Verdict.APPLIED, ((0, 0),)),
        ("normalize('share', 'part')", Verdict.APPLIED, ()),
        ("keep_chunk()", Verdict.NO_CHANGE, ()),
        ("normalize('no such text', '')", Verdict.NO_CHANGE, ()),
        ("remove_lines(0, 0)\nremove_lines(7, 9)", Verdict.REFUSED, ()),
        ("", Verdict.REFUSED, ()),
    ],
)
def test_strict_verdicts(program: str, verdict: Verdict, removed: tuple[tuple[int, int], ...]):
    assert run(PAGE, program).chunks == (ChunkOutcome(0, verdict, removed),)


@pytest.mark.parametrize("program", ["remove_lines(0, 0)", "keep_chunk()", "remove_lines(0, 0)\nwhat"])
def test_an_answer_that_was_cut_off_is_not_carried_out_in_strict_mode_and_is_in_reference_mode(program: str):
    assert verdicts(run(PAGE, program, truncated=True)) == ["cut_off"]
    assert Verdict.CUT_OFF not in verdicts(run(PAGE, program, truncated=True, mode="reference"))


def test_every_chunk_has_a_verdict_of_its_own_and_lines_are_those_of_the_document():
    programs = ["keep_chunk()", "remove_lines(0, 0)"]
    refinement = run_chunks(PAGE, 2, programs, ExecutionPolicy(line_numbers="chunk"))

    assert refinement.chunks == (
        ChunkOutcome(0, Verdict.NO_CHANGE),
        ChunkOutcome(1, Verdict.APPLIED, ((2, 2),)),
    )


@pytest.mark.parametrize("policy", [ExecutionPolicy(), REFERENCE], ids=["strict", "reference"])
def test_a_chunk_without_a_program_is_skipped(policy: ExecutionPolicy):
    refinement = execute(PAGE, [((0, 1), "remove_lines(start=0, end=0)"), ((2, 3), None)], policy)

    assert verdicts(refinement) == ["applied", "skipped"]


def test_errors_below_the_limit_of_the_released_executor_refuse_nothing():
    refinement = run(PAGE, ONE_ERROR, mode="reference")

    assert refinement.text == PAGE.removeprefix("menu\n")
    assert refinement.chunks == (ChunkOutcome(0, Verdict.APPLIED, ((0, 0),)),)


def test_the_released_executor_takes_back_the_programs_of_all_chunks_together():
    refinement = run_chunks(PAGE, 2, [ONE_ERROR, "normalize()"], REFERENCE)

    assert (refinement.text, refinement.reason) == (PAGE, "too_many_errors")
    assert refinement.chunks == (ChunkOutcome(0, Verdict.REFUSED), ChunkOutcome(1, Verdict.REFUSED))


def test_a_program_that_left_too_little_was_carried_out_however_many_errors_it_has():
    """The released executor looks at the words that are left before it looks at the errors."""
    refinement = run("menu\nfew words", TWO_ERRORS, mode="reference")

    assert refinement.reason == "too_few_words"
    assert refinement.chunks == (ChunkOutcome(0, Verdict.APPLIED, ((0, 0),)),)


def test_a_program_may_remove_lines_of_another_chunk_in_reference_mode():
    refinement = run_chunks(PAGE, 2, ["remove_lines(start=2, end=2)", "remove_lines(start=0, end=2)"], REFERENCE)

    assert [chunk.removed_lines for chunk in refinement.chunks] == [((2, 2),), ((0, 1),)]


def test_what_the_released_executor_has_no_result_for_is_told_as_crashed():
    refinement = run(PAGE, f"remove_lines(start=0, end={10**12})", mode="reference")

    assert (refinement.reason, verdicts(refinement)) == ("reference_crashed", ["crashed"])


@pytest.mark.parametrize("policy", [ExecutionPolicy(), ExecutionPolicy(error_limit=3), REFERENCE])
@given(document=chunked_documents())
def test_verdicts_agree_with_edits_and_text_whatever_the_programs(document, policy: ExecutionPolicy):
    text, programs = document
    check_verdicts(text, programs, execute(text, programs, policy))


@given(st.lists(st.tuples(st.integers(-2, 12), st.integers(-2, 12)), max_size=8), st.integers(1, 10))
def test_removed_ranges_hold_what_is_not_kept(ranges: list[tuple[int, int]], count: int):
    removal = LineRemoval(count)
    for start, end in ranges:
        removal.remove(start, end)
    removed = sorted(set(range(count)) - set(removal.kept()))

    assert removal.removed() == ranges_of(removed)
    assert [line for start, end in removal.removed(5) for line in range(start, end + 1)] == [n + 5 for n in removed]
    for before, after in zip(removal.removed(), removal.removed()[1:], strict=False):
        assert before[1] + 1 < after[0]
