"""Batches of scored prompts: what a step sees, which depends only on its number."""

import random

import pytest

from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.line_labels.prompts import LineLabelsPlanner
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.training.data.page_annotations import chunk_annotations
from prox_assets.training.data.vocabulary import special_tokens, train_tokenizer
from prox_assets.training.fit.scored_batches import LinePrompts, ScoredBatches, single_prompts
from prox_assets_tests.training.synthetic_pages import labelled_page, page

SETTINGS = LineLabelsSettings.model_validate({"backward_token": "<back>", "max_lines": 32})


def rows() -> list[dict[str, object]]:
    pages = [labelled_page(**page(number)) for number in range(12)]
    return [
        {**row, "distilled_targets": None, "distilled_weights": None}
        for row in chunk_annotations(pages)
        if not row["doc_id"].endswith("#gold")
    ]


@pytest.fixture(scope="module")
def tokenizer() -> PromptTokenizer:
    trained = train_tokenizer((str(row["text"]) for row in rows()), 700, SETTINGS, 1024)
    return PromptTokenizer(trained.backend_tokenizer, None, "<eos>")


@pytest.fixture(scope="module")
def planner(tokenizer) -> LineLabelsPlanner:
    return LineLabelsPlanner(tokenizer, SETTINGS, 900)


def lines(planner: LineLabelsPlanner) -> LinePrompts:
    return LinePrompts(planner, rows(), [1.0] * len(rows()), SETTINGS.max_lines)


def batches(planner: LineLabelsPlanner, tokenizer: PromptTokenizer, noise: float = 0.0) -> ScoredBatches:
    return ScoredBatches(
        sources=[(lines(planner), 1.0)],
        steps=20,
        batch_tokens=1500,
        seed=3,
        token_noise=noise,
        special_tokens=frozenset(range(len(special_tokens(SETTINGS)))),
        vocabulary=700,
        labels=planner.candidates,
    )


def test_every_special_token_is_one_token_and_the_first_ids_are_theirs(tokenizer):
    names = special_tokens(SETTINGS)
    assert [tokenizer.special_token_id(name) for name in names] == list(range(len(names)))
    assert len(names) == len(set(names))


def test_decisions_are_read_at_the_numbers_and_each_has_its_lines_target(planner, tokenizer):
    rng = random.Random(1)
    numbers = {tokenizer.special_token_id(f"[{number:03d}]") for number in range(SETTINGS.max_lines)}
    backward = tokenizer.special_token_id("<back>")
    seen_backward = 0
    for _ in range(60):
        prompt = lines(planner)(rng)
        assert {prompt.token_ids[position] for position in prompt.positions} <= numbers
        assert len(prompt.targets) == len(prompt.weights) == len(prompt.positions)
        assert sum(prompt.weights) == pytest.approx(1.0)
        seen_backward += prompt.token_ids[0] == backward
    assert 10 < seen_backward < 50


def test_a_backward_prompt_has_the_same_targets_in_the_documents_order(planner, tokenizer):
    menu = tokenizer.encode(["Privacy policy"])[0].token_ids
    text = "Privacy policy\n" + "\n".join("A careful gardener repairs a wooden gate." for _ in range(5))
    row = {"text": text, "line_targets": [0.0] + [1.0] * 5, "line_weights": [1.0] * 6}
    source = LinePrompts(planner, [{**row, "distilled_targets": None, "distilled_weights": None}], [1.0], 32)
    rng = random.Random(2)
    for _ in range(20):
        prompt = source(rng)
        for position, target in zip(prompt.positions, prompt.targets, strict=True):
            before = prompt.token_ids[max(0, position - len(menu)) : position]
            assert (before == menu) == (target == 0.0)


def test_a_batch_depends_on_its_number_alone_and_keeps_to_its_tokens(planner, tokenizer):
    first, again = batches(planner, tokenizer), batches(planner, tokenizer)
    assert [first[number] for number in (5, 1)] == [again[number] for number in (5, 1)]
    assert first[1] != first[2]
    for number in range(len(first)):
        batch = first[number]
        assert max(len(prompt.token_ids) for prompt in batch) * len(batch) <= 1500


def test_noise_replaces_text_and_never_special_tokens(planner, tokenizer):
    clean, noisy = batches(planner, tokenizer)[4], batches(planner, tokenizer, noise=0.5)[4]
    special = len(special_tokens(SETTINGS))
    pairs = [
        (a, b)
        for one, other in zip(clean, noisy, strict=True)
        for a, b in zip(one.token_ids, other.token_ids, strict=True)
    ]
    assert all(a == b for a, b in pairs if a < special)
    assert all(b >= special for a, b in pairs if a >= special)
    assert sum(a != b for a, b in pairs) > 0.3 * sum(a >= special for a, _ in pairs)


def test_the_tensors_of_a_batch_point_at_its_decisions(planner, tokenizer):
    source = batches(planner, tokenizer)
    tensors = source.collate([source[3]])
    prompts = source[3]
    assert tensors["input_ids"].shape == (len(prompts), max(len(prompt.token_ids) for prompt in prompts))
    assert float(tensors["weights"].sum()) == pytest.approx(1.0)
    place = 0
    for row, prompt in enumerate(prompts):
        for position in prompt.positions:
            assert (int(tensors["rows"][place]), int(tensors["columns"][place])) == (row, position)
            place += 1


def test_single_prompts_are_answered_at_their_last_token_and_drawn_by_weight():
    source = single_prompts([(1, 2, 3), (4,)], [1.0, 0.0], [0.0, 1.0])
    drawn = [source(random.Random(seed)) for seed in range(5)]
    assert all(prompt.positions == (0,) and prompt.targets == (0.0,) for prompt in drawn)
