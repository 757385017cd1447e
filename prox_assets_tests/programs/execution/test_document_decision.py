"""The document-level decision."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.programs import DocumentReason, ExecutionPolicy, decide_document
from prox_assets.testing.programs.cases import document_texts, program_texts
from prox_assets_tests.programs.cases import REFERENCE

STRICT = ExecutionPolicy()


def test_a_keep_call_keeps_and_gives_no_reason():
    decision = decide_document("text", "keep_doc()", None, STRICT)

    assert decision.keep
    assert decision.reason is None


@pytest.mark.parametrize(
    "program", ["drop_doc()", " drop_doc() \n", "```python\ndrop_doc()\n```", "drop_doc()\ndrop_doc()"]
)
def test_a_drop_call_drops(program):
    decision = decide_document("text", program, None, STRICT)

    assert not decision.keep
    assert decision.reason is DocumentReason.DROP_DOC


@pytest.mark.parametrize(
    "program",
    ["", "drop", "please do not drop this", "drop_doc(", "DROP_DOC()", "keep_doc()\ndrop_doc()", "remove_lines(0, 1)"],
)
def test_an_answer_that_is_no_clear_decision_keeps_and_says_why(program):
    decision = decide_document("text", program, None, STRICT)

    assert decision.keep
    assert decision.reason is DocumentReason.UNREADABLE
    assert decision.error


@pytest.mark.parametrize(("probability", "keep"), [(0.7, True), (0.69, False), (1.0, True), (0.0, False)])
def test_a_scored_document_is_kept_from_the_threshold_on(probability, keep):
    decision = decide_document("text", None, probability, ExecutionPolicy(doc_keep_threshold=0.7))

    assert decision.keep is keep
    assert decision.reason == (None if keep else DocumentReason.KEEP_PROBABILITY_BELOW_THRESHOLD)


@pytest.mark.parametrize("probability", [math.nan, -0.1, 1.1, math.inf])
def test_a_number_that_is_no_probability_keeps_and_says_why(probability):
    decision = decide_document("text", None, probability, STRICT)

    assert decision.keep
    assert decision.reason is DocumentReason.UNREADABLE


def test_a_document_without_any_answer_is_kept_and_says_why():
    assert decide_document("text", None, None, STRICT).reason is DocumentReason.UNREADABLE


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000\n"])
def test_blank_documents_are_dropped_whatever_the_answer(text):
    for policy in (STRICT, REFERENCE):
        decision = decide_document(text, "keep_doc()", 1.0, policy)
        assert not decision.keep
        assert decision.reason is DocumentReason.EMPTY


@given(document_texts, st.none() | program_texts, st.none() | st.floats())
def test_deciding_never_raises_and_a_drop_has_a_reason(text, program, probability):
    for policy in (STRICT, REFERENCE):
        decision = decide_document(text, program, probability, policy)
        assert decision.keep or decision.reason


@given(text=document_texts, program=program_texts)
def test_strict_mode_keeps_whatever_reference_mode_keeps(text, program):
    if decide_document(text, program, None, REFERENCE).keep:
        assert decide_document(text, program, None, STRICT).keep
