"""The files of a run card, each taken by its trainer's own code, on token files of a few pages."""

import ast
import json
import os
import runpy
import shlex
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from prox_assets.testing.tiny_models import make_tiny_llama
from prox_assets.tokens.folder import folder_of
from prox_assets.tokens.run_cards.card import RunCard
from prox_assets.tokens.run_cards.settings import RunCardSettings
from prox_assets.tokens.run_cards.write import FOLDER, write_run_card
from prox_assets.tokens.writing.write import write_manifest, write_tokens
from prox_assets_tests.tokens.token_lakes import CORPUS, ids_of, lake_of, llama_like, pages, settings_of

pytestmark = pytest.mark.local_lake

CONTEXT = 32
FORMATS = ["megatron", "olmo_core", "parquet_packed", "litgpt"]
SHARDS = ["part-0.jsonl", "part-1.jsonl"]


class Tokens:
    """Token files of two shards with a split for validation, and the run cards beside them."""

    def __init__(self, folder: Path) -> None:
        self.lake = lake_of(folder, pages())
        self.settings = settings_of(
            llama_like(folder / "tokenizer"),
            formats=FORMATS,
            sequence_length=CONTEXT,
            litgpt_sequences=2,
            splits={"validation": 0.4},
        )
        write_tokens(self.lake, self.settings)
        self.manifest = write_manifest(self.lake, self.settings)
        self.folder = folder_of(self.lake, self.settings)

    def card(self, recipe: str, **settings: object) -> tuple[RunCard, Path]:
        """Write a card with steps of 4 sequences on 2 devices; return it with its folder."""
        small = {"context": CONTEXT, "batch_tokens": 4 * CONTEXT, "devices": 2, **settings}
        card = write_run_card(self.folder, self.manifest, RunCardSettings.model_validate({"recipe": recipe, **small}))
        return card, Path(self.folder.root) / FOLDER / card.name

    def ids(self, split: str = "train") -> list[np.ndarray]:
        """Return the ids of each shard's token file."""
        return [ids_of(self.lake, self.settings, shard, split) for shard in SHARDS]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    return Tokens(tmp_path_factory.mktemp("tokens"))


@pytest.mark.slow
def test_transformers_trains_two_steps_of_a_base_on_the_packed_parquet(tokens, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    base = tmp_path / "tiny"
    make_tiny_llama(base, vocab_size=400)
    (base / "tokenizer.json").write_bytes(tokens.folder.read_bytes("tokenizer/tokenizer.json"))
    card, folder = tokens.card("codellama_7b", base=str(base), epochs=1)
    script = runpy.run_path(str(folder / "trainer.py"))

    settings = yaml.safe_load((folder / "trainer.yaml").read_text())
    here = ["use_cpu=true", "bf16=false", "fsdp=false", "fsdp_config=null", "eval_strategy=no"]
    given = script["arguments"](here)
    assert (given.max_steps, given.learning_rate, given.weight_decay) == (card.steps, 3e-4, 0.1)
    assert given.per_device_train_batch_size * given.gradient_accumulation_steps * card.devices == card.sequences
    assert settings["schedule_steps"] == card.schedule_steps > card.steps
    assert script["model"]().config.rope_parameters["rope_theta"] == 10_000

    out = tmp_path / "model"
    changed = [f"output_dir={out}", "max_steps=2", "save_steps=2", "logging_steps=1", *here]
    script["main"](changed)
    state = json.loads((out / "checkpoint-2" / "trainer_state.json").read_text())
    assert state["global_step"] == 2
    rates = [entry["learning_rate"] for entry in state["log_history"] if "loss" in entry]
    assert rates[0] == 3e-4
    # Of a cosine over all of the schedule, not over the two steps.
    share = 0.5 * (1 + np.cos(np.pi / card.schedule_steps))
    assert rates[1] == pytest.approx(3e-4 * (0.1 + 0.9 * share))


@pytest.fixture
def one_process():
    """Let torch know that this process is alone, which Megatron asks before it writes a cache."""
    import torch.distributed as dist
    from torch._C._distributed_c10d import HashStore

    dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("one_process")
def test_megatron_reads_the_blend_of_the_card(tokens):
    from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
    from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
    from megatron.core.datasets.utils import get_blend_from_list

    card, folder = tokens.card("1m", epochs=1)
    data = json.loads((folder / "megatron_data.json").read_text())
    assert list(data) == ["train", "valid", "test"]
    blends: list[Any] = [get_blend_from_list(data[split]) for split in ("train", "valid", "test")]
    assert blends[0][1] == [len(ids) for ids in tokens.ids()]

    asked = {"eod": card.end_of_text_id, "vocab_size": card.vocabulary, "unique_identifiers": {}}
    config = GPTDatasetConfig(
        random_seed=1,
        sequence_length=CONTEXT,
        blend_per_split=blends,
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
        create_attention_mask=False,
        tokenizer=types.SimpleNamespace(**asked),  # pyright: ignore[reportArgumentType]
        path_to_cache=str(folder / "cache"),
    )
    builder: Any = BlendedMegatronDatasetBuilder
    train, valid, _ = builder(GPTDataset, [8, 2, None], lambda: True, config).build()
    for split, samples, count in (("train", train, 8), ("validation", valid, 2)):
        stream = np.concatenate(tokens.ids(split)).tobytes()
        for number in range(count):
            sample = np.append(samples[number]["tokens"], samples[number]["labels"][-1])
            assert len(sample) == CONTEXT + 1
            ends = np.flatnonzero(sample == card.end_of_text_id) + 1
            # A sample goes on with another document: of each, what it has is a part of the token file.
            for part in np.split(sample, ends):
                assert part.astype("<u2").tobytes() in stream


def test_the_arguments_of_megatron_are_those_of_the_recipe(tokens):
    card, folder = tokens.card("prox_s", epochs=1, micro_batch=1)
    shown = subprocess.run(
        ["bash", "megatron.sh", "--log-interval", "1"],
        cwd=folder,
        env={"PATH": f"{_echo(folder)}:{os.environ['PATH']}", "MEGATRON": "/m"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    words = shlex.split(shown)
    value = {name: words[place + 1] for place, name in enumerate(words[:-1]) if name.startswith("--")}
    assert value["--num-layers"] == "24"
    assert value["--num-query-groups"] == "2"
    assert (value["--train-iters"], value["--lr-decay-iters"]) == (str(card.steps), str(card.schedule_steps))
    assert (value["--lr"], value["--min-lr"]) == ("0.0005", "5e-05")
    assert (value["--micro-batch-size"], value["--global-batch-size"]) == ("1", "4")
    assert value["--per-split-data-args-path"] == str(folder / "megatron_data.json")
    assert Path(value["--tokenizer-model"], "tokenizer.json").is_file()


def _echo(folder: Path) -> Path:
    """Put a torchrun that says what it was given into a folder."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "torchrun").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tools / "torchrun").chmod(0o755)
    return tools


def test_the_data_module_of_litgpt_gives_the_ids_of_the_token_files(tokens, monkeypatch):
    _, folder = tokens.card("1m", epochs=1)
    # litgpt pins versions of its own; of it, the module takes a base class only.
    data = types.ModuleType("litgpt.data")
    data.DataModule = object  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "litgpt", types.ModuleType("litgpt"))
    monkeypatch.setitem(sys.modules, "litgpt.data", data)
    module = runpy.run_path(str(folder / "litgpt_data.py"), run_name="litgpt_data")
    paths = json.loads((folder / "litgpt_data.json").read_text())
    sequences = module["PackedFiles"](paths["train"], CONTEXT + 1)
    read = [sequences[number].numpy() for number in range(len(sequences))]
    expected = []
    for ids in tokens.ids():
        whole = len(ids) // (2 * (CONTEXT + 1)) * 2  # whole files of two sequences
        expected += [ids[n * (CONTEXT + 1) : (n + 1) * (CONTEXT + 1)] for n in range(whole)]
    assert len(read) == len(expected) > 4
    assert all((a == b).all() for a, b in zip(read, expected, strict=True))

    settings = yaml.safe_load((folder / "litgpt.yaml").read_text())
    assert settings["data"]["class_path"] == "litgpt_data.PackedTokens"
    assert settings["train"]["max_tokens"] % (4 * CONTEXT) == 0
    assert settings["model_config"]["rotary_percentage"] == 1.0


@pytest.mark.parametrize(
    ("steps", "said"), [(10_007, "step-00010000, the last one up to there."), (10, "step-00000010.")]
)
def test_litgpt_is_told_a_checkpoint_that_it_writes(tokens, steps, said):
    budget = {"tokens": steps * 4 * CONTEXT, "base_tokenizer": str(tokens.folder.root)}
    card, folder = tokens.card("llama_2_7b", **budget)
    text = (folder / "litgpt.yaml").read_text()
    assert f"end it after step {steps:,} and take the checkpoint {said}\n" in text
    assert int(said[5:13]) % yaml.safe_load(text)["train"]["save_interval"] == 0
    assert card.schedule_steps > card.steps == steps


def test_the_script_of_olmo_core_names_the_token_files(tokens):
    card, folder = tokens.card("llama_2_7b", epochs=1, base_tokenizer=str(tokens.folder.root))
    tree = ast.parse((folder / "olmo_core_train.py").read_text())
    values = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for name, split in (("TRAIN", "train"), ("VALIDATION", "validation")):
        read = np.concatenate([np.fromfile(path, card.dtype) for path in values[name]])
        assert (read == np.concatenate(tokens.ids(split))).all()
    assert values["CONTEXT"] == CONTEXT


def test_a_card_that_is_written_again_leaves_nothing_of_the_old_one(tokens):
    _, folder = tokens.card("2m", epochs=1)
    assert (folder / "megatron.sh").is_file()
    page = (folder / "README.md").read_text()
    assert f"| train | {CORPUS} |" in page
    _, folder = tokens.card("2m", epochs=1, trainers=["olmo_core"])
    assert {path.name for path in folder.iterdir()} == {"README.md", "card.json", "olmo_core_train.py"}
    written = RunCard.model_validate_json((folder / "card.json").read_text())
    assert written.epochs <= 1
