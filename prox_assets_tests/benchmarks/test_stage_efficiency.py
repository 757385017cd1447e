"""Program stages against the bare engine: what is compared with what."""

from pathlib import Path

import pytest

from benchmarks import engine_efficiency
from benchmarks.support import llama_shapes
from benchmarks.support.bare_vllm import Timed, engine_limits, vllm_requests
from benchmarks.support.llama_shapes import SHAPES, LlamaShape, make_llama
from benchmarks.support.stage_efficiency import (
    Efficiency,
    NotTheSameWorkError,
    _stage,
    random_refiners,
    texts_with_chunks,
)
from prox_assets_tests.stages.fake_refiners import FakeDocuments, FakeSession
from prox_assets_tests.stages.shard_runs import read_shard_of
from prox_assets_tests.training.synthetic_pages import write_pages

SMALL = LlamaShape(320, 64, 64, 1, 2, 1, 256, 160, "float32")
TEXT = "\n".join(f"Line {number} of a page that says little." for number in range(60))


@pytest.fixture(scope="module")
def small_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_llama(tmp_path_factory.mktemp("small"), SMALL, [TEXT, "The quick brown fox jumps over the lazy dog."])


def test_the_prox_xs_shape_has_as_many_parameters_as_the_released_refiner() -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = SHAPES["prox-xs"]
    with torch.device("meta"):
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=shape.vocabulary,
                hidden_size=shape.hidden,
                intermediate_size=shape.intermediate,
                num_hidden_layers=shape.layers,
                num_attention_heads=shape.heads,
                num_key_value_heads=shape.kv_heads,
                tie_word_embeddings=False,
            )
        )

    assert sum(parameter.numel() for parameter in model.parameters()) == 354_284_800


def test_too_few_texts_for_a_vocabulary_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of 32,000 tokens: use more pages"):
        make_llama(tmp_path, SHAPES["prox-xs"], ["a word or two"])


def test_a_machine_that_grows_slower_favours_neither_stage_nor_bare_engine() -> None:
    slower = Efficiency(
        "chunk", 1, stage=(Timed(1.25, 1, 100, 0),), bare=(Timed(1, 1, 100, 0), Timed(5 / 3, 1, 100, 0))
    )

    assert slower.ratio == pytest.approx(1.0)


def test_generated_tokens_count_as_work() -> None:
    assert Timed(2.0, 1.0, prompt_tokens=30, generated_tokens=10).tokens_per_second == 20


def test_the_requests_of_a_document_cover_its_chunks_and_leave_room_for_the_answer(small_llama: Path) -> None:
    refiners = random_refiners(small_llama, SMALL, answer_tokens=8)
    assert refiners.chunk is not None

    batches = [[TEXT, "", "Short."]]
    (requests,) = vllm_requests(refiners.chunk, small_llama, batches, engine_limits(small_llama, SMALL.window))

    assert len(requests) > 2
    assert all(len(request.prompt_token_ids) <= SMALL.prompt_tokens for request in requests)
    assert {request.parameters.max_tokens for request in requests} == {8}


def test_texts_are_taken_until_they_have_enough_chunks(small_llama: Path) -> None:
    refiners = random_refiners(small_llama, SMALL, answer_tokens=8)

    assert len(texts_with_chunks([TEXT] * 40, 1, refiners, small_llama)) == 4
    assert len(texts_with_chunks([TEXT] * 40, 60, refiners, small_llama)) > 4
    with pytest.raises(ValueError, match="lower --chunks"):
        texts_with_chunks([TEXT] * 4, 10_000, refiners, small_llama)


def test_a_stage_that_saw_other_prompts_is_not_compared(tmp_path: Path) -> None:
    run = read_shard_of(tmp_path, ["one page", "another page"])

    with pytest.raises(NotTheSameWorkError, match="bare engine saw 0"):
        _stage(run, FakeSession("doc", FakeDocuments()), "doc", [])


@pytest.mark.parametrize("option", ["max_num_seqs", "max_num_seqs=none", "no_such_setting=1"])
def test_an_engine_option_that_means_nothing_is_told_in_a_line(
    tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = write_pages(tmp_path / "pages.parquet", 2)

    code = engine_efficiency.main(["--pages", str(pages), "--engine-option", option])

    assert code == 1
    assert option.split("=")[0] in capsys.readouterr().err


@pytest.mark.vllm
def test_both_stages_and_the_bare_engine_do_the_same_work_on_one_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(llama_shapes.SHAPES, "tiny", SMALL)
    pages = write_pages(tmp_path / "pages.parquet", 12)
    options = ["--chunks", "12", "--answer-tokens", "4", "--engine-option", "core_process=same"]

    code = engine_efficiency.main(["--pages", str(pages), "--work", str(tmp_path / "work"), *options])

    shown = capsys.readouterr()
    assert code == 0, shown.err
    generated = [line.split(", ")[1] for line in shown.out.splitlines() if line.startswith("chunk:")]
    assert len(generated) == 3
    assert len(set(generated)) == 1, "stage and bare engine saw and wrote as many tokens"
    assert "| doc_programs | 12 |" in shown.out
