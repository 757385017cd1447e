"""What the document classifier knows of a document's words, and files from before it knew any."""

import math
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from prox_assets.refiners.classifier.document_features import document_features
from prox_assets.refiners.classifier.document_words import WORD_SHAPES, document_words
from prox_assets.refiners.classifier.file import write_classifier
from prox_assets.refiners.classifier.lines import read_lines
from prox_assets.refiners.classifier.open import read_document_model, write_document_model
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import CLASSIFIER_FILE
from prox_assets.training.classifier.recipe import ClassifierRecipe
from prox_assets.training.classifier.trees import fit_trees
from prox_assets_tests.training.synthetic_pages import page

TEXTS = ["404\nPage not found", "", "Page found.\nThe page was not found, not here.", "春天 山路"]


def words_of(texts):
    lines = read_lines(texts)
    return document_words(lines, np.ones(len(lines)))


def test_lines_that_are_hardly_content_do_not_count_unless_no_line_is():
    lines = read_lines(["Accept cookies\nA sentence", "Accept cookies\nGo on"])
    found = document_words(lines, np.array([0.1, 0.9, 0.1, 0.1]))
    assert found.getnnz(axis=1).tolist() == [2 + 1, 4 + 2]


def test_a_word_counts_once_however_often_it_occurs_and_pairs_do_not_cross_lines():
    matrix = words_of(TEXTS)
    # Different words, then different pairs of neighbours in a line; a letter of a script without spaces is a word.
    expected = [(4, 2), (0, 0), (6, 7), (4, 3)]
    words = WORD_SHAPES["document_words"][0] // 2
    for row, (different, pairs) in zip(matrix.toarray(), expected, strict=True):
        for part, count in ((row[:words], different), (row[words:], pairs)):
            assert np.count_nonzero(part) == count
            assert part.max() == pytest.approx(1 / math.sqrt(count + 1) if count else 0)


def test_what_a_document_has_does_not_depend_on_its_batch():
    together = words_of(TEXTS).toarray()
    for row, text in zip(together, TEXTS, strict=True):
        assert (row == words_of([text]).toarray()[0]).all()


def test_words_of_error_pages_speak_against_a_document(document_model):
    bad, good = words_of(["Page not found", page(300)["gold"]])
    assert document_model.words.scores(bad)[0] < 0 < document_model.words.scores(good)[0]


def test_a_file_of_an_earlier_release_has_no_words_and_its_trees_do_not_see_any(tmp_path, document_model):
    texts = [page(number)["text_full"] for number in range(200, 260)]
    lines = read_lines(texts)
    keep = 1 / (1 + np.exp(-document_model.line_model.scores(lines)))
    features = document_features(lines, keep, document_model.common_grams.astype(np.float16).astype(np.float32))
    targets = np.arange(len(texts), dtype=np.float32) % 2
    trees = fit_trees(features, targets, np.ones(len(texts)), ClassifierRecipe(trees=10, leaf_examples=5))
    old = replace(document_model, words=None, text=trees)
    write_document_model(old, tmp_path)
    assert not WORD_SHAPES.keys() & load_file(tmp_path / CLASSIFIER_FILE).keys()
    stored = read_document_model(tmp_path)
    assert stored.words is None
    assert stored.scores(lines) == pytest.approx(old.scores(lines), abs=0.1)


def test_a_file_with_only_some_of_the_arrays_is_refused(tmp_path, document_model):
    arrays = document_model.arrays()
    arrays.pop("document_bias")
    write_classifier(tmp_path, arrays, document_model.both_trees)
    with pytest.raises(RefinerError, match="other arrays"):
        read_document_model(tmp_path)
