"""The line-labels dialect read both ways, and at the level of documents."""

import math

import pytest

from prox_assets.engines.protocol import Score, ScoreRequest
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.line_labels.prompts import LineLabelsDocumentPrompts, LineLabelsPlanner
from prox_assets.refiners.model.chunk_refiner import ModelChunkRefiner
from prox_assets.refiners.model.document_refiner import ModelDocumentRefiner
from prox_assets.refiners.protocol import RefinerInput
from prox_assets_tests.refiners.conftest import INLINE_LABELS
from prox_assets_tests.refiners.scripted_engine import ScriptedEngine

# The tokenizer of the inline tests has these tokens: <norm> stands in for a backward token of its own.
BOTH_WAYS = INLINE_LABELS.model_copy(update={"backward_token": "<norm>", "inline": None})
CONFIG = RefinerConfig(
    name="both", level="chunk", model="tiny", dialect="line-labels", line_labels=BOTH_WAYS, window=400, probe=False
)
TEXT = "\n".join(f"line {number}" for number in range(20))


def test_the_second_prompt_shows_the_lines_in_reverse_and_its_positions_are_in_the_documents_order(inline_tokenizer):
    planner = LineLabelsPlanner(inline_tokenizer, BOTH_WAYS, 400)
    (chunks,) = planner.plan([TEXT])
    assert [(item.chunk.line_start, item.chunk.line_end) for item in chunks] == [(0, 15), (16, 19)]
    for item in chunks:
        lines = TEXT.split("\n")[item.chunk.line_start : item.chunk.line_end + 1]
        ids = item.backward_token_ids
        opening = len(inline_tokenizer.opening)
        assert ids[opening] == inline_tokenizer.special_token_id("<norm>")
        assert ids[opening + 1 : opening + 3] == item.prompt_token_ids[opening + 1 : opening + 3]
        for number, (line, position) in enumerate(zip(lines, item.backward_positions, strict=True)):
            own = inline_tokenizer.encode([line])[0].token_ids
            assert ids[position - len(own) : position] == own
            assert ids[position] == inline_tokenizer.special_token_id(f"[{len(lines) - 1 - number:03d}]")


@pytest.mark.parametrize("group", [1, 2, 7])
def test_a_lines_probability_has_the_mean_log_odds_of_both_readings(inline_tokenizer, group):
    backward = inline_tokenizer.special_token_id("<norm>")

    def score(request: ScoreRequest) -> Score:
        odds = 1.0 if backward in request.prompt_token_ids else -3.0
        rows = tuple(
            (math.log(1 / (1 + math.exp(-odds))), math.log(1 / (1 + math.exp(odds)))) for _ in request.positions
        )
        return Score(request.request_id, rows, len(request.prompt_token_ids))

    refiner = ModelChunkRefiner(CONFIG, ScriptedEngine(score=score, group=group), inline_tokenizer)
    [result] = refiner.write_programs([RefinerInput("a", TEXT)])
    expected = 1 / (1 + math.exp(1.0))
    for row in result.rows:
        assert row.line_keep_probabilities == pytest.approx([expected] * (row.line_end - row.line_start + 1))
        assert row.prompt_tokens > 2 * 16


def test_one_failed_reading_is_an_error_of_its_document(inline_tokenizer):
    backward = inline_tokenizer.special_token_id("<norm>")

    def score(request: ScoreRequest) -> Score:
        if backward in request.prompt_token_ids:
            return Score(request.request_id, (), 0, error="too long")
        return Score(request.request_id, ((-0.1, -2.4),) * len(request.positions), 5)

    refiner = ModelChunkRefiner(CONFIG, ScriptedEngine(score=score), inline_tokenizer)
    [result] = refiner.write_programs([RefinerInput("a", "one line")])
    assert result.error == "chunk 0: too long"


def test_a_document_is_judged_after_its_shortened_lines_and_says_when_it_was_cut(inline_tokenizer):
    prompts = LineLabelsDocumentPrompts(inline_tokenizer, BOTH_WAYS, 300)
    short, long = prompts.build(["one\ntwo", TEXT])
    judge = inline_tokenizer.special_token_id("<judge>")
    assert short.token_ids[-1] == long.token_ids[-1] == judge
    assert (short.truncated, long.truncated) == (False, True)
    planned = LineLabelsPlanner(inline_tokenizer, INLINE_LABELS, 299).plan(["one\ntwo"])[0][0]
    assert short.token_ids[:-1] == planned.prompt_token_ids


def test_a_document_refiner_of_the_dialect_compares_keep_with_remove_at_its_last_token(inline_tokenizer):
    config = CONFIG.model_copy(update={"level": "doc"})
    seen: list[ScoreRequest] = []

    def score(request: ScoreRequest) -> Score:
        seen.append(request)
        return Score(request.request_id, ((math.log(0.6), math.log(0.2)),), len(request.prompt_token_ids))

    refiner = ModelDocumentRefiner(config, ScriptedEngine(score=score), inline_tokenizer)
    [result] = refiner.write_programs([RefinerInput("a", "one\ntwo")])
    assert result.keep_probability == pytest.approx(0.75)
    assert seen[0].positions == (len(seen[0].prompt_token_ids) - 1,)
    names = ("<K>", "<R>")
    assert seen[0].candidate_token_ids == tuple(inline_tokenizer.special_token_id(name) for name in names)
