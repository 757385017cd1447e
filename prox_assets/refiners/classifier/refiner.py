"""The refiners of kind `classifier`: they score lines and documents without a language model."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from prox_assets.refiners.classifier.document_model import DocumentModel
from prox_assets.refiners.classifier.line_model import LineModel, by_text
from prox_assets.refiners.classifier.lines import read_lines
from prox_assets.refiners.prompts.chunk_prompts import BLANK
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, DocumentProgram, RefinerInput

# Documents that are scored together: more use the same time each, and memory.
BATCH_DOCUMENTS = 64
BATCH_CHARACTERS = 1_000_000


class ClassifierChunkRefiner:
    """Scores the lines of documents, each taken as one chunk."""

    def __init__(self, model: LineModel) -> None:
        self._model = model

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        """Yield the single chunk of each document, in order."""
        for batch in batches(documents):
            lines = read_lines([document.text for document in batch])
            for document, scores in zip(batch, by_text(lines, self._model.scores(lines)), strict=True):
                yield _chunk(document, scores)


def _chunk(document: RefinerInput, scores: np.ndarray) -> ChunkPrograms:
    if not len(scores):
        return ChunkPrograms.of_one_chunk(document, None, BLANK)
    row = ChunkProgramRow(
        chunk_index=0,
        line_start=0,
        line_end=document.text.count("\n"),
        line_keep_probabilities=tuple(_probability(scores).tolist()),
        finish_reason="scored",
    )
    return ChunkPrograms(document.doc_id, (row,))


class ClassifierDocumentRefiner:
    """Scores whole documents."""

    def __init__(self, model: DocumentModel) -> None:
        self._model = model

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        """Yield one result per document, in order."""
        for batch in batches(documents):
            lines = read_lines([document.text for document in batch])
            keep = _probability(self._model.scores(lines)).tolist()
            filled = (lines.ends > lines.begins).tolist()
            for document, probability, has_text in zip(batch, keep, filled, strict=True):
                if has_text:
                    yield DocumentProgram(doc_id=document.doc_id, keep_probability=probability, finish_reason="scored")
                else:
                    yield DocumentProgram(doc_id=document.doc_id, finish_reason="skipped")


def batches(documents: Iterable[RefinerInput]) -> Iterator[Sequence[RefinerInput]]:
    """Yield documents in batches of bounded size; a document longer than the bound comes alone."""
    batch: list[RefinerInput] = []
    characters = 0
    for document in documents:
        if batch and (len(batch) == BATCH_DOCUMENTS or characters + len(document.text) > BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(document)
        characters += len(document.text)
    if batch:
        yield batch


def _probability(scores: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-scores))
