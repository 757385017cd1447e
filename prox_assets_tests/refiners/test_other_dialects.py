"""Refiners of other dialects than ProX's: presets, their models, settings, fingerprints, policies and sub-folders."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from prox_assets.programs import DIALECTS
from prox_assets.refiners.config import RefinerConfig, RefinerPair
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import refiner_files
from prox_assets.refiners.model.find import find_model
from prox_assets.refiners.presets import UNADDRESSED, named_refiners
from prox_assets.refiners.prompts.system_messages import RELEASED_MESSAGES
from prox_assets_tests.refiners.test_config import FILES

CHUNK = {"name": "c", "level": "chunk", "model": "m"}


def chunk_of(name: str) -> RefinerConfig:
    pair = named_refiners(name)
    assert pair.doc is None
    assert pair.chunk is not None
    return pair.chunk


@pytest.mark.parametrize(
    ("name", "model", "subfolder", "prompt", "answer"),
    [
        ("ultrax", "openbmb/UltraX-0.6B-Preview", "models/UltraX", 28_672, 4_096),
        ("rescraper", "cx-cmu/ReScraper", None, 29_696, 3_072),
        ("refinex=o/n", "o/n", None, 12_000, 4_096),
        ("dataorchestra-np=o/n/a/b/", "o/n", "a/b", 1_100, 4_096),
        ("ultrax=o/n/models/other", "o/n", "models/other", 28_672, 4_096),
        ("ultrax=./o/n/models/other", "./o/n/models/other", None, 28_672, 4_096),
    ],
)
def test_a_preset_is_one_refiner_of_chunks_in_the_checkpoints_own_template(name, model, subfolder, prompt, answer):
    chunk = chunk_of(name)
    assert (chunk.model, chunk.subfolder, chunk.revision) == (model, subfolder, None)
    assert (chunk.prompt_budget, chunk.max_new_tokens, chunk.window) == (prompt, answer, 32_768)
    assert (chunk.prompt_format, chunk.dtype, chunk.template_arguments) == (
        "chat",
        "bfloat16",
        {"enable_thinking": False},
    )
    assert chunk.line_numbers == DIALECTS[chunk.dialect].line_numbers
    assert (chunk.window_characters, chunk.window_overlap) == ((48_000, 0.2) if "ultrax" in name else (None, None))
    assert RefinerConfig.model_validate_json(chunk.model_dump_json()) == chunk


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        *((name, f"write {name}=MODEL") for name in UNADDRESSED),
        ("refiney=o/n", "There is no refiner preset 'refiney'"),
        ("prox-web=o/n", "a model at each level"),
        ("rules=o/n", "asks no model"),
        ("keep-all=o/n", "asks no model"),
        ("bundled=o/n", "comes with its model"),
        ("ultrax=", "There is no refiner preset 'ultrax='"),
    ],
)
def test_a_preset_that_cannot_be_taken_that_way_says_why(name, problem):
    with pytest.raises(RefinerError, match=problem):
        named_refiners(name)


def test_a_folder_with_an_equals_sign_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ultrax=mine").mkdir()
    with pytest.raises(RefinerError, match="holds no refiner"):
        named_refiners("ultrax=mine")


def test_what_is_not_set_is_in_no_stored_configuration():
    stored = RefinerConfig.model_validate(CHUNK).model_dump()
    assert not stored.keys() & {
        "subfolder",
        "system_message",
        "released_message",
        "template_arguments",
        "window_characters",
        "window_overlap",
    }


def test_the_fingerprint_covers_the_text_of_the_message_wherever_it_comes_from():
    released = chunk_of("ultrax")
    chat = {**CHUNK, "dialect": "ultrax"}

    def fingerprint(**settings) -> str:
        return RefinerConfig.model_validate({**chat, **settings}).fingerprint(FILES)

    assert fingerprint(system_message="a") != fingerprint(system_message="b")
    assert fingerprint(system_message="a") != fingerprint()
    assert fingerprint(released_message="ultrax") != fingerprint(released_message="rescraper")
    assert fingerprint(template_arguments={"enable_thinking": False}) != fingerprint()
    assert fingerprint(window_characters=1_000) != fingerprint(window_overlap=0.1) != fingerprint()
    assert fingerprint(window_characters=48_000, window_overlap=0.2) == fingerprint()
    assert released.fingerprint(FILES) != released.fingerprint(replace(FILES, tokenizer_hash="another"))
    assert released.fingerprint(FILES) == released.model_copy(update={"subfolder": None}).fingerprint(FILES)


def test_the_fingerprint_is_that_of_the_same_text_given_in_full(tmp_path, monkeypatch):
    from prox_assets_tests.released_messages import MESSAGES, use_own_messages

    use_own_messages(monkeypatch, tmp_path)
    released = chunk_of("rescraper")
    in_full = {**released.model_dump(), "released_message": None, "system_message": MESSAGES["rescraper"]}
    assert RefinerConfig.model_validate(in_full).fingerprint(FILES) == released.fingerprint(FILES)
    assert released.system_text() == MESSAGES["rescraper"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"dialect": "ultrax", "level": "doc"}, "programs for chunks only"),
        ({"system_message": "a"}, "belong to the prompt format chat"),
        ({"template_arguments": {"a": 1}}, "belong to the prompt format chat"),
        ({"dialect": "rescraper", "window_characters": 9}, "belong to the dialect ultrax"),
        ({"dialect": "ultrax", "line_numbers": "chunk"}, "numbered by document"),
        ({"dialect": "ultrax", "window_overlap": 0.3}, "more than 9600 characters in common"),
        ({"dialect": "ultrax", "window_characters": 50_000}, "more than 9600 characters in common"),
        ({"dialect": "rescraper", "line_numbers": "document"}, "leave out line_numbers"),
        *(
            ({"dialect": dialect, **spelling}, "has one spelling")
            for dialect in ("ultrax", "rescraper", "refinex")
            for spelling in ({"keep_call": "untouch_doc"}, {"range_keywords": ("start", "end")})
        ),
        *(
            ({"kind": "rules", "dialect": dialect}, f"kind rules does not write {dialect}")
            for dialect in ("ultrax", "rescraper", "refinex", "dataorchestra-np", "canonical")
        ),
        ({"kind": "classifier", "dialect": "ultrax"}, "its dialect is line-labels"),
        (
            {"kind": "selector", "level": "doc", "selector_threshold": 0.5, "dialect": "canonical"},
            "kind selector does not write canonical",
        ),
        ({"dialect": "ultrax", "system_message": "a", "released_message": "ultrax"}, "two ways to say one thing"),
        ({"dialect": "ultrax", "released_message": "nobody"}, "knows ultrax, rescraper"),
        ({"dialect": "ultrax", "window_overlap": 1.0}, "less than 1"),
    ],
)
def test_settings_that_do_not_fit_a_dialect_are_refused(settings, problem):
    with pytest.raises(ValidationError, match=problem):
        RefinerConfig.model_validate({**CHUNK, **settings})


@pytest.mark.parametrize(
    "settings",
    [
        {"dialect": "dataorchestra-np", "keep_call": "keep_all", "range_keywords": ("start", "end")},
        {"dialect": "dataorchestra-np", "line_numbers": "document"},
        {"dialect": "refinex", "line_numbers": "document"},
        {"dialect": "line-labels", "keep_call": "keep_all", "range_keywords": ("start", "end")},
        {"kind": "rules", "dialect": "prox"},
        {"kind": "rules", "level": "doc", "dialect": "line-labels"},
        {"kind": "classifier"},
    ],
)
def test_settings_that_earlier_releases_took_or_models_need_are_taken(settings):
    config = RefinerConfig.model_validate({**CHUNK, **settings})
    assert RefinerConfig.model_validate_json(config.model_dump_json()) == config


def test_each_released_message_belongs_to_a_preset_that_asks_for_it():
    assert {chunk_of(name).released_message for name in RELEASED_MESSAGES} == set(RELEASED_MESSAGES)


def test_the_policy_suits_the_dialect():
    rescraper = named_refiners("rescraper").policy()
    assert (rescraper.min_kept_share, rescraper.on_empty, rescraper.execute_rewrites) == (0.0, "drop", False)
    assert named_refiners("rescraper").policy(on_empty="keep", min_kept_share=0.1).on_empty == "keep"
    assert named_refiners("ultrax").policy() == RefinerPair(name="x").policy()


def test_a_checkpoint_can_be_in_a_sub_folder(tiny_folder, tmp_path):
    shutil.copytree(tiny_folder, tmp_path / "repository" / "models" / "small")
    whole, inside = str(tmp_path / "repository"), "models/small"
    found = find_model(whole, subfolder=inside)
    assert (found.path, found.weights_hash) == (
        tmp_path / "repository" / inside,
        find_model(str(tiny_folder)).weights_hash,
    )
    config = RefinerConfig.model_validate({**CHUNK, "model": whole, "subfolder": inside})
    assert refiner_files(config) == found
    for outside in ("../repository/models/small", "/models", "models/../../x"):
        with pytest.raises(RefinerError, match="leads out of the model"):
            find_model(whole, subfolder=outside)
    with pytest.raises(RefinerError, match="does not exist"):
        find_model(whole, subfolder="models/none")


def test_a_sub_folder_of_a_cached_snapshot_is_found_offline_with_its_commit(tiny_folder, tmp_path, monkeypatch):
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--somebody--models"
    shutil.copytree(tiny_folder, repository / "snapshots" / commit / "models" / "UltraX")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    files = refiner_files(chunk_of("ultrax=somebody/models/models/UltraX"))
    assert files is not None
    assert (files.path.name, files.revision) == ("UltraX", commit)
    with pytest.raises(RefinerError, match="no weights"):
        find_model("somebody/models", subfolder="models/none")


def test_the_template_is_part_of_the_fingerprint_of_chats_alone(tiny_folder, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(tiny_folder, folder)
    chat = RefinerConfig.model_validate({**CHUNK, "prompt_format": "chat"})
    others = [RefinerConfig.model_validate({**CHUNK, "prompt_format": name}) for name in ("auto", "plain")]

    def found(template: str | None) -> tuple[str, list[str], str]:
        if template is not None:
            (folder / "chat_template.jinja").write_text(template)
        files = find_model(str(folder))
        return files.tokenizer_hash, [each.fingerprint(files) for each in others], chat.fingerprint(files)

    without, first, second = found(None), found("{{ messages }}"), found("{{ messages[0] }}")
    assert without[:2] == first[:2] == second[:2]
    assert len({without[2], first[2], second[2]}) == 3


def test_a_tokenizers_hash_is_what_it_was_before_templates_were_read(tmp_path):
    for name in ("model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"):
        (tmp_path / name).write_text(name)
    assert find_model(str(tmp_path)).tokenizer_hash == "e2cb4fefc2590938cb35d7c48216b73e"


def test_a_download_brings_the_chat_template(monkeypatch):
    import huggingface_hub

    asked: list[str] = []

    def snapshot_download(model: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.extend(allow_patterns)
        raise OSError(model)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(RefinerError, match="cannot be fetched"):
        find_model("somebody/models", subfolder="models/small")
    assert {"models/small/chat_template.jinja", "models/small/tokenizer.json"} <= set(asked)
