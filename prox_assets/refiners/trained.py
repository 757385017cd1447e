"""What a refiner keeps from its training: the scripts that it abstains from, and how sure it should be.

Documents in scripts that it was not trained on are kept as they are, with a reason: a model trained on Latin letters
deletes Khmer. Whole documents are set aside here, for refiners of every kind; chunks of mixed documents are set aside
where they are made (prompts/makers.py, classifier/refiner.py). Short lines are not: on pages in Latin letters, 92 % of
the labelled lines in another script are boilerplate, such as links to the page in other languages.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from prox_assets.programs.scripts import OUTSIDE_TRAINING, is_mostly_outside
from prox_assets.refiners.calibration import Calibration, calibrated_chunks, calibrated_documents
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


def trained_documents(config: RefinerConfig, refiner: DocumentRefiner) -> DocumentRefiner:
    """Return the document refiner with its abstentions and its calibration; the same one if it has neither."""
    return refiner if _has_neither(config) else _TrainedDocuments(config, refiner)


def trained_chunks(config: RefinerConfig, refiner: ChunkRefiner) -> ChunkRefiner:
    """Return the chunk refiner with its abstentions and its calibration; the same one if it has neither."""
    return refiner if _has_neither(config) else _TrainedChunks(config, refiner)


def _has_neither(config: RefinerConfig) -> bool:
    return config.trained_scripts is None and _calibration(config) is None


def _calibration(config: RefinerConfig) -> Calibration | None:
    """Return the calibration of answers; a cascade has corrected its model's when it combined them."""
    return None if config.kind == "cascade" else config.calibration


class _TrainedDocuments:
    def __init__(self, config: RefinerConfig, refiner: DocumentRefiner) -> None:
        self._config = config
        self._refiner = refiner

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        return _with_abstentions(documents, self._config.trained_scripts, self._ask, _no_decision)

    def _ask(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        return calibrated_documents(self._refiner.write_programs(documents), _calibration(self._config))


class _TrainedChunks:
    def __init__(self, config: RefinerConfig, refiner: ChunkRefiner) -> None:
        self._config = config
        self._refiner = refiner

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        return _with_abstentions(documents, self._config.trained_scripts, self._ask, _no_edits)

    def _ask(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        return calibrated_chunks(self._refiner.write_programs(documents), _calibration(self._config))


def _no_decision(document: RefinerInput) -> DocumentProgram:
    return DocumentProgram(doc_id=document.doc_id, finish_reason="skipped", skip_reason=OUTSIDE_TRAINING)


def _no_edits(document: RefinerInput) -> ChunkPrograms:
    return ChunkPrograms.of_one_chunk(document, None, OUTSIDE_TRAINING)


def _with_abstentions(
    documents: Iterable[RefinerInput],
    scripts: tuple[str, ...] | None,
    write_programs: Callable[[Iterable[RefinerInput]], Iterator[ResultT]],
    abstain: Callable[[RefinerInput], ResultT],
) -> Iterator[ResultT]:
    if scripts is None:
        yield from write_programs(documents)
        return
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
