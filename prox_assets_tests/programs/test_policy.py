"""The execution policy and its fingerprint."""

import dataclasses
import json

import pytest

from prox_assets.programs import Chunk, ExecutionPolicy, policy

CHANGES = {
    "mode": "reference",
    "dialect": "line-labels",
    "line_numbers": "chunk",
    "error_limit": 3,
    "min_kept_share": 0.2,
    "min_kept_characters": 50,
    "whole_words": False,
    "doc_keep_threshold": 0.7,
    "line_decision": "expected_f1",
    "line_keep_threshold": 0.3,
    "line_f1_beta": 2.0,
    "line_min_gain": 0.1,
    "on_empty": "drop",
    "personal_data": ("email",),
    "protect_formulas": True,
    "reference_threshold_1": 0.1,
    "reference_threshold_2": 0.9,
    "reference_error_op": 5,
    "execute_rewrites": True,
    "reference_edit_share": 0.8,
}


def test_every_field_changes_the_fingerprint():
    assert CHANGES.keys() == {field.name for field in dataclasses.fields(ExecutionPolicy)}
    fingerprints = {ExecutionPolicy(**{name: value}).fingerprint() for name, value in CHANGES.items()}  # pyright: ignore[reportArgumentType]

    assert len(fingerprints | {ExecutionPolicy().fingerprint()}) == len(CHANGES) + 1


def test_another_executor_has_another_fingerprint(monkeypatch):
    before = ExecutionPolicy().fingerprint()
    monkeypatch.setattr(policy, "EXECUTOR_VERSION", policy.EXECUTOR_VERSION + 1)

    assert ExecutionPolicy().fingerprint() != before


def test_a_policy_survives_being_stored_as_json():
    original = ExecutionPolicy.from_dict(CHANGES | {"mode": "strict"})

    assert ExecutionPolicy.from_dict(json.loads(json.dumps(original.as_dict()))) == original


PINNED = {
    "4bcc15ba84339119b7b574655ca4bcb5": {},
    "204dfc47ed34f6f572e57b37ba2f823f": {"mode": "reference"},
}
"""Policies of a release that had neither line_decision nor on_empty, by their fingerprints then."""


@pytest.mark.parametrize(("fingerprint", "fields"), PINNED.items())
def test_a_policy_of_before_is_read_as_what_it_meant_and_keeps_its_fingerprint(fingerprint, fields):
    stored = {"executor_version": 2, "mode": "strict", "line_keep_threshold": 0.5, **fields}
    replayed = ExecutionPolicy.from_dict(stored)

    assert (replayed.line_decision, replayed.line_f1_beta, replayed.on_empty) == ("threshold", 1.0, "drop")
    assert replayed.line_min_gain == 0
    assert replayed.fingerprint() == fingerprint
    assert ExecutionPolicy(**fields, on_empty="drop").fingerprint() == fingerprint
    assert not {"line_decision", "line_f1_beta", "line_min_gain", "on_empty"} & replayed.as_dict().keys()


@pytest.mark.parametrize(
    "changes",
    [{}, {"line_decision": "expected_f1"}, {"line_f1_beta": 0.5}, {"line_min_gain": 0.1}, {"on_empty": "drop"}],
)
def test_what_the_policy_says_of_lines_and_empty_documents_is_stored(changes):
    original = ExecutionPolicy(**changes)

    assert ExecutionPolicy.from_dict(json.loads(json.dumps(original.as_dict()))) == original


def test_the_reference_mode_knows_neither_line_decision_nor_on_empty():
    released = ExecutionPolicy(mode="reference")

    assert released == ExecutionPolicy(mode="reference", line_decision="expected_f1", line_f1_beta=3, on_empty="keep")
    assert (released.line_decision, released.on_empty) == ("threshold", "drop")
    assert dataclasses.replace(ExecutionPolicy(line_decision="expected_f1"), mode="reference") == released


def test_a_threshold_alone_means_the_threshold_rule():
    scored = ExecutionPolicy(line_decision="expected_f1")

    assert scored.with_settings(line_keep_threshold=0.7) == ExecutionPolicy(line_keep_threshold=0.7)
    both = scored.with_settings(line_keep_threshold=0.7, line_decision="expected_f1")
    assert (both.line_decision, both.line_keep_threshold) == ("expected_f1", 0.7)
    assert scored.with_settings(min_kept_characters=3).line_decision == "expected_f1"
    careful = ExecutionPolicy(line_decision="expected_f1", line_min_gain=0.1)
    assert careful.with_settings(line_keep_threshold=0.7) == ExecutionPolicy(line_keep_threshold=0.7)
    assert careful.with_settings(line_decision="threshold") == ExecutionPolicy()


def test_a_policy_of_another_executor_version_is_refused():
    stored = ExecutionPolicy().as_dict() | {"executor_version": 999}

    with pytest.raises(ValueError, match="executor version 999"):
        ExecutionPolicy.from_dict(stored)


def test_personal_data_is_part_of_a_policy_only_where_some_is_replaced(monkeypatch):
    assert ExecutionPolicy().as_dict().keys().isdisjoint({"personal_data", "personal_data_version"})
    original = ExecutionPolicy(personal_data=("phone_number", "email"))
    assert original == ExecutionPolicy(personal_data=("email", "phone_number", "email"))
    stored = json.loads(json.dumps(original.as_dict()))
    assert ExecutionPolicy.from_dict(stored) == original
    monkeypatch.setattr(policy, "PERSONAL_DATA_VERSION", policy.PERSONAL_DATA_VERSION + 1)
    with pytest.raises(ValueError, match="replaced personal data by version 1"):
        ExecutionPolicy.from_dict(stored)
    with pytest.raises(ValueError, match="personal_data must be empty in reference mode"):
        ExecutionPolicy(mode="reference", personal_data=("email",))


def test_unknown_fields_are_named():
    with pytest.raises(ValueError, match="unknown execution policy fields: colour"):
        ExecutionPolicy.from_dict({"colour": "red"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "lenient"),
        ("error_limit", 0),
        ("min_kept_share", 1.5),
        ("doc_keep_threshold", float("nan")),
        ("line_decision", "best"),
        ("line_f1_beta", 0),
        ("line_f1_beta", float("nan")),
        ("line_f1_beta", float("inf")),
        ("line_min_gain", -0.1),
        ("line_min_gain", 1.1),
        ("on_empty", "ask"),
        ("personal_data", ("shoe_size",)),
    ],
)
def test_values_outside_their_range_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        ExecutionPolicy(**{field: value})


def test_the_reference_mode_refuses_line_numbers_that_it_would_misread():
    with pytest.raises(ValueError, match="line_numbers"):
        ExecutionPolicy(mode="reference", line_numbers="chunk")


def test_line_numbers_run_through_the_document_or_start_anew():
    chunk = Chunk(1, 40, 60)

    assert ExecutionPolicy().first_line_number(chunk) == 40
    assert ExecutionPolicy(line_numbers="chunk").first_line_number(chunk) == 0
