"""Classifiers fitted once on synthetic pages."""

import pytest

from prox_assets.refiners.classifier.document_model import DocumentModel
from prox_assets.refiners.classifier.line_model import LineModel
from prox_assets.training.classifier.documents import fit_documents
from prox_assets.training.classifier.fit import FittedLines, fit_lines
from prox_assets.training.classifier.recipe import ClassifierRecipe
from prox_assets.training.classifier.steps import Steps
from prox_assets.training.data.page_annotations import chunk_annotations, document_annotations
from prox_assets_tests.training.synthetic_pages import labelled_page, page

SMALL = ClassifierRecipe(iterations=15, trees=30, leaf_examples=10)
PAGES = 40


@pytest.fixture(scope="session")
def fitted() -> FittedLines:
    pages = [labelled_page(**page(number)) for number in range(PAGES)]
    return fit_lines(list(chunk_annotations(pages)), SMALL, Steps())


@pytest.fixture(scope="session")
def line_model(fitted: FittedLines) -> LineModel:
    return fitted.model


@pytest.fixture(scope="session")
def document_model(fitted: FittedLines) -> DocumentModel:
    pages = [labelled_page(**page(number)) for number in range(PAGES)]
    return fit_documents(list(document_annotations(pages, 0)), fitted.model, fitted.folds, SMALL, Steps())
