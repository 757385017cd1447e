"""Abstaining: documents in scripts that a refiner was not trained on are kept as they are, with a reason.

A model trained on Latin letters deletes Khmer. Whole documents are set aside here, for refiners of every kind; chunks
of mixed documents are set aside where they are made (prompts/makers.py). Single lines are not: on pages in Latin
letters, 92 % of the labelled lines in another script are boilerplate, such as links to the page in other languages.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from prox_assets.programs.scripts import OUTSIDE_TRAINING, is_mostly_outside
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.protocol import (
    ChunkPrograms,
    ChunkRefiner,
    DocumentProgram,
    DocumentRefiner,
    RefinerInput,
)

ResultT = TypeVar("ResultT", DocumentProgram, ChunkPrograms)

# While a refiner waits for documents that it can judge, those set aside wait with it: this many at most.
MOST_ASIDE = 256


def abstaining_documents(config: RefinerConfig, refiner: DocumentRefiner) -> DocumentRefiner:
    """Return the document refiner with its abstentions; the same one if its configuration names no trained scripts."""
    return refiner if config.trained_scripts is None else _AbstainingDocuments(refiner, config.trained_scripts)


def abstaining_chunks(config: RefinerConfig, refiner: ChunkRefiner) -> ChunkRefiner:
    """Return the chunk refiner with its abstentions; the same one if its configuration names no trained scripts."""
    return refiner if config.trained_scripts is None else _AbstainingChunks(refiner, config.trained_scripts)


class _AbstainingDocuments:
    def __init__(self, refiner: DocumentRefiner, scripts: tuple[str, ...]) -> None:
        self._refiner = refiner
        self._scripts = scripts

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        return _with_abstentions(documents, self._scripts, self._refiner.write_programs, _no_decision)


class _AbstainingChunks:
    def __init__(self, refiner: ChunkRefiner, scripts: tuple[str, ...]) -> None:
        self._refiner = refiner
        self._scripts = scripts

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        return _with_abstentions(documents, self._scripts, self._refiner.write_programs, _no_edits)


def _no_decision(document: RefinerInput) -> DocumentProgram:
    return DocumentProgram(doc_id=document.doc_id, finish_reason="skipped", skip_reason=OUTSIDE_TRAINING)


def _no_edits(document: RefinerInput) -> ChunkPrograms:
    return ChunkPrograms.of_one_chunk(document, None, OUTSIDE_TRAINING)


def _with_abstentions(
    documents: Iterable[RefinerInput],
    scripts: tuple[str, ...],
    write_programs: Callable[[Iterable[RefinerInput]], Iterator[ResultT]],
    abstain: Callable[[RefinerInput], ResultT],
) -> Iterator[ResultT]:
    source = iter(documents)
    aside: deque[ResultT] = deque()

    def within(first: RefinerInput) -> Iterator[RefinerInput]:
        yield first
        for document in source:
            if not is_mostly_outside(document.text, scripts):
                yield document
                continue
            aside.append(abstain(document))
            if len(aside) == MOST_ASIDE:  # the refiner answers what it has, and is asked again with the rest
                return

    for document in source:
        if is_mostly_outside(document.text, scripts):
            yield abstain(document)
            continue
        for result in write_programs(within(document)):
            while aside:
                yield aside.popleft()
            yield result
        while aside:
            yield aside.popleft()
