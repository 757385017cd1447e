"""Opens classifiers: from a folder to a refiner, and back."""

from collections.abc import Collection
from pathlib import Path

from prox_assets.refiners.classifier.document_model import DOCUMENT_SHAPES, DocumentModel
from prox_assets.refiners.classifier.document_words import WORD_SHAPES
from prox_assets.refiners.classifier.file import read_classifier, write_classifier
from prox_assets.refiners.classifier.line_model import LineModel
from prox_assets.refiners.classifier.linear import LINEAR_SHAPES
from prox_assets.refiners.classifier.refiner import ClassifierChunkRefiner, ClassifierDocumentRefiner


def open_chunk_classifier(folder: Path, scripts: Collection[str] | None = None) -> ClassifierChunkRefiner:
    """Return the chunk refiner in a folder.

    Args:
        folder: The folder.
        scripts: The scripts that it was trained on; None for any.

    Raises:
        RefinerError: The folder holds no line classifier, or a damaged one.
    """
    return ClassifierChunkRefiner(read_line_model(folder), scripts)


def open_document_classifier(folder: Path) -> ClassifierDocumentRefiner:
    """Return the document refiner in a folder; raises as `open_chunk_classifier`."""
    return ClassifierDocumentRefiner(read_document_model(folder))


def read_line_model(folder: Path) -> LineModel:
    """Return the line classifier in a folder, its trees ready; raises as `open_chunk_classifier`."""
    model = LineModel.of_arrays(*read_classifier(folder, LINEAR_SHAPES))
    _ = model.trees
    return model


def read_document_model(folder: Path) -> DocumentModel:
    """Return the document classifier in a folder, its trees ready; raises as `open_chunk_classifier`."""
    model = DocumentModel.of_arrays(*read_classifier(folder, {**LINEAR_SHAPES, **DOCUMENT_SHAPES}, WORD_SHAPES))
    _ = (model.trees, model.line_model.trees)
    return model


def write_line_model(model: LineModel, folder: Path) -> None:
    """Write a line classifier's file into a folder."""
    write_classifier(folder, model.arrays(), model.text)


def write_document_model(model: DocumentModel, folder: Path) -> None:
    """Write a document classifier's file into a folder."""
    write_classifier(folder, model.arrays(), model.both_trees)
