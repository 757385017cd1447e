"""All three engines give what one plain forward pass after another gives, in float32."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from prox_assets.engines.protocol import CompletionRequest, Engine, ScoreRequest

TOLERANCE = 1e-3


class PlainModel:
    """The checkpoint, run one prompt at a time without batches, padding or cache."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoTokenizer, LlamaForCausalLM

        self._torch = torch
        self._model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = cast("Any", AutoTokenizer.from_pretrained(folder))
        self.vocab_size = self._model.config.vocab_size

    def log_probabilities(self, token_ids: Sequence[int]) -> "list[list[float]]":
        """Natural-log probabilities after every position, shape (tokens, vocabulary)."""
        with self._torch.inference_mode():
            logits = cast("Any", self._model)(input_ids=self._torch.tensor([list(token_ids)])).logits[0]
            return logits.log_softmax(-1).tolist()

    def greedy(self, prompt: Sequence[int], max_tokens: int, stops: Sequence[int]) -> tuple[tuple[int, ...], str]:
        generated: list[int] = []
        while len(generated) < max_tokens:
            last = self.log_probabilities([*prompt, *generated])[-1]
            token_id = last.index(max(last))
            if token_id in stops:
                return tuple(generated), "stop"
            generated.append(token_id)
        return tuple(generated), "length"


@pytest.fixture(scope="module")
def plain(tiny_llama: Path) -> PlainModel:
    return PlainModel(tiny_llama)


def random_prompt(rng: random.Random, length: int, vocab_size: int = 512) -> tuple[int, ...]:
    return tuple(rng.randrange(4, vocab_size) for _ in range(length))


def test_greedy_completions_of_prompts_of_many_lengths_agree(engine: Engine, plain: PlainModel) -> None:
    rng = random.Random(1)
    requests = [
        CompletionRequest(f"r{i}", random_prompt(rng, length), max_tokens=rng.randrange(1, 20))
        for i, length in enumerate([1, 2, 3, 17, 40, 65, 130, 200, 333])
    ]
    results = {result.request_id: result for result in engine.complete(requests)}
    assert results.keys() == {request.request_id for request in requests}
    for request in requests:
        token_ids, reason = plain.greedy(request.prompt_token_ids, request.max_tokens, stops=(1,))
        result = results[request.request_id]
        assert (result.token_ids, result.finish_reason) == (token_ids, reason)
        assert (result.prompt_tokens, result.completion_tokens) == (len(request.prompt_token_ids), len(token_ids))
        assert result.error is None


def test_a_stop_token_ends_the_answer_and_is_left_out(engine: Engine, plain: PlainModel) -> None:
    prompt = random_prompt(random.Random(2), 30)
    free, _ = plain.greedy(prompt, 12, stops=(1,))
    stop = free[6]
    (result,) = engine.complete([CompletionRequest("r", prompt, 12, stop_token_ids=(stop,))])
    assert result.finish_reason == "stop"
    assert result.token_ids == free[: free.index(stop)]
    assert result.completion_tokens == len(result.token_ids)


def test_text_is_what_the_tokens_add_to_the_prompt(engine: Engine, plain: PlainModel) -> None:
    rng = random.Random(3)
    requests = [CompletionRequest(f"r{i}", random_prompt(rng, 20 + i), 12) for i in range(12)]
    for result in engine.complete(requests):
        prompt = list(requests[int(result.request_id[1:])].prompt_token_ids)
        whole = plain.tokenizer.decode([*prompt, *result.token_ids], skip_special_tokens=True)
        # A byte that is no character yet shows in the whole text only.
        assert result.text.rstrip("\ufffd") in whole
        assert "<keep>" not in result.text
        assert "</s>" not in result.text


def test_scores_at_inner_and_last_positions_agree_for_likely_and_unlikely_tokens(
    engine: Engine, plain: PlainModel
) -> None:
    rng = random.Random(4)
    requests: list[ScoreRequest] = []
    expected: dict[str, list[list[float]]] = {}
    outside_top_20 = 0
    for i, length in enumerate([1, 2, 9, 33, 140, 260]):
        prompt = random_prompt(rng, length)
        positions = tuple(sorted({0, length // 2, length - 1, *rng.sample(range(length), min(4, length))}))
        candidates = (2, 3, *rng.sample(range(4, plain.vocab_size), 4))
        table = plain.log_probabilities(prompt)
        requests.append(ScoreRequest(f"r{i}", prompt, positions, candidates))
        expected[f"r{i}"] = [[table[position][token_id] for token_id in candidates] for position in positions]
        for position in positions:
            worst_of_top_20 = sorted(table[position])[-20]
            outside_top_20 += sum(table[position][token_id] < worst_of_top_20 for token_id in candidates)
    assert outside_top_20 > 10
    results = list(engine.score(requests))
    assert {result.request_id for result in results} == expected.keys()
    for result in results:
        for row, expected_row in zip(result.log_probabilities, expected[result.request_id], strict=True):
            assert row == pytest.approx(expected_row, abs=TOLERANCE)


def test_relative_scores_differ_by_what_the_candidates_differ(engine: Engine, plain: PlainModel) -> None:
    prompt = random_prompt(random.Random(8), 90)
    candidates = (9, 2, 300)
    (result,) = engine.score([ScoreRequest("r", prompt, (0, 40, 89), candidates, relative=True)])
    table = plain.log_probabilities(prompt)
    for position, row in zip((0, 40, 89), result.log_probabilities, strict=True):
        expected = [table[position][token_id] - table[position][9] for token_id in candidates]
        assert [value - row[0] for value in row] == pytest.approx(expected, abs=TOLERANCE)


def test_more_candidates_than_one_query_takes_are_all_scored(engine: Engine, plain: PlainModel) -> None:
    prompt = random_prompt(random.Random(5), 12)
    candidates = tuple(range(plain.vocab_size))
    (result,) = engine.score([ScoreRequest("r", prompt, (5, 11), candidates)])
    table = plain.log_probabilities(prompt)
    assert result.log_probabilities[0] == pytest.approx(table[5], abs=TOLERANCE)
    assert result.log_probabilities[1] == pytest.approx(table[11], abs=TOLERANCE)


def test_repeated_and_unordered_positions_come_back_as_asked(engine: Engine, plain: PlainModel) -> None:
    prompt = random_prompt(random.Random(6), 8)
    (result,) = engine.score([ScoreRequest("r", prompt, (7, 0, 7), (9, 2, 9))])
    table = plain.log_probabilities(prompt)
    for position, row in zip((7, 0, 7), result.log_probabilities, strict=True):
        assert row == pytest.approx([table[position][token_id] for token_id in (9, 2, 9)], abs=TOLERANCE)


def test_a_grammar_confines_the_answer(engine: Engine) -> None:
    grammar = 'start: "keep_doc()" | "drop_doc()"\n'
    rng = random.Random(7)
    requests = [CompletionRequest(f"r{i}", random_prompt(rng, 10 + i), 20, grammar=grammar) for i in range(4)]
    unconfined = CompletionRequest("free", random_prompt(rng, 11), 5)
    results = {result.request_id: result for result in engine.complete([*requests, unconfined])}
    assert {results[f"r{i}"].text for i in range(4)} <= {"keep_doc()", "drop_doc()"}
    assert {results[f"r{i}"].finish_reason for i in range(4)} == {"stop"}
    assert results["free"].completion_tokens == 5
