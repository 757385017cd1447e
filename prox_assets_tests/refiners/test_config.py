"""The configuration of refiners: what it refuses, and what its fingerprint depends on."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from prox_assets.programs import DialectName, chunk_grammar
from prox_assets.refiners import config
from prox_assets.refiners.config import RefinerConfig, RefinerPair
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.model.files import ModelFiles
from prox_assets.refiners.presets import PRESETS, preset
from prox_assets.refiners.rules.config import DocumentRuleSettings, LineRuleSettings, RuleSettings
from prox_assets.refiners.spans.config import InlineSettings

FILES = ModelFiles(Path("model"), None, "weights", "tokenizer")
SCORED_DOC: dict[str, Any] = {"name": "d", "level": "doc", "model": "m", "prompt_format": "plain"}
GENERATED_DOC: dict[str, Any] = {**SCORED_DOC, "decoding": "complete"}
CHUNK: dict[str, Any] = {"name": "c", "level": "chunk", "model": "m", "prompt_format": "plain"}
LABELS: dict[str, Any] = {"name": "l", "level": "chunk", "model": "m", "dialect": "line-labels"}
INLINE_LABELS: dict[str, Any] = {**LABELS, "line_labels": LineLabelsSettings(inline=InlineSettings())}


def fingerprint(settings: dict[str, Any], files: ModelFiles | None = FILES) -> str:
    return RefinerConfig(**settings).fingerprint(files)


@pytest.mark.parametrize(
    ("settings", "change"),
    [
        (SCORED_DOC, {"prompt_format": "llama2-chat"}),
        (SCORED_DOC, {"window": 1024}),
        (SCORED_DOC, {"max_prompt_tokens": 1000}),
        (SCORED_DOC, {"dtype": "float32"}),
        (SCORED_DOC, {"decoding": "complete"}),
        (SCORED_DOC, {"keep_answer": "keep"}),
        (SCORED_DOC, {"drop_answer": "drop"}),
        (GENERATED_DOC, {"max_new_tokens": 8}),
        (GENERATED_DOC, {"constrained": True}),
        (CHUNK, {"line_numbers": "chunk"}),
        (CHUNK, {"max_new_tokens": 8}),
        (CHUNK, {"constrained": True}),
        ({**CHUNK, "constrained": True}, {"keep_call": "untouch_doc"}),
        ({**CHUNK, "constrained": True}, {"range_keywords": ("start", "end")}),
        (LABELS, {"line_labels": LineLabelsSettings(max_line_tokens=16)}),
    ],
)
def test_whatever_changes_inference_changes_the_fingerprint(settings, change):
    assert fingerprint(settings) != fingerprint({**settings, **change})


@pytest.mark.parametrize(
    ("settings", "change"),
    [
        (SCORED_DOC, {"name": "other"}),
        (SCORED_DOC, {"model": "elsewhere"}),
        (SCORED_DOC, {"revision": "main"}),
        (SCORED_DOC, {"probe": False}),
        (SCORED_DOC, {"max_new_tokens": 8}),
        (SCORED_DOC, {"constrained": True}),
        (SCORED_DOC, {"line_numbers": "chunk"}),
        (SCORED_DOC, {"line_labels": LineLabelsSettings(max_line_tokens=16)}),
        (SCORED_DOC, {"rules": RuleSettings(documents=DocumentRuleSettings(min_words=1))}),
        (GENERATED_DOC, {"keep_answer": "keep"}),
        (CHUNK, {"chunk_floor": 0.2}),
        (CHUNK, {"keep_call": "untouch_doc"}),
        (LABELS, {"line_numbers": "chunk"}),
        (LABELS, {"max_new_tokens": 8}),
    ],
)
def test_nothing_else_changes_the_fingerprint(settings, change):
    assert fingerprint(settings) == fingerprint({**settings, **change})


def test_weights_and_tokenizer_are_part_of_the_fingerprint_and_their_place_is_not():
    base = fingerprint(SCORED_DOC)
    assert base == fingerprint(SCORED_DOC, ModelFiles(Path("moved"), "0" * 40, "weights", "tokenizer"))
    assert base != fingerprint(SCORED_DOC, ModelFiles(Path("model"), None, "retrained", "tokenizer"))
    assert base != fingerprint(SCORED_DOC, ModelFiles(Path("model"), None, "weights", "changed"))


def test_line_rules_count_for_both_levels_and_document_rules_for_documents_only():
    def rules(level: str, settings: RuleSettings) -> str:
        return fingerprint({"name": "r", "level": level, "kind": "rules", "rules": settings}, None)

    default = RuleSettings()
    lines = RuleSettings(lines=LineRuleSettings(prose_reach=9))
    documents = RuleSettings(documents=DocumentRuleSettings(min_words=9))
    assert rules("doc", default) != rules("doc", lines)
    assert rules("doc", default) != rules("doc", documents)
    assert rules("chunk", default) != rules("chunk", lines)
    assert rules("chunk", default) == rules("chunk", documents)
    assert rules("doc", default) != rules("chunk", default)


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("bundled", {}, ("expected_f1", 0.3)),
        ("bundled", {"line_keep_threshold": 0.6}, ("threshold", 0.6)),
        ("bundled", {"line_decision": "threshold"}, ("threshold", 0.3)),
        ("bundled", {"mode": "reference"}, ("threshold", 0.3)),
        ("prox-web", {}, ("threshold", 0.5)),
        ("rules", {}, ("threshold", 0.5)),
    ],
)
def test_scored_lines_are_kept_for_the_expected_f1_unless_a_threshold_is_asked_for(name, settings, expected):
    policy = preset(name).policy(**settings)
    assert (policy.line_decision, policy.line_keep_threshold) == expected
    assert policy.on_empty == ("drop" if settings.get("mode") == "reference" else "keep")


def test_a_model_that_writes_programs_keeps_the_fingerprint_of_earlier_releases():
    """A large model reads a corpus again where it changes; smaller ones and rules may."""
    released = preset("prox-web")
    assert released.doc is not None
    assert released.chunk is not None
    assert released.doc.fingerprint(FILES) == "651c82dce0520f948d377333e18266d9"
    assert released.chunk.fingerprint(FILES) == "0738a556e59fd032059948994efdd3e9"


@pytest.mark.parametrize(("version", "settings"), [("LINES_VERSION", LABELS), ("INLINE_VERSION", INLINE_LABELS)])
def test_a_line_that_is_shown_otherwise_is_another_fingerprint_of_the_line_labels_dialect(
    monkeypatch, version, settings
):
    others = {name: fingerprint(other) for name, other in (("doc", SCORED_DOC), ("chunk", CHUNK))}
    before = fingerprint(settings)
    monkeypatch.setattr(config, version, 99)
    assert fingerprint(settings) != before
    assert others == {"doc": fingerprint(SCORED_DOC), "chunk": fingerprint(CHUNK)}


def test_the_fingerprint_of_a_model_needs_its_files():
    with pytest.raises(RefinerError, match="find_model"):
        fingerprint(SCORED_DOC, None)


def test_documents_are_scored_and_chunks_generated_unless_the_dialect_is_line_labels():
    assert RefinerConfig(**SCORED_DOC).decoding == "score"
    assert RefinerConfig(**CHUNK).decoding == "complete"
    labels = RefinerConfig(**LABELS)
    assert (labels.decoding, labels.prompt_format, labels.prompt_budget) == ("score", "line-labels", 2047)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "x", "level": "doc"}, "needs model"),
        ({**SCORED_DOC, "dialect": "line-labels"}, "go together"),
        ({**LABELS, "decoding": "complete"}, "has no programs to generate"),
        ({**CHUNK, "decoding": "score"}, "scored with the line-labels dialect"),
        ({**CHUNK, "window": 256}, "leaves no room"),
        ({**CHUNK, "windw": 256}, "Extra inputs"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        RefinerConfig(**settings)


def test_a_pair_refuses_a_refiner_of_the_wrong_level():
    with pytest.raises(ValidationError, match="level 'doc'"):
        RefinerPair(name="p", chunk=RefinerConfig(**SCORED_DOC))


def test_presets_name_the_released_models_and_an_unknown_one_lists_them():
    assert preset("rules").doc is not None
    assert not any(config.needs_engine for config in (preset("rules").doc, preset("rules").chunk) if config)
    models = {config.model for pair in PRESETS.values() for config in (pair.doc, pair.chunk) if config and config.model}
    prox = {f"gair-prox/{domain}-{level}-refining-lm" for domain in ("web", "math") for level in ("doc", "chunk")}
    assert models == {*prox, "openbmb/UltraX-0.6B-Preview", "cx-cmu/ReScraper"}
    with pytest.raises(RefinerError, match="prox-math, prox-web, rescraper, rules"):
        preset("prox")


def test_a_classifier_scores_and_needs_a_folder_but_no_engine():
    settings = {"name": "c", "level": "chunk", "kind": "classifier"}
    classifier = RefinerConfig.model_validate({**settings, "model": "lab/chunk/model"})
    assert (classifier.dialect, classifier.decoding, classifier.needs_engine) == ("line-labels", "score", False)
    with pytest.raises(ValidationError, match="needs model: a folder"):
        RefinerConfig.model_validate(settings)
    with pytest.raises(ValidationError, match="its dialect is line-labels"):
        RefinerConfig.model_validate({**settings, "model": "m", "dialect": "prox", "decoding": "complete"})
    with pytest.raises(RefinerError, match="needs its model files"):
        classifier.fingerprint()


def test_a_configuration_survives_json():
    for pair in PRESETS.values():
        assert RefinerPair.model_validate_json(pair.model_dump_json()) == pair


@pytest.mark.parametrize("settings", [SCORED_DOC, CHUNK, LABELS, INLINE_LABELS])
def test_a_refiner_comes_back_from_its_stored_form(settings):
    stored = RefinerConfig(**settings)
    assert RefinerConfig.model_validate(stored.model_dump()) == stored
    assert RefinerConfig.model_validate_json(stored.model_dump_json()) == stored


@pytest.mark.parametrize("dialect", ["prox", "ultrax", "rescraper", "refinex", "dataorchestra-np"])
def test_constrained_chunk_programs_follow_the_grammar_of_their_dialect(dialect: DialectName):
    has_spellings = dialect in ("prox", "dataorchestra-np")
    spelling = {"keep_call": "untouch_doc", "range_keywords": ("start", "end")} if has_spellings else {}
    settings = {**CHUNK, "dialect": dialect, **spelling}
    constrained = RefinerConfig(**settings, constrained=True)

    assert RefinerConfig(**settings).grammar is None
    assert constrained.grammar == chunk_grammar("untouch_doc", "start", "end", dialect=dialect)
    assert constrained.fingerprint(FILES) != RefinerConfig(**settings).fingerprint(FILES)
