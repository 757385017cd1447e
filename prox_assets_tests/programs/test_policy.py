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
    "line_keep_threshold": 0.3,
    "reference_threshold_1": 0.1,
    "reference_threshold_2": 0.9,
    "reference_error_op": 5,
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


def test_a_policy_of_another_executor_version_is_refused():
    stored = ExecutionPolicy().as_dict() | {"executor_version": 999}

    with pytest.raises(ValueError, match="executor version 999"):
        ExecutionPolicy.from_dict(stored)


def test_unknown_fields_are_named():
    with pytest.raises(ValueError, match="unknown execution policy fields: colour"):
        ExecutionPolicy.from_dict({"colour": "red"})


@pytest.mark.parametrize(
    ("field", "value"),
    [("mode", "lenient"), ("error_limit", 0), ("min_kept_share", 1.5), ("doc_keep_threshold", float("nan"))],
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
