"""The refiners of kind `classifier`: they score lines and documents without a language model."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np

from prox_assets.programs.scripts import OUTSIDE_TRAINING, is_mostly_outside
from prox_assets.refiners.classifier.document_model import DocumentModel
from prox_assets.refiners.classifier.line_model import LineModel, by_text
from prox_assets.refiners.classifier.lines import read_lines
from prox_assets.refiners.prompts.chunk_prompts import BLANK
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, DocumentProgram, RefinerInput

# Documents that are scored together: more use the same time each, and memory.
BATCH_DOCUMENTS = 64
BATCH_CHARACTERS = 1_000_000
# Shorter lines in a script of no training page are scored all the same: on pages in Latin letters, most of them are
# links to the page in other languages.
FOREIGN_PROSE_CHARACTERS = 80


class ClassifierChunkRefiner:
    """Scores the lines of documents.

    A document is one chunk, unless it has paragraphs in scripts that the classifier was not trained on: these are
    chunks of their own, and are skipped.

    Args:
        model: The line classifier.
        scripts: The scripts it was trained on; None for any.
    """

    def __init__(self, model: LineModel, scripts: Collection[str] | None = None) -> None:
        self._model = model
        self._scripts = scripts

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        """Yield the chunks of each document, in order."""
        for batch in batches(documents):
            lines = read_lines([document.text for document in batch])
            for document, scores in zip(batch, by_text(lines, self._model.scores(lines)), strict=True):
                yield self._chunks(document, scores)

    def _chunks(self, document: RefinerInput, scores: np.ndarray) -> ChunkPrograms:
        if not len(scores):
            return ChunkPrograms.of_one_chunk(document, None, BLANK)
        keep = _probability(scores).tolist()
        rows: list[ChunkProgramRow] = []
        for skipped, (start, end) in _runs(_foreign_prose(document.text, self._scripts)):
            row = ChunkProgramRow(
                chunk_index=len(rows),
                line_start=start,
                line_end=end,
                line_keep_probabilities=None if skipped else tuple(keep[start : end + 1]),
                finish_reason="skipped" if skipped else "scored",
                skip_reason=OUTSIDE_TRAINING if skipped else None,
            )
            rows.append(row)
        return ChunkPrograms(document.doc_id, tuple(rows))


def _foreign_prose(text: str, scripts: Collection[str] | None) -> list[bool]:
    """Tell of each line whether it is a paragraph in none of these scripts; blank lines follow the line before."""
    if scripts is None or text.isascii():
        return [False] * (text.count("\n") + 1)
    found: list[bool] = []
    for line in text.split("\n"):
        if line.strip():
            found.append(len(line) >= FOREIGN_PROSE_CHARACTERS and is_mostly_outside(line, scripts))
        else:
            found.append(bool(found) and found[-1])
    return found


def _runs(flags: Sequence[bool]) -> Iterator[tuple[bool, tuple[int, int]]]:
    """Yield each run of equal flags with its first and last place."""
    for flag, places in groupby(range(len(flags)), flags.__getitem__):
        first, *rest = places
        yield flag, (first, rest[-1] if rest else first)


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
                    yield DocumentProgram(doc_id=document.doc_id, finish_reason="skipped", skip_reason=BLANK)


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
