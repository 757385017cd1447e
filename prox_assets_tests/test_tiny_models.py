"""The checkpoints that other tests are built on."""

from pathlib import Path
from typing import Any, cast

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import CompletionRequest
from prox_assets.testing.tiny_models import make_tiny_llama, overfit


def test_an_overfitted_model_answers_its_prompts_and_stops(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = make_tiny_llama(tmp_path / "model")
    tokenizer = cast("Any", AutoTokenizer.from_pretrained(folder))
    answers = {"Home | About us": "drop_doc()", "Photosynthesis turns light into sugar.": "keep_doc()"}
    loss = overfit(folder, [(tokenizer.encode(prompt), tokenizer.encode(answer)) for prompt, answer in answers.items()])
    assert loss < 0.01
    requests = [CompletionRequest(prompt, tuple(tokenizer.encode(prompt)), 20) for prompt in answers]
    with open_engine(TransformersEngineConfig(device="cpu"), str(folder)) as engine:
        results = list(engine.complete(requests))
    assert {result.request_id: result.text for result in results} == answers
    assert {result.finish_reason for result in results} == {"stop"}


def test_the_same_seed_makes_the_same_checkpoint(tmp_path: Path) -> None:
    one, two = (make_tiny_llama(tmp_path / name, seed=3) for name in ("one", "two"))
    other = make_tiny_llama(tmp_path / "other", seed=4)
    assert (one / "model.safetensors").read_bytes() == (two / "model.safetensors").read_bytes()
    assert (one / "tokenizer.json").read_bytes() == (two / "tokenizer.json").read_bytes()
    assert (one / "model.safetensors").read_bytes() != (other / "model.safetensors").read_bytes()


def test_any_text_survives_the_tokenizer(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = cast("Any", AutoTokenizer.from_pretrained(make_tiny_llama(tmp_path, special_tokens=("<keep>",))))
    text = "  Grüße\n\t数据 🙂 <keep>\r\n"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.convert_tokens_to_ids("<keep>") == 2
