"""The classical line classifier, and targets softened by its probabilities."""

import random
from typing import Any

import pytest

from prox_assets.training.data.distillation import distil
from prox_assets.training.data.page_annotations import chunk_annotations
from prox_assets.training.fit.line_ensemble import FOLDS, LineEnsemble
from prox_assets.training.fit.line_features import hashed_features, number_features, present_lines
from prox_assets_tests.training.synthetic_pages import labelled_page, page


def rows(count: int) -> list[dict[str, Any]]:
    return [next(iter(chunk_annotations([labelled_page(**page(number))]))) for number in range(count)]


def accuracy(opinion: dict[int, float], labels: tuple[int, ...]) -> float:
    known = [number for number in opinion if labels[number] >= 0]
    return sum((opinion[number] >= 0.5) == (labels[number] == 1) for number in known) / len(known)


def test_it_learns_which_lines_stay_and_its_out_of_fold_opinions_are_of_other_sites():
    ensemble = LineEnsemble(trees=30)
    data = rows(60)
    opinions = ensemble.fit(data)
    unseen = labelled_page(**page(500))
    assert accuracy(ensemble.predict(unseen.text_full), unseen.keep_full) > 0.9
    assert accuracy(opinions[0], labelled_page(**page(0)).keep_full) > 0.8
    # A page with inverted labels affects the classifiers of other folds, never those that judge the page itself.
    wrong = {**data[0], "line_targets": [1 - target for target in data[0]["line_targets"]]}
    again = LineEnsemble(trees=30).fit([wrong, *data[1:]])
    assert accuracy(again[0], labelled_page(**page(0)).keep_full) > 0.8


def test_blank_texts_have_no_opinion_and_fewer_sites_than_folds_are_enough():
    blank = {"text": " \n", "site": "blank.example", "line_targets": [0.0, 0.0], "line_weights": [0.1, 0.1]}
    data = [*rows(FOLDS * 4), blank]
    ensemble = LineEnsemble(trees=30)
    assert ensemble.fit(data)[-1] == {}
    assert ensemble.predict("\n\n") == {}


def test_features_say_where_a_line_is_and_how_often_it_comes_again():
    numbers, lines = present_lines("Menu\n\nA sentence, with a comma.\nMenu")
    assert numbers == [0, 2, 3]
    found = number_features(lines, numbers, 4)
    assert found[:, 1].tolist() == [1, 5, 1]
    assert found[:, 10].tolist() == [2, 1, 2]
    assert len(hashed_features(lines, numbers, 4).indptr) == 3 + 1


class Opinion(LineEnsemble):
    """An ensemble that gives every line a P(keep) of 0.25."""

    def fit(self, rows):
        return [dict.fromkeys(present_lines(row["text"])[0], 0.25) for row in rows]


def test_distilled_targets_mix_labels_with_opinions_and_fill_in_what_has_no_label():
    annotated = [
        {"doc_id": "a#text_full", "site": "a", "split": "train", "text": "kept\n\nnobody knows"},
        {"doc_id": "a#gold", "site": "a", "split": "train", "text": "kept"},
        {"doc_id": "b#text_full", "site": "b", "split": "validation", "text": "kept"},
    ]
    for row in annotated:
        count = row["text"].count("\n") + 1
        row |= {"line_targets": [1.0, 1.0, 0.0][:count], "line_weights": [1.0, 0.1, 0.0][:count]}
    distil(annotated, 0.4, Opinion())
    assert annotated[0]["distilled_targets"] == pytest.approx([0.7, 0.7, 0.25])
    assert annotated[0]["distilled_weights"] == [1.0, 0.1, 0.5]
    assert "distilled_targets" not in annotated[1]
    assert "distilled_targets" not in annotated[2]


def test_equal_seeds_give_equal_opinions():
    data = rows(20)
    random.Random(1).shuffle(data)
    assert LineEnsemble(3, trees=10).fit(data)[0] == LineEnsemble(3, trees=10).fit(data)[0]
