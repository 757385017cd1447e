"""Batches of scored prompts: what a step sees, which depends only on its number."""

import random

import pytest

from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.line_labels.prompts import LineLabelsPlanner
from prox_assets.refiners.line_labels.surroundings import LINE_TOKENS
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.training.data.page_annotations import chunk_annotations
from prox_assets.training.data.vocabulary import special_tokens, train_tokenizer
from prox_assets.training.fit.scored_batches import LinePrompts, ScoredBatches, single_prompts
from prox_assets_tests.training.synthetic_pages import labelled_page, page

SETTINGS = LineLabelsSettings()
# The first ids: the end of a sequence, and the dialect's tokens.
SPECIAL = 1 + len(special_tokens(SETTINGS))
VOCABULARY = SPECIAL + 500


def rows() -> list[dict[str, object]]:
    pages = [labelled_page(**page(number)) for number in range(12)]
    return [
        {**row, "distilled_targets": None, "distilled_weights": None}
        for row in chunk_annotations(pages)
        if not row["doc_id"].endswith("#gold")
    ]


@pytest.fixture(scope="module")
def tokenizer() -> PromptTokenizer:
    trained = train_tokenizer((str(row["text"]) for row in rows()), VOCABULARY, special_tokens(SETTINGS), 1024)
    return PromptTokenizer(trained.backend_tokenizer, None, "<eos>")


@pytest.fixture(scope="module")
def planner(tokenizer) -> LineLabelsPlanner:
    return LineLabelsPlanner(tokenizer, SETTINGS, 900)


def lines(planner: LineLabelsPlanner) -> LinePrompts:
    return LinePrompts(planner, rows(), [1.0] * len(rows()))


def batches(planner: LineLabelsPlanner, tokenizer: PromptTokenizer, noise: float = 0.0) -> ScoredBatches:
    return ScoredBatches(
        sources=[(lines(planner), 1.0)],
        steps=20,
        batch_tokens=1500,
        seed=3,
        token_noise=noise,
        special_tokens=frozenset(range(SPECIAL)),
        vocabulary=VOCABULARY,
        labels=planner.candidates,
    )


def test_every_special_token_is_one_token_and_the_first_ids_are_theirs(tokenizer):
    names = special_tokens(SETTINGS)
    assert [tokenizer.special_token_id(name) for name in names] == list(range(1, SPECIAL))
    assert len(names) == len(set(names))


def test_decisions_are_read_at_line_tokens_and_their_weights_are_shares(planner, tokenizer):
    rng = random.Random(1)
    ends = set(tokenizer.special_token_ids(LINE_TOKENS))
    source = lines(planner)
    for _ in range(60):
        prompt = source(rng)
        assert {prompt.token_ids[position] for position in prompt.positions} <= ends
        assert len(prompt.targets) == len(prompt.weights) == len(prompt.positions)
        assert sum(prompt.weights) == pytest.approx(1.0)


def test_each_decision_has_the_target_of_its_line(planner, tokenizer):
    menu = tokenizer.encode(["Privacy policy"])[0].token_ids
    text = "Privacy policy\n" + "\n\n".join("A careful gardener repairs a wooden gate." for _ in range(5))
    row = {"text": text, "line_targets": [0.0] + [1.0] * 9, "line_weights": [1.0] * 10}
    source = LinePrompts(planner, [{**row, "distilled_targets": None, "distilled_weights": None}], [1.0])
    rng = random.Random(2)
    for _ in range(20):
        prompt = source(rng)
        for position, target in zip(prompt.positions, prompt.targets, strict=True):
            before = prompt.token_ids[max(0, position - len(menu)) : position]
            assert (before == menu) == (target == 0.0)


def test_blank_lines_and_lines_of_weight_zero_decide_nothing(planner):
    """A blank line has the position of another line, whose target may be another one."""
    row = {"text": "\na\n\nb\nc\n", "line_targets": [0.0, 1.0, 0.0, 1.0, 0.0, 0.0], "line_weights": [1.0] * 6}
    row["line_weights"] = [1.0, 2.0, 1.0, 1.0, 0.0, 1.0]
    source = LinePrompts(planner, [{**row, "distilled_targets": None, "distilled_weights": None}], [1.0])
    for seed in range(5):
        prompt = source(random.Random(seed))
        assert prompt.targets == (1.0, 1.0)
        assert prompt.weights == pytest.approx((2 / 3, 1 / 3))
    nothing = {**row, "text": "\n\n\n\n\n", "distilled_targets": None, "distilled_weights": None}
    with_one_more = LinePrompts(planner, [nothing, {**nothing, "text": row["text"]}], [1.0, 1.0])
    assert with_one_more(random.Random(0)).targets == (1.0, 1.0)


def test_a_batch_depends_on_its_number_alone_and_keeps_to_its_tokens(planner, tokenizer):
    first, again = batches(planner, tokenizer), batches(planner, tokenizer)
    assert [first[number] for number in (5, 1)] == [again[number] for number in (5, 1)]
    assert first[1] != first[2]
    for number in range(len(first)):
        batch = first[number]
        assert max(len(prompt.token_ids) for prompt in batch) * len(batch) <= 1500


def test_noise_replaces_text_and_never_special_tokens(planner, tokenizer):
    clean, noisy = batches(planner, tokenizer)[4], batches(planner, tokenizer, noise=0.5)[4]
    pairs = [
        (a, b)
        for one, other in zip(clean, noisy, strict=True)
        for a, b in zip(one.token_ids, other.token_ids, strict=True)
    ]
    assert all(a == b for a, b in pairs if a < SPECIAL)
    assert all(b >= SPECIAL for a, b in pairs if a >= SPECIAL)
    assert sum(a != b for a, b in pairs) > 0.3 * sum(a >= SPECIAL for a, _ in pairs)


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
