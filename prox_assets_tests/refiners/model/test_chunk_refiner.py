"""The model chunk refiner: programs and line labels on a real engine, and putting documents together."""

import math
import shutil

import pytest

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import Completion, EngineError, Score, ScoreRequest
from prox_assets.programs.dialects.prox import parse
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.prompts import LineLabelsPlanner
from prox_assets.refiners.model.chunk_refiner import ModelChunkRefiner
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.open import open_chunk_refiner
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.testing.tiny_models import overfit
from prox_assets_tests.refiners.conftest import LINE_LABELS
from prox_assets_tests.refiners.scripted_engine import ScriptedEngine

CONFIG = RefinerConfig(
    name="chunk", level="chunk", model="tiny", prompt_format="plain", window=160, max_new_tokens=40, probe=False
)
LABELS = RefinerConfig(
    name="labels", level="chunk", model="tiny", dialect="line-labels", line_labels=LINE_LABELS, window=300, probe=False
)
PAGES = [
    RefinerInput("short", "one\ntwo"),
    RefinerInput("long", "\n".join(["The quick brown fox jumps over the lazy dog."] * 40)),
    RefinerInput("blank", " \n\n"),
    RefinerInput("wide", "before\n" + "word " * 2000 + "\nafter"),
    RefinerInput("empty", ""),
    RefinerInput("only wide", "word " * 2000),
]


def check_rows_cover_their_documents(results):
    assert {result.doc_id for result in results} == {page.doc_id for page in PAGES}
    texts = {page.doc_id: page.text for page in PAGES}
    for result in results:
        lines = [line for row in result.rows for line in range(row.line_start, row.line_end + 1)]
        assert lines == list(range(texts[result.doc_id].count("\n") + 1))
        assert [row.chunk_index for row in result.rows] == list(range(len(result.rows)))


def test_programs_of_a_real_engine_are_put_together_in_order(tiny_folder):
    with open_engine(TransformersEngineConfig(device="cpu", dtype="float32"), str(tiny_folder)) as engine:
        results = list(open_chunk_refiner(CONFIG, engine, tiny_folder).write_programs(PAGES))
    check_rows_cover_their_documents(results)
    rows = {result.doc_id: result.rows for result in results}
    assert all(result.error is None for result in results)
    assert len(rows["long"]) > 1
    for row in (*rows["short"], *rows["long"]):
        assert isinstance(row.program, str)
        assert row.prompt_tokens + row.completion_tokens <= CONFIG.window
    assert [row.skip_reason for row in rows["wide"]] == [None, "line_longer_than_window", None]
    assert [row.skip_reason for row in (*rows["blank"], *rows["empty"])] == ["blank", "blank"]
    assert rows["only wide"][0].finish_reason == "skipped"


def test_line_labels_are_read_from_one_pass_and_learned_labels_come_back(line_labels_folder, tmp_path):
    """The label after each line's token is what the checkpoint was overfitted to: keep even lines, remove odd ones."""
    folder = tmp_path / "trained"
    shutil.copytree(line_labels_folder, folder)
    planner = LineLabelsPlanner(load_tokenizer(folder), LINE_LABELS, 20)
    text = "\n".join(f"line {letter}" for letter in "abcdef")
    (chunks,) = planner.plan([text])
    keep, remove = planner.candidates
    pairs = [
        (item.prompt_token_ids[: position + 1], (remove if line % 2 else keep,))
        for item in chunks
        for line, position in enumerate(item.positions, item.chunk.line_start)
    ]
    assert overfit(folder, pairs, steps=300) < 0.05
    with open_engine(TransformersEngineConfig(device="cpu", dtype="float32"), str(folder)) as engine:
        config = LABELS.model_copy(update={"window": 21})
        (result,) = open_chunk_refiner(config, engine, folder).write_programs([RefinerInput("d", text)])
    assert [(row.line_start, row.line_end) for row in result.rows] == [
        (item.chunk.line_start, item.chunk.line_end) for item in chunks
    ]
    assert len(result.rows) == 2
    for row in result.rows:
        assert row.program is None
        assert row.finish_reason == "scored"
        assert row.line_keep_probabilities is not None
        kept = [probability > 0.5 for probability in row.line_keep_probabilities]
        assert kept == [line % 2 == 0 for line in range(row.line_start, row.line_end + 1)]


def test_blank_lines_take_the_label_of_the_line_before_them_and_are_asked_about_once(line_labels_tokenizer):
    asked: list[ScoreRequest] = []

    def score(request: ScoreRequest) -> Score:
        asked.append(request)
        rows = tuple((-0.1, -2.4) if place % 2 else (-2.4, -0.1) for place in range(len(request.positions)))
        return Score(request.request_id, rows, len(request.prompt_token_ids))

    refiner = ModelChunkRefiner(LABELS, ScriptedEngine(score=score), line_labels_tokenizer)
    (result,) = refiner.write_programs([RefinerInput("d", "\nmenu\n\n\nprose\n")])
    remove, keep = (pytest.approx(1 / (1 + math.exp(odds))) for odds in (2.3, -2.3))
    assert result.rows[0].line_keep_probabilities == (remove, remove, remove, remove, keep, keep)
    assert [len(request.positions) for request in asked] == [2]


def test_chunks_that_come_back_in_any_order_are_put_in_theirs(tokenizer):
    def complete(request):
        return Completion(request.request_id, f"# {request.request_id}", (1,), "stop", 7, 1)

    refiner = ModelChunkRefiner(CONFIG, ScriptedEngine(complete, group=5), tokenizer)
    results = list(refiner.write_programs(PAGES))
    check_rows_cover_their_documents(results)
    for result in results:
        numbers = [int(row.program[2:]) for row in result.rows if row.program is not None]
        assert numbers == sorted(numbers)


def test_one_failed_chunk_makes_its_document_an_error_and_no_other(tokenizer):
    def complete(request):
        if request.request_id == "3":
            return Completion(request.request_id, "", (), "error", 0, 0, error="refused")
        return Completion(request.request_id, "keep_chunk()", (1,), "stop", 7, 1)

    results = {
        result.doc_id: result
        for result in ModelChunkRefiner(CONFIG, ScriptedEngine(complete), tokenizer).write_programs(PAGES)
    }
    assert results["long"].error is not None
    assert results["long"].error.endswith("refused")
    assert [row.finish_reason for row in results["long"].rows].count("error") == 1
    assert all(result.error is None for name, result in results.items() if name != "long")


def test_labels_without_any_probability_are_an_error(line_labels_tokenizer):
    def score(request):
        rows = ((-math.inf, -math.inf), *[(-1.0, -2.0)] * (len(request.positions) - 1))
        return Score(request.request_id, rows, len(request.prompt_token_ids))

    (result,) = ModelChunkRefiner(LABELS, ScriptedEngine(score=score), line_labels_tokenizer).write_programs(
        [RefinerInput("d", "a\nb")]
    )
    assert result.error is not None
    assert "for 1 lines" in result.error
    assert result.rows[0].line_keep_probabilities is None


def test_an_engine_that_loses_chunks_is_reported(tokenizer):
    refiner = ModelChunkRefiner(CONFIG, ScriptedEngine(lambda request: None), tokenizer)
    with pytest.raises(EngineError, match="1 prompts"):
        list(refiner.write_programs(PAGES[:1]))


def test_constrained_requests_carry_the_spelling_that_the_model_was_trained_on(tokenizer):
    grammars = []

    def complete(request):
        grammars.append(request.grammar)
        return Completion(request.request_id, "untouch_doc()", (1,), "stop", 7, 1)

    spelling = {"constrained": True, "keep_call": "untouch_doc", "range_keywords": ("start", "end")}
    for config in (CONFIG, CONFIG.model_copy(update=spelling)):
        list(ModelChunkRefiner(config, ScriptedEngine(complete), tokenizer).write_programs(PAGES[:1]))
    assert grammars[0] is None
    assert "untouch_doc()" in grammars[1]
    assert "remove_lines(start=" in grammars[1]
    assert parse("untouch_doc()").errors == ()


def test_a_window_larger_than_the_engines_is_refused(tokenizer):
    with pytest.raises(RefinerError, match="engine has 100"):
        ModelChunkRefiner(CONFIG, ScriptedEngine(max_model_len=100), tokenizer)
