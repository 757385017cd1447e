"""Line classifiers fitted on synthetic pages: of all pages, and of each fold of sites."""

from typing import Any

import pytest

from prox_assets.refiners.classifier.line_model import by_text
from prox_assets.refiners.classifier.lines import read_lines
from prox_assets.refiners.errors import RefinerError
from prox_assets.training.classifier.examples import FOLDS, line_examples
from prox_assets.training.classifier.fit import fit_lines
from prox_assets.training.classifier.recipe import ClassifierRecipe
from prox_assets.training.classifier.steps import Steps
from prox_assets.training.data.page_annotations import chunk_annotations
from prox_assets_tests.training.synthetic_pages import labelled_page, page

SMALL = ClassifierRecipe(iterations=15, trees=30, leaf_examples=10)


def rows(count: int) -> list[dict[str, Any]]:
    return [next(iter(chunk_annotations([labelled_page(**page(number))]))) for number in range(count)]


def accuracy(opinion: dict[int, float], labels: tuple[int, ...]) -> float:
    known = [number for number in opinion if labels[number] >= 0]
    return sum((opinion[number] >= 0.5) == (labels[number] == 1) for number in known) / len(known)


def test_it_learns_which_lines_stay_on_pages_that_it_has_not_seen():
    model = fit_lines(rows(60), SMALL, Steps()).model
    unseen = labelled_page(**page(500))
    lines = read_lines([unseen.text_full])
    [scores] = by_text(lines, model.scores(lines))
    keep = {number: float(score > 0) for number, score in enumerate(scores) if unseen.text_full.split("\n")[number]}
    assert accuracy(keep, unseen.keep_full) > 0.9


def opinion_on_the_first(data: list[dict[str, Any]]) -> dict[int, float]:
    """What the classifier that does not know the first row's site says of its lines."""
    examples = line_examples(data)
    model = fit_lines(data, SMALL, Steps()).folds[examples.folds[examples.lines.begins[0]]]
    lines = read_lines([data[0]["text"]])
    [scores] = by_text(lines, model.scores(lines))
    return {number: float(score > 0) for number, score in enumerate(scores) if data[0]["text"].split("\n")[number]}


def test_a_classifier_of_a_fold_does_not_know_the_sites_held_out():
    data = rows(60)
    labels = labelled_page(**page(0)).keep_full
    assert accuracy(opinion_on_the_first(data), labels) > 0.8
    # A page with inverted labels affects the classifiers of other folds, never those that judge the page itself.
    wrong = {**data[0], "line_targets": [1 - target for target in data[0]["line_targets"]]}
    assert accuracy(opinion_on_the_first([wrong, *data[1:]]), labels) > 0.8


def test_a_blank_text_teaches_nothing_and_equal_examples_give_equal_classifiers():
    blank = {"doc_id": "blank#text_full", "text": " \n", "site": "blank.example"}
    blank |= {"line_targets": [0.0, 0.0], "line_weights": [0.1, 0.1]}
    data = rows(FOLDS * 4)
    first, second, with_blank = (fit_lines(which, SMALL, Steps()).model.text for which in (data, data, [*data, blank]))
    assert first == second == with_blank


def test_pages_whose_labels_are_all_alike_teach_nothing():
    kept = [{**row, "line_targets": [1.0] * len(row["line_targets"])} for row in rows(10)]
    with pytest.raises(RefinerError, match="too few labelled pages"):
        fit_lines(kept, SMALL, Steps())


def test_a_second_run_takes_the_finished_steps_of_a_killed_one(tmp_path):
    data = rows(40)
    whole = fit_lines(data, SMALL, Steps(tmp_path, 12)).model.text
    first = (tmp_path / "linear-0.npz").stat().st_mtime_ns
    (tmp_path / "trees-None.txt").unlink()
    done: list[tuple[int, int]] = []
    assert fit_lines(data, SMALL, Steps(tmp_path, 12, lambda *step: done.append(step))).model.text == whole
    assert done == [(step, 12) for step in range(1, 13)]
    assert (tmp_path / "linear-0.npz").stat().st_mtime_ns == first
