"""Line classifiers fitted on synthetic pages, their opinions out of fold, and targets softened by them."""

import random
from typing import Any

import pytest

from prox_assets.refiners.classifier.line_model import by_text
from prox_assets.refiners.classifier.lines import read_lines
from prox_assets.refiners.errors import RefinerError
from prox_assets.training.classifier.documents import (
    DROP_WEIGHT,
    SHORT_WEIGHT,
    VARIED_PARAGRAPH_WEIGHT,
    weights,
)
from prox_assets.training.classifier.examples import FOLDS
from prox_assets.training.classifier.fit import fit_lines, out_of_fold
from prox_assets.training.classifier.recipe import ClassifierRecipe
from prox_assets.training.classifier.steps import Steps
from prox_assets.training.data.page_annotations import chunk_annotations
from prox_assets.training.data.targets.distillation import distil
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


def test_opinions_out_of_fold_are_of_classifiers_that_do_not_know_the_site():
    data = rows(60)
    labels = labelled_page(**page(0)).keep_full
    assert accuracy(out_of_fold(data, SMALL)[0], labels) > 0.8
    # A page with inverted labels affects the classifiers of other folds, never those that judge the page itself.
    wrong = {**data[0], "line_targets": [1 - target for target in data[0]["line_targets"]]}
    assert accuracy(out_of_fold([wrong, *data[1:]], SMALL)[0], labels) > 0.8


def test_blank_texts_have_no_opinion_and_equal_examples_give_equal_opinions():
    blank = {"doc_id": "blank#text_full", "text": " \n", "site": "blank.example"}
    blank |= {"line_targets": [0.0, 0.0], "line_weights": [0.1, 0.1]}
    data = [*rows(FOLDS * 4), blank]
    random.Random(1).shuffle(data)
    found = out_of_fold(data, SMALL)
    assert found[data.index(blank)] == {}
    assert found == out_of_fold(data, SMALL)


def test_pages_whose_labels_are_all_alike_teach_nothing():
    kept = [{**row, "line_targets": [1.0] * len(row["line_targets"])} for row in rows(10)]
    with pytest.raises(RefinerError, match="too few labelled pages"):
        out_of_fold(kept, SMALL)


def test_a_second_run_takes_the_finished_steps_of_a_killed_one(tmp_path):
    data = rows(40)
    whole = fit_lines(data, SMALL, Steps(tmp_path, 12)).model.text
    first = (tmp_path / "linear-0.npz").stat().st_mtime_ns
    (tmp_path / "trees-None.txt").unlink()
    done: list[tuple[int, int]] = []
    assert fit_lines(data, SMALL, Steps(tmp_path, 12, lambda *step: done.append(step))).model.text == whole
    assert done == [(step, 12) for step in range(1, 13)]
    assert (tmp_path / "linear-0.npz").stat().st_mtime_ns == first


def test_distilled_targets_mix_labels_with_opinions_and_fill_in_what_has_no_label():
    annotated = [
        {"doc_id": "a#text_full", "site": "a", "split": "train", "text": "kept\n\nnobody knows"},
        {"doc_id": "a#gold", "site": "a", "split": "train", "text": "kept"},
        {"doc_id": "b#text_full", "site": "b", "split": "validation", "text": "kept"},
    ]
    for row in annotated:
        count = row["text"].count("\n") + 1
        row |= {"line_targets": [1.0, 1.0, 0.0][:count], "line_weights": [1.0, 0.1, 0.0][:count]}
    distil(annotated, 0.4, lambda shown: [{0: 0.25, 2: 0.25} for _ in shown])
    assert annotated[0]["distilled_targets"] == pytest.approx([0.7, 0.7, 0.25])
    assert annotated[0]["distilled_weights"] == [1.0, 0.1, 0.5]
    assert "distilled_targets" not in annotated[1]
    assert "distilled_targets" not in annotated[2]


def test_documents_to_keep_and_to_drop_weigh_what_they_should_together_and_short_texts_less() -> None:
    def row(name: str, page_type: str, keep: float) -> dict[str, Any]:
        return {"doc_id": f"set/page#{name}", "page_type": page_type, "keep_target": keep}

    rows = [
        row("text_full", "article", 1.0),
        row("short0", "article", 1.0),
        row("short-verse1", "forum", 1.0),
        row("paragraph0", "article", 1.0),
        row("paragraph1", "product", 1.0),
        row("wall", "wall", 0.0),
        row("text_full", "listing", 0.1),
    ]
    found = weights(rows)
    assert found[5:].sum() == pytest.approx(DROP_WEIGHT)
    assert found[:5].sum() == pytest.approx(1 - DROP_WEIGHT)
    assert (found[:5] / found[0]).tolist() == pytest.approx([1, SHORT_WEIGHT, SHORT_WEIGHT, 1, VARIED_PARAGRAPH_WEIGHT])
