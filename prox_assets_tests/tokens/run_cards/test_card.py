"""What a run card says of a base and of token files: budgets, schedules, and whose tokenizer it is."""

import json
from pathlib import Path

import pytest
import xxhash
from pydantic import ValidationError

from prox_assets.lake.storage.storage import Storage
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.manifest import TokenizerNotes, TokenManifest, TokenShard
from prox_assets.tokens.run_cards.card import RunCard, make_card
from prox_assets.tokens.run_cards.settings import RunCardSettings
from prox_assets_tests.tokens.token_lakes import llama_like

FORMATS = ["megatron", "olmo_core", "parquet_packed", "litgpt"]


def manifest(tokens: int, *, vocabulary: int = 32_000, tokenizer_hash: str = "0" * 32, **settings: object):
    """Return a manifest of so many tokens in two sources, and a hundredth of them for validation."""
    shards = [
        TokenShard(
            corpus=corpus, shard="s", split=split, documents=10, tokens=count, characters=1, identity="", files=()
        )
        for corpus, split, count in (
            ("web", "train", tokens // 2),
            ("maths", "train", tokens - tokens // 2),
            ("web", "validation", tokens // 100),
        )
    ]
    notes = TokenizerNotes(source="t", hash=tokenizer_hash, vocabulary=vocabulary, end_of_text="</s>", end_of_text_id=2)
    return TokenManifest(
        name="web",
        prox_assets="0",
        written_at="2026-01-01",
        settings={"formats": FORMATS, "sequence_length": 4096, **settings},
        tokenizer=notes,
        dtype="uint16",
        shards=tuple(shards),
    )


def card(folder: Path, recipe: str, tokens: int, *, devices: int = 8, **changes: object) -> RunCard:
    """Return a card of a base whose tokenizer cannot be had."""
    nowhere = {} if recipe.startswith(("prox", "data", "1m")) else {"base_tokenizer": str(folder / "nowhere")}
    settings = RunCardSettings.model_validate({"recipe": recipe, "devices": devices, **nowhere, **changes})
    return make_card(manifest(tokens), settings, Storage(str(folder)))


@pytest.mark.parametrize(
    ("recipe", "devices", "steps", "schedule", "rates", "rope"),
    [
        ("tinyllama_1b", 64, 7_500, 7_500, (8e-5, 8e-6), 10_000),
        ("llama_2_7b", 64, 10_000, 15_000, (8e-5, 8e-6), 10_000),
        ("codellama_7b", 64, 2_500, 3_750, (3e-4, 3e-5), 10_000),
        ("mistral_7b", 64, 10_000, 15_000, (2e-5, 2e-6), 10_000),
        ("prox_xs", 8, 12_500, 12_500, (5e-4, 5e-5), 10_000),
    ],
)
def test_the_recipes_of_the_paper(tmp_path, recipe, devices, steps, schedule, rates, rope):
    made = card(tmp_path, recipe, 5_000_000_000, devices=devices)
    assert (made.steps, made.schedule_steps) == (steps, schedule)
    assert (made.model.learning_rate, made.final_learning_rate) == rates
    assert made.shape.layers.rope_base == rope
    assert made.accumulation * made.micro_batch * devices * made.model.context == made.model.batch_tokens
    assert made.steps % made.save_steps == 0
    assert made.epochs == pytest.approx(made.tokens / 5e9)


def test_what_is_to_be_known_before_starting_is_said(tmp_path):
    remarks = " ".join(card(tmp_path, "codellama_7b", 1_000_000_000).remarks)
    assert "passes over the tokens 10.5 times" in remarks
    assert "stops at step 2,500 of a schedule of 3,750" in remarks
    assert "rotary position embeddings to 10000" in remarks
    assert "Not compared" in remarks
    assert "sees 5.2% of the tokens" in " ".join(card(tmp_path, "llama_2_7b", 200_000_000_000).remarks)


def test_a_budget_is_tokens_or_epochs_and_keeps_the_shape_of_the_schedule(tmp_path):
    made = card(tmp_path, "llama_2_7b", 100_000_000, epochs=2, batch_tokens=4096 * 16)
    assert made.steps == 200_000_000 // (4096 * 16)
    assert made.schedule_steps == round(made.steps * 1.5)
    assert card(tmp_path, "1m", 10_240, devices=4).steps == 10  # a size without a budget sees all of it once
    with pytest.raises(ValidationError, match="give one of them"):
        RunCardSettings(recipe="llama_2_7b", epochs=2, tokens=5)
    with pytest.raises(TokensError, match="fewer than a step of llama_2_7b, which has 1,048,576"):
        card(tmp_path, "llama_2_7b", 100, epochs=2)
    with pytest.raises(TokensError, match="256 sequences of a step cannot be divided among 7 devices"):
        card(tmp_path, "llama_2_7b", 100_000_000, devices=7)
    with pytest.raises(TokensError, match="no token to train on"):
        card(tmp_path, "llama_2_7b", 0)
    with pytest.raises(ValidationError, match="there is no 'gpt_9'; there are 1m"):
        card(tmp_path, "gpt_9", 100)


def test_a_trainer_whose_files_are_missing_is_left_out_with_the_remedy(tmp_path):
    made = make_card(
        manifest(10**9, formats=["megatron", "litgpt"], sequence_length=2048),
        RunCardSettings(recipe="llama_2_7b", base_tokenizer=str(tmp_path)),
        Storage(str(tmp_path)),
    )
    assert set(made.left_out) == {"trainer", "olmo_core", "litgpt"}
    assert "add it to the formats" in made.left_out["trainer"]
    assert (
        "write the token files with sequence_length: 4096, or give the card a context of 2048"
        in made.left_out["litgpt"]
    )


def test_the_tokens_of_another_tokenizer_are_refused(tmp_path):
    ours = llama_like(tmp_path / "tokenizer")
    settings = {"recipe": "llama_2_7b", "base": str(tmp_path / "base")}
    folder, data = Storage(str(tmp_path)), (ours / "tokenizer.json").read_bytes()
    tokens = manifest(10**9, tokenizer_hash=xxhash.xxh3_128_hexdigest(data))

    def checked(file: dict) -> str:
        (tmp_path / "base").mkdir(exist_ok=True)
        (tmp_path / "base" / "tokenizer.json").write_text(json.dumps(file, indent=1))
        return make_card(tokens, RunCardSettings.model_validate(settings), folder).tokenizer_check

    same = json.loads(data)
    same["model"]["merges"] = [" ".join(merge) for merge in same["model"]["merges"]]
    assert checked(same).startswith("Another file than that of")
    (tmp_path / "base" / "tokenizer.json").write_bytes(data)
    assert "byte for byte" in make_card(tokens, RunCardSettings.model_validate(settings), folder).tokenizer_check

    other = json.loads(data)
    first, second = list(other["model"]["vocab"])[-2:]
    vocabulary = other["model"]["vocab"]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    with pytest.raises(TokensError, match="2 tokens have another id or none"):
        checked(other)
    del same["model"]["merges"][-1]
    with pytest.raises(TokensError, match="the merges differ"):
        checked(same)
    with pytest.raises(TokensError, match="cannot be read"):
        checked({"model": {}})
    (tmp_path / "tokenizer" / "tokenizer.json").unlink()
    with pytest.raises(TokensError, match="not beside them to compare vocabularies"):
        checked(other)
    with pytest.raises(TokensError, match="ids up to 32016, and meta-llama/Llama-2-7b-hf has embeddings for 32000"):
        make_card(manifest(10**9, vocabulary=32_017), RunCardSettings(recipe="llama_2_7b"), folder)
