"""The line-labels dialect."""

import math

from hypothesis import given
from hypothesis import strategies as st

from prox_assets.programs import (
    Chunk,
    ExecutionPolicy,
    RemoveLines,
    execute,
    labelled_program,
    operations_from_probabilities,
)


def test_runs_of_lines_below_the_threshold_become_one_removal_each():
    operations = operations_from_probabilities([0.1, 0.2, 0.9, 0.4, 0.5], threshold=0.5, first_line_number=10)

    assert operations == (RemoveLines(10, 11), RemoveLines(13, 13))


def test_a_probability_that_is_no_number_keeps_its_line():
    assert operations_from_probabilities([math.nan, 0.0], 0.5, 0) == (RemoveLines(1, 1),)


def test_a_chunk_without_lines_has_no_operations():
    assert operations_from_probabilities([], 0.5, 7) == ()


@given(st.lists(st.floats(0, 1), min_size=1), st.floats(0, 1), st.integers(0, 100))
def test_exactly_the_lines_at_or_above_the_threshold_are_left(probabilities, threshold, line_start):
    text = "\n".join(f"line {number}" for number in range(line_start + len(probabilities)))
    chunk = Chunk(0, line_start, line_start + len(probabilities) - 1)
    policy = ExecutionPolicy(dialect="line-labels", line_keep_threshold=threshold, min_kept_share=0, on_empty="drop")
    program = operations_from_probabilities(probabilities, threshold, policy.first_line_number(chunk))

    refinement = execute(text, [(chunk, program)], policy)

    expected = [f"line {number}" for number in range(line_start)]
    expected += [f"line {line_start + i}" for i, p in enumerate(probabilities) if p >= threshold]
    assert refinement.text == "\n".join(expected)


def test_calls_for_the_insides_of_lines_stand_behind_the_removals():
    call = 'normalize(source_str="[1]", target_str="")'
    assert labelled_program([0.1, 0.9], None, 0.5, 3) == (RemoveLines(3, 3),)
    assert labelled_program([0.1, 0.9], call, 0.5, 3) == f"remove_lines(line_start=3, line_end=3)\n{call}"
    assert labelled_program([0.9, 0.9], call, 0.5, 3) == call


def test_a_call_that_cannot_be_read_is_recorded_beside_the_removals():
    program = labelled_program([0.1, 0.9], "normalize(", 0.5, 0)
    refinement = execute("menu\nA line of text.", [(Chunk(0, 0, 1), program)], ExecutionPolicy(dialect="line-labels"))
    assert [edit.status for edit in refinement.edits] == ["program_rejected", "unparsed"]
