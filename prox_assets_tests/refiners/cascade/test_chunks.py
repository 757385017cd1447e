"""Cascades of chunk refiners: who is asked, what comes of both answers, and what the rows say of it."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from prox_assets.engines.protocol import Score
from prox_assets.refiners.calibration import Calibration
from prox_assets.refiners.cascade.combining import combined, model_share
from prox_assets.refiners.cascade.settings import CascadeSettings
from prox_assets.refiners.model.chunk_refiner import ModelChunkRefiner
from prox_assets.refiners.model.tokenization import load_tokenizer
from prox_assets.refiners.prompts.makers import ChunkPromptMaker, prompt_maker
from prox_assets.refiners.prompts.processes import PromptProcesses
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.trained import trained_chunks
from prox_assets_tests.refiners.cascade.conftest import MENU, PROSE, TEXTS, answers, classifier, in_cascade
from prox_assets_tests.refiners.conftest import INLINE_LABELS
from prox_assets_tests.refiners.scripted_engine import ScriptedEngine

MODEL_ONLY = {"classifier_weight": 0.0, "model_weight": 1.0, "offset": 0.0}


def probabilities(answer):
    """Return P(keep) of each line of a document, whatever its chunks."""
    return [keep for row in answer.rows for keep in row.line_keep_probabilities or ()]


def without_opinions(answer):
    rows = tuple(replace(row, classifier_keep_probabilities=None) for row in answer.rows)
    return replace(answer, rows=rows)


@pytest.mark.parametrize("calibration", [None, Calibration(slope=0.5, offset=-1.0)])
def test_a_model_that_is_always_asked_and_alone_has_a_weight_decides_as_by_itself(scoring, calibration):
    alone = scoring.model_copy(update={"calibration": calibration})
    both = answers(in_cascade(alone, min_gain=0, **MODEL_ONLY))
    for own, found in zip(answers(alone), both, strict=True):
        assert probabilities(found) == pytest.approx(probabilities(own), abs=1e-6)
        rows = [replace(row, line_keep_probabilities=None) for row in without_opinions(found).rows]
        assert rows == [replace(row, line_keep_probabilities=None) for row in own.rows]


def test_a_model_that_is_never_asked_leaves_the_classifier_alone(scoring):
    found = answers(in_cascade(scoring, min_gain=1e9))
    for own, answer in zip(answers(classifier("chunk")), found, strict=True):
        assert probabilities(answer) == pytest.approx(probabilities(own), abs=1e-6)
        for row in answer.rows:
            assert row.prompt_tokens == 0
            assert row.classifier_keep_probabilities == row.line_keep_probabilities
    assert [row.skip_reason for row in found[3].rows] == ["blank"]
    assert len(found[4].rows) > 1


def test_of_both_opinions_comes_one_and_each_can_be_had_from_the_row(scoring):
    settings = CascadeSettings(classifier_weight=0.7, model_weight=0.3, offset=-0.2, min_gain=0)
    own, alone = answers(scoring), answers(classifier("chunk"))
    for model, first, both in zip(own, alone, answers(in_cascade(scoring, **settings.model_dump())), strict=True):
        pairs = list(zip(probabilities(first), probabilities(model), strict=True))
        assert probabilities(both) == pytest.approx([combined(*pair, settings) for pair in pairs], abs=1e-6)
        stated = [keep for row in both.rows for keep in row.classifier_keep_probabilities or ()]
        assert stated == pytest.approx(probabilities(first), abs=1e-6)
        shares = [model_share(one, two, settings) for one, two in zip(stated, probabilities(both), strict=True)]
        assert shares == pytest.approx(probabilities(model), abs=1e-6)


def test_the_more_an_answer_must_gain_the_fewer_chunks_are_asked_and_the_others_are_the_classifiers(scoring):
    asked = []
    for min_gain in (0, 0.001, 0.02, 0.1, 1, 1e9):
        rows = [row for answer in answers(in_cascade(scoring, min_gain=min_gain)) for row in answer.rows]
        asked.append({place for place, row in enumerate(rows) if row.prompt_tokens})
        for row in rows:
            if row.skip_reason is None and not row.prompt_tokens:
                assert row.line_keep_probabilities == row.classifier_keep_probabilities
    assert all(more >= fewer for more, fewer in pairwise(asked))
    assert len(set(map(len, asked))) > 3
    assert not asked[-1]


def test_a_model_that_writes_is_not_asked_where_the_classifier_is_sure_of_all(writing):
    texts = ["\n".join([PROSE] * 3), "\n".join([MENU] * 3), f"{PROSE}\n{MENU}"]
    rows = [
        row for answer in answers(in_cascade(writing, unsure_from=0.2, unsure_to=0.8), texts) for row in answer.rows
    ]
    kinds = {bool(row.prompt_tokens) for row in rows}
    assert kinds == {True, False}
    for row in rows:
        assert row.classifier_keep_probabilities is not None
        assert len(row.classifier_keep_probabilities) == row.line_end - row.line_start + 1
        if row.prompt_tokens:
            assert isinstance(row.program, str)
            assert row.line_keep_probabilities is None
            assert row.finish_reason in ("stop", "length")
        else:
            assert (row.program, row.finish_reason) == (None, "scored")
            assert row.line_keep_probabilities == row.classifier_keep_probabilities
    everything = answers(in_cascade(writing, unsure_from=0, unsure_to=1), texts)
    assert [without_opinions(answer) for answer in everything] == answers(writing, texts)


def test_where_the_classifier_abstains_the_model_is_asked_and_decides_alone(scoring):
    khmer = "ក្រុងភ្នំពេញ\nជារាជធានីនៃប្រទេសកម្ពុជា"
    [found] = answers(in_cascade(scoring, min_gain=1e9), [khmer])
    [own] = answers(scoring, [khmer])
    assert found == own
    assert found.rows[0].prompt_tokens > 0
    assert found.rows[0].classifier_keep_probabilities is None


def test_a_cascade_abstains_where_its_model_does(scoring):
    abstaining = in_cascade(scoring.model_copy(update={"trained_scripts": ("han",)}), min_gain=0)
    [found] = answers(abstaining, [PROSE])
    assert [(row.skip_reason, row.prompt_tokens) for row in found.rows] == [("outside_training", 0)]


def test_spans_are_asked_about_in_chunks_that_are_asked_about(scoring, inline_folder, inline_tokenizer):
    inline = scoring.model_copy(update={"model": str(inline_folder), "line_labels": INLINE_LABELS, "window": 400})
    text = f"{PROSE}\nRead more at https://example.org/a?utm=1 [3]"
    for min_gain, is_asked in ((0, True), (1e9, False)):
        maker = ChunkPromptMaker(in_cascade(inline, min_gain=min_gain), inline_tokenizer)
        [[made]] = maker.make([text])
        assert (made.is_asked, bool(made.questions), bool(made.planned.prompt_token_ids)) == (is_asked,) * 3


def test_opinions_come_from_prompt_processes_too(scoring):
    config = in_cascade(scoring, min_gain=0.02)
    texts = [text for text in TEXTS if text.strip()]
    folder = Path(str(config.model))
    with PromptProcesses(config, folder, 2, 60.0) as processes:
        made = list(processes.prompts([texts[:1], [], texts]))
    here = prompt_maker(config, load_tokenizer(folder))
    assert made == [here.make(texts[:1]), [], here.make(texts)]
    assert {chunk.is_asked for chunks in made[-1] for chunk in chunks} == {True, False}
    assert answers(config, processes=2) == answers(config)


def test_an_error_of_the_model_quarantines_the_document(scoring, line_labels_tokenizer):
    engine = ScriptedEngine(score=lambda asked: Score(asked.request_id, (), 9, error="boom"))
    config = in_cascade(scoring, min_gain=0)
    refiner = trained_chunks(config, ModelChunkRefiner(config, engine, line_labels_tokenizer))
    [answer] = refiner.write_programs([RefinerInput("a", PROSE)])
    assert answer.error == "chunk 0: boom"
    assert answer.rows[0].line_keep_probabilities is None
