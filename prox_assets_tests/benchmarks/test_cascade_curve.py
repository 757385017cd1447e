"""The curve's simulation, against the cascade that it simulates."""

import pytest

from benchmarks.cascade_curve import Answers, by_gain, simulate
from prox_assets.refiners.cascade.settings import CascadeSettings
from prox_assets.refiners.config import RefinerConfig
from prox_assets_tests.refiners.cascade.conftest import MENU, PROSE, UNPROBED, answers, classifier, in_cascade
from prox_assets_tests.refiners.conftest import LINE_LABELS, make_line_labels_llama
from prox_assets_tests.training.synthetic_pages import labelled_page

TEXTS = ["\n".join([PROSE, MENU] * 4), f"{MENU}\n\n{PROSE}", PROSE]


@pytest.mark.parametrize("min_gain", [0.0, 0.02, 1e9])
def test_simulated_answers_are_those_of_the_cascade(min_gain, tmp_path):
    labels = {"dialect": "line-labels", "line_labels": LINE_LABELS, **UNPROBED}
    model = make_line_labels_llama(tmp_path, LINE_LABELS)
    config = RefinerConfig.model_validate({"name": "m", "level": "chunk", "model": str(model), **labels})
    settings = CascadeSettings(min_gain=min_gain, offset=0.1)
    pages = [labelled_page(text_full=text, keep_full=[1] * (text.count("\n") + 1)) for text in TEXTS]
    found = Answers(pages, answers(config, TEXTS), answers(classifier("chunk"), TEXTS), 1.0, 1.0)
    simulated = simulate(found, "text_full", by_gain(min_gain, settings.spread), settings)
    real = answers(in_cascade(config, **settings.model_dump()), TEXTS)
    for one, other in zip(simulated, real, strict=True):
        assert [row.prompt_tokens for row in one.rows] == [row.prompt_tokens for row in other.rows]
        for row, true in zip(one.rows, other.rows, strict=True):
            assert row.line_keep_probabilities == pytest.approx(true.line_keep_probabilities, abs=1e-6)
