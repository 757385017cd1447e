"""A Hugging Face model as a scored model: against its own logits, one text at a time."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from prox_assets.proof.evaluation.errors import EvaluationError
from prox_assets.proof.evaluation.huggingface import HuggingFaceModel
from prox_assets.testing.tiny_models import make_tiny_llama

REQUESTS = [
    ("", "Photosynthesis turns light into sugar."),
    ("The quick brown fox", " jumps over the lazy dog near the river bank."),
    ("The quick brown fox ", "jumps"),
    ("", "Grüße aus Köln"),
    ("Home | About us |", " </s>"),
    ("x", ""),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("model"))


def by_hand(folder: Path, before: list[int], scored: list[int]) -> float:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.inference_mode():
        logits = model(torch.tensor([before + scored])).logits[0]
    table = logits.log_softmax(-1)
    return -sum(table[len(before) + i - 1, token].item() for i, token in enumerate(scored))


def tokens(folder: Path, text: str) -> list[int]:
    from transformers import AutoTokenizer

    tokenizer = cast("Any", AutoTokenizer.from_pretrained(folder))
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]


def test_a_text_costs_what_the_models_own_logits_say(folder: Path) -> None:
    eos = 1
    first, second, spaced, _, named, empty = HuggingFaceModel(str(folder), device="cpu").negative_log_likelihoods(
        REQUESTS
    )
    assert first == pytest.approx(by_hand(folder, [eos], tokens(folder, REQUESTS[0][1])), rel=1e-5)
    before, whole = tokens(folder, "The quick brown fox"), tokens(folder, "".join(REQUESTS[1]))
    assert whole[: len(before)] == before
    assert second == pytest.approx(by_hand(folder, before, whole[len(before) :]), rel=1e-5)
    with_space = tokens(folder, "The quick brown fox jumps")
    assert spaced == pytest.approx(by_hand(folder, before, with_space[len(before) :]), rel=1e-5)
    # "</s>" in a page is text, not the end of the document.
    about = tokens(folder, "Home | About us |")
    letters = tokens(folder, "Home | About us | </s>")[len(about) :]
    assert eos not in letters
    assert named == pytest.approx(by_hand(folder, about, letters), rel=1e-5)
    assert empty == 0.0


def test_the_size_of_batches_does_not_change_scores(folder: Path) -> None:
    many = [(context, text * repeat) for context, text in REQUESTS for repeat in (1, 2, 5)]
    together, alone = (
        HuggingFaceModel(str(folder), device="cpu", batch_tokens=size).negative_log_likelihoods(many)
        for size in (4096, 1)
    )
    assert together == pytest.approx(alone, rel=1e-5)


def test_a_long_text_is_read_in_windows_that_overlap_by_half(folder: Path) -> None:
    text = "Accept all cookies. Photosynthesis turns light into sugar. " * 3
    ids = tokens(folder, text)
    room = 17
    [found] = HuggingFaceModel(str(folder), device="cpu", max_model_len=16).negative_log_likelihoods([("", text)])
    sequence = [1, *ids]
    expected = by_hand(folder, sequence[:1], sequence[1:room])
    for position in range(room, len(sequence), room // 2):
        end = min(len(sequence), position + room // 2)
        expected += by_hand(folder, sequence[end - room : position], sequence[position:end])
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_token_that_the_tokenizer_begins_with_is_read_and_never_scored(folder: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)], pair=None)  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    first, second = HuggingFaceModel(str(tmp_path), device="cpu").negative_log_likelihoods(REQUESTS[:2])
    assert first == pytest.approx(by_hand(folder, [0], tokens(folder, REQUESTS[0][1])), rel=1e-5)
    before, whole = tokens(folder, "The quick brown fox"), tokens(folder, "".join(REQUESTS[1]))
    assert second == pytest.approx(by_hand(folder, [0, *before], whole[len(before) :]), rel=1e-5)


def test_a_model_that_scales_its_logits_is_scored_by_the_scaled_ones(tmp_path: Path) -> None:
    import torch
    from transformers import GraniteConfig, GraniteForCausalLM

    folder = make_tiny_llama(tmp_path)
    config = GraniteConfig(
        vocab_size=json.loads((folder / "config.json").read_text())["vocab_size"],
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        logits_scaling=0.05,
    )
    torch.manual_seed(0)
    GraniteForCausalLM(config).save_pretrained(folder)
    first, second = HuggingFaceModel(str(folder), device="cpu").negative_log_likelihoods([REQUESTS[0], ("", "Grüße")])
    assert first == pytest.approx(by_hand(folder, [1], tokens(folder, REQUESTS[0][1])), rel=1e-4)
    assert second == pytest.approx(by_hand(folder, [1], tokens(folder, "Grüße")), rel=1e-4)


def test_a_tokenizer_without_an_end_of_text_token_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / "tokenizer_config.json"
    kept = {name: value for name, value in json.loads(config.read_text()).items() if name != "eos_token"}
    config.write_text(json.dumps(kept))
    with pytest.raises(EvaluationError, match="no end-of-text token"):
        HuggingFaceModel(str(tmp_path), device="cpu")
