"""Cascades of document refiners."""

from dataclasses import replace

import pytest

from prox_assets.refiners.cascade.combining import combined
from prox_assets.refiners.cascade.settings import CascadeSettings
from prox_assets_tests.refiners.cascade.conftest import PROSE, TEXTS, answers, classifier, in_cascade


def keeps(found):
    return [answer.keep_probability for answer in found]


def test_asked_about_every_document_and_alone_weighted_the_model_decides_as_by_itself(judging):
    found = answers(in_cascade(judging, unsure_from=0, unsure_to=1, classifier_weight=0, model_weight=1))
    own = answers(judging)
    assert keeps(found) == pytest.approx(keeps(own), abs=1e-6)
    blank = {"classifier_keep_probability": None, "keep_probability": None}
    assert [replace(one, **blank) for one in found] == [replace(one, **blank) for one in own]


def test_what_the_classifier_is_sure_of_is_not_asked_and_the_rest_is_combined(judging):
    first, own = answers(classifier("doc")), answers(judging)
    low, middle, high = sorted(one.keep_probability for one in first if one.keep_probability is not None)[:3]
    settings = CascadeSettings(unsure_from=(low + middle) / 2, unsure_to=(middle + high) / 2)
    found = answers(in_cascade(judging, **settings.model_dump()))
    asked = [bool(one.prompt_tokens) for one in found]
    assert sum(asked) == 1
    for one, two, both, is_asked in zip(first, own, found, asked, strict=True):
        if one.keep_probability is None:
            assert (both.skip_reason, both.classifier_keep_probability) == ("blank", None)
            continue
        alone = pytest.approx(one.keep_probability, abs=1e-6)
        assert both.classifier_keep_probability == alone
        together = combined(one.keep_probability, two.keep_probability, settings)
        assert both.keep_probability == (pytest.approx(together, abs=1e-6) if is_asked else alone)
        assert both.finish_reason == "scored"


def test_a_model_that_writes_decides_where_it_is_asked(writing):
    settings = {"level": "doc", "decoding": "complete", "window": 600}
    writer = writing.model_validate({**writing.model_dump(), **settings})
    asked = answers(in_cascade(writer, unsure_from=0, unsure_to=1))
    assert [replace(one, classifier_keep_probability=None) for one in asked] == answers(writer)
    [alone] = answers(in_cascade(writer, unsure_from=0.5, unsure_to=0.5), [PROSE])
    assert (alone.program, alone.prompt_tokens) == (None, 0)
    assert alone.keep_probability == alone.classifier_keep_probability


def test_where_the_classifier_abstains_the_model_decides(judging):
    khmer = "ក្រុងភ្នំពេញ\nជារាជធានីនៃប្រទេសកម្ពុជា"
    assert answers(in_cascade(judging, unsure_from=0.5, unsure_to=0.5), [khmer]) == answers(judging, [khmer])


def test_documents_are_the_same_with_prompt_processes(judging):
    config = in_cascade(judging, unsure_from=0.3)
    assert answers(config, TEXTS, processes=2) == answers(config)
