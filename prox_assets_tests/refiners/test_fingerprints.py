"""Fingerprints and stored forms of refiners that exist: where one changes, a corpus is inferred again."""

import hashlib
from typing import Any

import pytest

from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.folder import refiner_files
from prox_assets.refiners.model.files import ModelFiles
from prox_assets.refiners.presets import preset
from prox_assets_tests.refiners.test_config import FILES

# The stored form goes into code versions, the records of a lake and the identity of a training.
PRESETS = [
    ("prox-web", "doc", "651c82dce0520f948d377333e18266d9", "37084138183af16f"),
    ("prox-web", "chunk", "0738a556e59fd032059948994efdd3e9", "c7612a1abc60bdfa"),
    ("prox-math", "doc", "651c82dce0520f948d377333e18266d9", "d7b4bbc215352be7"),
    ("prox-math", "chunk", "0738a556e59fd032059948994efdd3e9", "210f8a3510450c02"),
    ("rules", "doc", "37be7de0f3eed56a0f9c1dcb84cb9f8f", "07a8fe7d7164d425"),
    ("rules", "chunk", "e13934b14ab8be889dcd0a41807568cb", "37358fe0b9c8c197"),
    ("bundled", "doc", "fd98215a806ee381d0a169c15e665c73", "2db19de536d8bd06"),
    ("bundled", "chunk", "31729130566c026dbd79f0386f72db40", "e5e007ce530e7758"),
    ("cascade", "chunk", "4f78acd8ba1feebbb44677da752da874", "70594750e4a8f946"),
    ("lines", "chunk", "d754cef67679586597ae2ac03776cb2f", "849f0836b5e7d1f5"),
]
CONFIGURED: list[tuple[dict[str, Any], str, str]] = [
    (
        {"name": "a", "level": "doc", "model": "m", "decoding": "complete", "constrained": True, "max_new_tokens": 8},
        "56b095f1425951d00f1c19ff51915e76",
        "46de5fdc3b0fdce1",
    ),
    (
        {
            "name": "b",
            "level": "doc",
            "model": "m",
            "prompt_format": "plain",
            "keep_answer": "keep",
            "window": 1024,
            "dtype": "float32",
        },
        "757daa0f492a79275db6ed97ff610b00",
        "29a18e1d610a7845",
    ),
    (
        {
            "name": "c",
            "level": "chunk",
            "model": "m",
            "prompt_format": "plain",
            "line_numbers": "chunk",
            "constrained": True,
            "keep_call": "untouch_doc",
            "range_keywords": ["start", "end"],
        },
        "a7564f5f50a6d5d3fce8cc436217766c",
        "8e780a3de6b5547e",
    ),
    (
        {
            "name": "d",
            "level": "doc",
            "model": "m",
            "dialect": "line-labels",
            "line_labels": {"max_line_tokens": 16},
        },
        "2fbb490a8eb5614531deed244079843c",
        "e5c4804d0254a4b7",
    ),
    (
        {
            "name": "e",
            "level": "chunk",
            "model": "m",
            "dialect": "line-labels",
            "max_prompt_tokens": 1000,
            "line_labels": {"inline": {"max_candidates": 9}},
        },
        "32f95847bc0f4e242e198dd8751e6610",
        "f37791bfa9d357cc",
    ),
    (
        {
            "name": "f",
            "level": "doc",
            "kind": "rules",
            "rules": {"documents": {"min_words": 9}, "lines": {"prose_reach": 9}},
        },
        "30a6a1357f0b3855cc22bd886769ba7b",
        "e1d6de7192ed52b0",
    ),
    (
        {"name": "g", "level": "chunk", "kind": "rules", "chunk_floor": 0.2, "rules": {"lines": {"prose_reach": 9}}},
        "16d896c2143d317832fa5bfae746eeb5",
        "67a42031f07050ae",
    ),
]


def stored_form(config: RefinerConfig) -> str:
    return hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:16]


def files_of(config: RefinerConfig) -> ModelFiles | None:
    """The files of refiners in the package; made-up ones for models that are not here."""
    if config.model is None or config.model.startswith("package://"):
        return refiner_files(config)
    return FILES


@pytest.mark.parametrize(("name", "level", "fingerprint", "form"), PRESETS)
def test_presets_keep_their_fingerprint_and_their_stored_form(name, level, fingerprint, form):
    config = preset(name).doc if level == "doc" else preset(name).chunk
    assert config is not None
    assert (config.fingerprint(files_of(config)), stored_form(config)) == (fingerprint, form)


@pytest.mark.parametrize(("settings", "fingerprint", "form"), CONFIGURED)
def test_configured_refiners_keep_their_fingerprint_and_their_stored_form(settings, fingerprint, form):
    config = RefinerConfig.model_validate(settings)
    assert (config.fingerprint(files_of(config)), stored_form(config)) == (fingerprint, form)
