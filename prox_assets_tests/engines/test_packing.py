"""Scores without padding: what a sequence gets does not depend on what lies beside it, for every family of models."""

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.transformers import attention
from prox_assets.engines.transformers.batches import packed_batch, padded_batch
from prox_assets.engines.transformers.model import TorchModel

LENGTHS = (1, 2, 3, 40, 40, 40, 7, 200, 333, 40, 1)
SHAPE = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 0,
}
# Attention that can be replaced, and is plainly causal.
PACKED = {
    "llama": {"num_key_value_heads": 2},
    "llama with a head size of its own": {"model_type": "llama", "num_key_value_heads": 1, "head_dim": 24},
    "qwen2": {"num_key_value_heads": 2},
    "mistral": {"num_key_value_heads": 2, "sliding_window": None},
    "gpt_neox": {},
    "gpt2": {"n_positions": 512},
}
# A window, an interface of old, or biases that stand for positions.
PADDED = {
    "mistral with a window": {"model_type": "mistral", "num_key_value_heads": 2, "sliding_window": 16},
    "gemma3_text": {"num_key_value_heads": 2, "head_dim": 16, "sliding_window": 16},
    "bloom": {},
    "falcon with alibi": {"model_type": "falcon", "alibi": True},
}


@dataclass(frozen=True)
class Job:
    length: int


def prompts_of(lengths: Sequence[int], seed: int = 1) -> list[tuple[int, ...]]:
    rng = random.Random(seed)
    return [tuple(rng.randrange(4, 512) for _ in range(length)) for length in lengths]


def scores(model: TorchModel, prompts: Sequence[tuple[int, ...]]) -> list[tuple[tuple[float, ...], ...]]:
    """Log-probabilities of three tokens after the first, the middle and the last token of each prompt."""
    positions = [(0, len(prompt) // 2, len(prompt) - 1) for prompt in prompts]
    return model.score(prompts, positions, [(2, 3, 99)] * len(prompts))


def load(folder: Path, dtype: str = "float32") -> TorchModel:
    return TorchModel(TransformersEngineConfig.model_validate({"device": "cpu", "dtype": dtype}), str(folder))


def make_model(folder: Path, tokenizer_from: Path, name: str, settings: dict[str, Any]) -> Path:
    """Save a model of a family with random weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shutil.copytree(tokenizer_from, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    config = AutoConfig.for_model(**{"model_type": name, **SHAPE, **settings})
    # Families that have another name for it.
    config.max_position_embeddings = 512
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(5.0)  # otherwise attention hardly matters
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=[*PACKED, *PADDED])
def family(
    request: pytest.FixtureRequest, tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, TorchModel]:
    settings = {**PACKED, **PADDED}[request.param]
    folder = tmp_path_factory.mktemp("family") / "model"
    return request.param, load(make_model(folder, tiny_llama, request.param, settings))


def test_a_family_is_packed_where_its_attention_can_be_replaced(family: tuple[str, TorchModel]) -> None:
    name, model = family
    assert model.packs == (name in PACKED)


def test_a_batch_gives_what_each_prompt_gives_alone_to_the_whole_model(family: tuple[str, TorchModel]) -> None:
    import torch

    _, model = family
    prompts = prompts_of(LENGTHS)
    with torch.inference_mode():
        for prompt, rows in zip(prompts, scores(model, prompts), strict=True):
            table = model._model(input_ids=torch.tensor([prompt]), use_cache=False).logits[0].log_softmax(-1)
            expected = [table[position][[2, 3, 99]].tolist() for position in (0, len(prompt) // 2, len(prompt) - 1)]
            for row, expected_row in zip(rows, expected, strict=True):
                assert row == pytest.approx(expected_row, abs=1e-4)


@pytest.mark.parametrize("length", [40, 140])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_neighbours_do_not_change_a_bit(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, length: int
) -> None:
    monkeypatch.setattr(attention, "attends_in_float32", lambda: True)
    model = load(tiny_llama, dtype)
    assert model.packs
    mine = prompts_of([length])
    found = {
        scores(model, [*prompts_of([7, length, 90], seed), *mine, *prompts_of([length, 300, 2], seed + 100)])[3]
        for seed in range(5)
    }
    assert len(found) == 1


@pytest.mark.parametrize("length", [65, 128, 333])
@pytest.mark.parametrize(("heads", "key_heads", "value_size"), [(9, 3, 64), (4, 4, 16), (2, 1, 24)])
def test_attention_in_blocks_is_attention(heads: int, key_heads: int, value_size: int, length: int) -> None:
    import torch

    torch.manual_seed(7)
    query, key, value = (
        torch.randn((count, length, size)).bfloat16()
        for count, size in ((heads, 32), (key_heads, 32), (key_heads, value_size))
    )
    for scaling in (None, 0.3):
        expected = torch.nn.functional.scaled_dot_product_attention(
            query.double()[None],
            key.double()[None],
            value.double()[None],
            is_causal=True,
            scale=scaling,
            enable_gqa=True,
        )[0].transpose(0, 1)
        found = attention._attention_in_blocks(query, key, value, scaling)
        assert found.shape == expected.shape
        assert (found - expected).norm() < 1e-2 * expected.norm()
        # A sum with a wrong key in it would be off by much more at one place.
        assert (found - expected).abs().max() < 5e-2 * expected.abs().max()


def test_blocks_score_as_torchs_own_attention_does(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(make_model(tmp_path / "model", tiny_llama, "llama", PACKED["llama"]), "bfloat16")
    prompts = prompts_of(LENGTHS)
    monkeypatch.setattr(attention, "attends_in_float32", lambda: False)
    expected = scores(model, prompts)
    monkeypatch.setattr(attention, "attends_in_float32", lambda: True)
    found = scores(model, prompts)
    assert found != expected
    for rows, expected_rows in zip(found, expected, strict=True):
        for row, expected_row in zip(rows, expected_rows, strict=True):
            assert row == pytest.approx(expected_row, abs=0.3)  # of logits that differ by 20


def test_packed_and_padded_batches_score_alike(tiny_llama: Path) -> None:
    model = load(tiny_llama)
    prompts = prompts_of(LENGTHS)
    packed = scores(model, prompts)
    model.packs = False
    for rows, padded_rows in zip(packed, scores(model, prompts), strict=True):
        for row, padded_row in zip(rows, padded_rows, strict=True):
            assert row == pytest.approx(padded_row, abs=1e-5)


def test_generation_after_scores_has_the_attention_it_had(tiny_llama: Path) -> None:
    model = load(tiny_llama)
    before = model._model.config._attn_implementation
    scores(model, prompts_of(LENGTHS))
    assert model._model.config._attn_implementation == before


def test_candidates_may_differ_in_number(tiny_llama: Path) -> None:
    model = load(tiny_llama)
    one, other = prompts_of([5, 9])
    both = model.score([one, other], [(4,), (0, 8)], [(7,), (2, 3, 99)])
    assert [[len(row) for row in table] for table in both] == [[1], [3, 3]]
    assert both[0][0] == pytest.approx(model.score([one], [(4,)], [(7,)])[0][0], abs=1e-5)


def test_relative_scores_need_no_other_token_and_differ_as_the_whole_ones_do(tiny_llama: Path) -> None:
    import torch

    model = load(tiny_llama)
    head = torch.nn.Linear(64, model.vocab_size)  # with a bias, as few families have
    head.weight = model._model.get_output_embeddings().weight
    model._model.set_output_embeddings(head)
    prompts, positions = prompts_of([5, 90]), [(4,), (0, 50, 89)]
    candidates = [(2, 3, 99)] * 2
    whole = model.score(prompts, positions, candidates)
    relative = model.score(prompts, positions, candidates, relative=True)
    for rows, whole_rows in zip(relative, whole, strict=True):
        for row, whole_row in zip(rows, whole_rows, strict=True):
            assert sum(row) != pytest.approx(sum(whole_row))
            assert [a - row[0] for a in row] == pytest.approx([a - whole_row[0] for a in whole_row], abs=1e-4)


def test_bfloat16_without_instructions_for_it_is_kept_with_a_warning(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    assert load(tiny_llama, "bfloat16")._model.dtype is torch.bfloat16
    assert "set dtype to float32" in caplog.text
    caplog.clear()
    load(tiny_llama)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    load(tiny_llama, "bfloat16")
    assert caplog.text == ""


@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="needs a GPU")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_on_a_gpu_a_batch_gives_what_a_processor_gives(tiny_llama: Path, tmp_path: Path, dtype: str) -> None:
    folder = make_model(tmp_path / "model", tiny_llama, "llama", PACKED["llama"])
    config = TransformersEngineConfig.model_validate({"device": "cuda", "dtype": dtype})
    on_gpu = TorchModel(config, str(folder))
    assert on_gpu.packs
    prompts = prompts_of(LENGTHS)
    for rows, expected_rows in zip(scores(on_gpu, prompts), scores(load(folder), prompts), strict=True):
        for row, expected in zip(rows, expected_rows, strict=True):
            assert row == pytest.approx(expected, abs=1e-2 if dtype == "float32" else 0.5)


def test_a_packed_batch_is_filled_with_tokens_from_the_oldest_on() -> None:
    jobs = [Job(length) for length in (50, 900, 60, 30, 100, 10)]
    assert [job.length for job in packed_batch(jobs, None, 200)] == [50, 60, 30, 10]
    assert [job.length for job in packed_batch(jobs, 2, 200)] == [50, 60]
    assert [job.length for job in packed_batch(jobs[1:], None, 200)] == [900]


def test_a_padded_batch_holds_the_longest_with_their_padding() -> None:
    jobs = [Job(length) for length in (50, 90, 60, 30, 100, 10)]
    assert [job.length for job in padded_batch(jobs, None, 300)] == [100, 90, 60]
    assert [job.length for job in padded_batch(jobs, 2, 300)] == [100, 90]
    assert [job.length for job in padded_batch(jobs, None, 20)] == [100]
    assert len(padded_batch([Job(1)] * 100, None, 10_000)) == 32
