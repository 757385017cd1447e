"""The model document refiner: scored and generated decisions on a real engine, and bookkeeping with a scripted one."""

import math
from pathlib import Path

import pytest

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import Completion, EngineError, Score
from prox_assets.programs.execution.document_decision import decide_document
from prox_assets.programs.policy import ExecutionPolicy
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.document_refiner import ModelDocumentRefiner
from prox_assets.refiners.model.scoring import keep_probability
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.open import open_document_refiner
from prox_assets.refiners.prompts.document_prompts import DocumentPromptBuilder
from prox_assets.refiners.prompts.formats import prompt_frame
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.testing.tiny_models import make_tiny_llama, overfit
from prox_assets_tests.refiners.scripted_engine import ScriptedEngine

CONFIG = RefinerConfig(
    name="doc", level="doc", model="tiny", prompt_format="llama2-chat", max_new_tokens=16, window=512, probe=False
)
GENERATE = CONFIG.model_copy(update={"decoding": "complete"})

PAGES = {
    "The tower was finished in 1871 after two hard winters.": True,
    "buy cheap watches now best price buy cheap watches": False,
    "Photosynthesis turns light into sugar.\nIt needs water.": True,
    "click here click here click here": False,
    "A long page about tides. " * 10: True,
    "casino bonus " * 20: False,
}


@pytest.fixture(scope="module")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint overfitted to answer keep_doc() or drop_doc() to each of PAGES."""
    folder = make_tiny_llama(
        tmp_path_factory.mktemp("doc-refiner"),
        # The template as a handful of tokens makes for short training.
        texts=[prompt_frame("llama2-chat", "doc").render(text) for text in PAGES],
        vocab_size=1000,
    )
    tokenizer = load_tokenizer(folder)
    builder = DocumentPromptBuilder(tokenizer, prompt_frame("llama2-chat", "doc"), 400)
    answers = {keep: tokenizer.encode([f"{'keep' if keep else 'drop'}_doc()"])[0].token_ids for keep in (True, False)}
    prompts = builder.build(list(PAGES))
    loss = overfit(
        folder,
        steps=150,
        pairs=[(prompt.token_ids, answers[keep]) for prompt, keep in zip(prompts, PAGES.values(), strict=True)],
    )
    assert loss < 0.01
    return folder


def test_scoring_and_generating_agree_on_every_training_document(trained_folder):
    documents = [RefinerInput(str(number), text) for number, text in enumerate(PAGES)]
    with open_engine(TransformersEngineConfig(device="cpu", dtype="float32"), str(trained_folder)) as engine:
        scored = list(open_document_refiner(CONFIG, engine, trained_folder).write_programs(documents))
        written = list(open_document_refiner(GENERATE, engine, trained_folder).write_programs(documents))
    policy = ExecutionPolicy()
    assert len(scored) == len(written) == len(PAGES)
    wanted = dict(zip(map(str, range(len(PAGES))), PAGES.items(), strict=True))
    for result in [*scored, *written]:
        text, keep = wanted[result.doc_id]
        assert result.error is None
        assert decide_document(text, result.program, result.keep_probability, policy).keep == keep
    assert all(
        item.program is None and item.finish_reason == "scored" and item.completion_tokens == 0 for item in scored
    )
    assert {(item.program, item.finish_reason) for item in written} == {("keep_doc()", "stop"), ("drop_doc()", "stop")}
    assert all(item.keep_probability is None and item.completion_tokens > 0 for item in written)


def test_an_open_prompt_format_and_a_larger_window_than_the_engines_are_refused(tokenizer):
    with pytest.raises(RefinerError, match="let the probe choose"):
        ModelDocumentRefiner(CONFIG.model_copy(update={"prompt_format": "auto"}), ScriptedEngine(), tokenizer)
    with pytest.raises(RefinerError, match="window of 512 tokens, the engine has 100"):
        ModelDocumentRefiner(CONFIG, ScriptedEngine(max_model_len=100), tokenizer)


def test_answers_are_compared_at_the_first_token_in_which_they_differ(tokenizer):
    config = CONFIG.model_copy(update={"keep_answer": "doc: keep", "drop_answer": "doc: drop"})
    requests = []

    def score(request):
        requests.append(request)
        return Score(request.request_id, ((math.log(0.3), math.log(0.1)),), len(request.prompt_token_ids))

    (result,) = ModelDocumentRefiner(config, ScriptedEngine(score=score), tokenizer).write_programs(
        [RefinerInput("d", "text")]
    )
    keep, drop = (encoded.token_ids for encoded in tokenizer.encode(["doc: keep", "doc: drop"]))
    shared = next(place for place, (one, other) in enumerate(zip(keep, drop, strict=False)) if one != other)
    assert shared > 0
    (request,) = requests
    assert request.prompt_token_ids[-shared:] == keep[:shared]
    assert request.positions == (len(request.prompt_token_ids) - 1,)
    assert request.candidate_token_ids == (keep[shared], drop[shared])
    assert result.keep_probability == pytest.approx(0.75)


def test_answers_of_which_one_begins_with_the_other_are_refused(tokenizer):
    config = CONFIG.model_copy(update={"keep_answer": "doc", "drop_answer": "doc!"})
    with pytest.raises(RefinerError, match="begins with the other"):
        ModelDocumentRefiner(config, ScriptedEngine(), tokenizer)


def test_no_prompt_and_answer_together_exceed_the_window(tokenizer):
    lengths = []

    def complete(request):
        lengths.append(len(request.prompt_token_ids) + request.max_tokens)
        return Completion(request.request_id, "keep_doc()", (1,), "stop", 1, 1)

    def score(request):
        lengths.append(len(request.prompt_token_ids) + 1)
        return Score(request.request_id, ((-1.0, -1.0),), 1)

    engine = ScriptedEngine(complete, score)
    pages = [RefinerInput(str(size), "river bank " * size) for size in range(50, 250, 10)]
    small = {"window": 300, "keep_answer": "the answer is keep", "drop_answer": "the answer is drop"}
    for config in (CONFIG.model_copy(update=small), GENERATE.model_copy(update=small)):
        results = list(ModelDocumentRefiner(config, engine, tokenizer).write_programs(pages))
        assert any(result.truncated for result in results)
        assert not all(result.truncated for result in results)
    assert len(lengths) == 2 * len(pages)
    assert 290 < max(lengths) <= 300


def test_every_document_has_its_own_result_in_whatever_order_they_come(tokenizer):
    def complete(request):
        text = f"# {len(request.prompt_token_ids)}"
        return Completion(request.request_id, text, (1,), "length", len(request.prompt_token_ids), 1)

    pages = [RefinerInput("same id", "a" * size if size % 7 else " \n") for size in range(100)]
    results = list(ModelDocumentRefiner(GENERATE, ScriptedEngine(complete), tokenizer).write_programs(pages))
    assert len(results) == 100
    assert sum(result.finish_reason == "skipped" for result in results) == 15
    shown = [result for result in results if result.finish_reason != "skipped"]
    assert {result.program for result in shown} == {f"# {result.prompt_tokens}" for result in shown}


def test_a_failed_request_is_an_error_of_its_document_alone(tokenizer):
    def score(request):
        if len(request.prompt_token_ids) > 100:
            return Score(request.request_id, (), 0, error="refused")
        return Score(request.request_id, ((0.0, -math.inf),), 1)

    pages = [RefinerInput("good", "short"), RefinerInput("bad", "x y z " * 50)]
    results = {
        result.doc_id: result
        for result in ModelDocumentRefiner(CONFIG, ScriptedEngine(score=score), tokenizer).write_programs(pages)
    }
    assert (results["good"].error, results["good"].keep_probability) == (None, 1.0)
    assert (results["bad"].error, results["bad"].finish_reason) == ("refused", "error")
    assert results["bad"].keep_probability is None


def test_an_engine_that_loses_requests_is_reported(tokenizer):
    refiner = ModelDocumentRefiner(CONFIG, ScriptedEngine(score=lambda request: None), tokenizer)
    with pytest.raises(EngineError, match="2 prompts"):
        list(refiner.write_programs([RefinerInput("a", "one"), RefinerInput("b", "two")]))


def test_documents_are_read_a_little_ahead_only(tokenizer):
    read = 0

    def pages():
        nonlocal read
        for number in range(10_000):
            read += 1
            yield RefinerInput(str(number), "text")

    engine = ScriptedEngine(score=lambda request: Score(request.request_id, ((-1.0, -2.0),), 1))
    next(ModelDocumentRefiner(CONFIG, engine, tokenizer).write_programs(pages()))
    assert read <= 64


@pytest.mark.parametrize(
    ("keep", "drop", "expected"),
    [
        (-1.0, -1.0, 0.5),
        (0.0, -math.inf, 1.0),
        (-math.inf, 0.0, 0.0),
        (-1e6, 0.0, 0.0),
        (-math.inf, -math.inf, None),
        (math.nan, 0.0, None),
    ],
)
def test_keep_probability_is_exact_at_its_ends(keep, drop, expected):
    assert keep_probability(keep, drop) == expected
