"""Reference mode of `execute`."""

import json

from hypothesis import given

from prox_assets.programs import Normalize, Outcome, Reason, RemoveLines, execute
from prox_assets.programs.execution.reference.no_result import ReferenceExecutionError
from prox_assets.programs.execution.reference.prox import execute_chunk_program
from prox_assets.testing.programs.cases import BODY, chunked_documents
from prox_assets_tests.programs.cases import REFERENCE, run, run_chunks, statuses


@given(chunked_documents())
def test_the_text_is_that_of_the_joined_programs_and_nothing_raises(document):
    text, programs = document
    joined = "\n".join((item.program or "").strip(" ") for item in programs)

    refinement = execute(text, programs, REFERENCE)

    try:
        assert refinement.text == execute_chunk_program(text, joined)
    except ReferenceExecutionError:
        assert (refinement.text, refinement.reason) == (text, Reason.REFERENCE_CRASHED)


def test_a_blank_document_on_which_the_released_code_crashes_stays_as_it_was():
    refinement = run(" \n", "untouch_doc()", mode="reference")

    assert (refinement.text, refinement.outcome, refinement.reason) == (" \n", "kept_unchanged", "reference_crashed")


def test_edits_are_recorded_per_chunk_and_line():
    text = f"nav\n{BODY}\n{BODY}\nfooter x"
    first = 'remove_lines(start=0, end=0)\n# a comment\nnormalize(source_str="x", target_str="")'
    second = "untouch_doc()\nremove_lines(0, 0)\nremove_lines(start=0, end=0)\nremove_lines(start=3, end=1)"

    refinement = run_chunks(text, 2, [first, second], REFERENCE)

    assert refinement.text == f"{BODY}\n{BODY}\nfooter "
    assert refinement.outcome is Outcome.KEPT_EDITED
    assert [(edit.chunk_index, edit.position) for edit in refinement.edits] == [
        *((0, 0), (0, 1), (0, 2)),
        *((1, 0), (1, 1), (1, 2), (1, 3)),
    ]
    assert statuses(refinement) == [
        *("applied", "ignored", "applied"),
        *("ignored", "unparsed", "already_removed", "reversed"),
    ]
    assert refinement.edits[0].characters_removed == len("nav\n")
    assert json.loads(refinement.edits[0].arguments) == {"line_start": 0, "line_end": 0}


def test_a_program_that_the_released_code_takes_back_is_recorded_as_rejected():
    refinement = run(f"nav\n{BODY}", "remove_lines(start=0, end=0)\nnormalize()\nnormalize()", mode="reference")

    assert (refinement.outcome, refinement.reason) == ("kept_unchanged", "too_many_errors")
    assert statuses(refinement) == ["program_rejected", "unparsed", "unparsed"]
    assert refinement.edits[0].characters_removed == 0


def test_a_document_that_the_released_code_empties_is_dropped_with_its_reason():
    assert run("nine words", "untouch_doc()", mode="reference").reason is Reason.TOO_FEW_WORDS
    assert run(f"{BODY}\n" * 30, "remove_lines(all=True)", mode="reference").reason is Reason.KEPT_SHARE_TOO_SMALL


def test_operations_are_rendered_for_the_released_code():
    operations = (RemoveLines(0, 0), Normalize("stay", "remain"))

    assert execute(f"nav\n{BODY}", [((0, 1), operations)], REFERENCE).text == BODY.replace("stay", "remain")
