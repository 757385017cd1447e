"""Deterministic refiners: what they answer, how late, in which order and with which errors is up to the test.

They append every document that they are asked about to a log, so that requests can be counted across processes.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, DocumentProgram, RefinerInput
from prox_assets.refiners.session import RefinerSession


@dataclass
class Fake:
    """What both fakes share.

    Attributes:
        log: File that a line per request is appended to.
        delay: Seconds per document.
        look_ahead: Documents pulled before the first is answered; answers come back in reverse order.
        error: Given the text, says why the request fails, or None.
        requests: Doc ids asked in this process.
    """

    log: Path | None = None
    delay: float = 0.0
    look_ahead: int = 1
    error: Callable[[str], str | None] = lambda text: None
    requests: list[str] = field(default_factory=list)

    def answered(self, documents: Iterable[RefinerInput]) -> Iterator[RefinerInput]:
        source = iter(documents)
        while batch := list(islice(source, self.look_ahead)):
            for document in reversed(batch):
                self.requests.append(document.doc_id)
                if self.log is not None:
                    with self.log.open("a") as log:
                        log.write(f"{document.doc_id}\n")
                time.sleep(self.delay)
                yield document


@dataclass
class FakeDocuments(Fake):
    """Scores with `probability`, or answers `program` where there is none."""

    program: Callable[[str], str] = lambda text: "keep_doc()"
    probability: Callable[[str], float] | None = None

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        for document in self.answered(documents):
            error = self.error(document.text)
            scored = self.probability is not None
            yield DocumentProgram(
                doc_id=document.doc_id,
                program=None if error or scored else self.program(document.text),
                keep_probability=self.probability(document.text) if self.probability and not error else None,
                prompt_tokens=len(document.text),
                completion_tokens=3,
                truncated=False,
                finish_reason="error" if error else "scored" if scored else "stop",
                error=error,
            )


@dataclass
class FakeChunks(Fake):
    """Takes a document as one chunk; scores its lines with `line_probabilities`, or answers `program`.

    Where lines are scored, `calls` is the program for their insides.
    """

    program: Callable[[str], str | None] = lambda text: "keep_chunk()"
    line_probabilities: Callable[[str], tuple[float, ...]] | None = None
    calls: Callable[[str], str | None] = lambda text: None
    finish_reason: str = "stop"

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        for document in self.answered(documents):
            error = self.error(document.text)
            scores = self.line_probabilities
            row = ChunkProgramRow(
                chunk_index=0,
                line_start=0,
                line_end=document.text.count("\n"),
                program=self.calls(document.text) if scores else self.program(document.text),
                line_keep_probabilities=scores(document.text) if scores else None,
                prompt_tokens=len(document.text),
                completion_tokens=5,
                finish_reason=self.finish_reason,
            )
            yield ChunkPrograms(document.doc_id, () if error else (row,), error)


class FakeSession(RefinerSession):
    """A session whose refiner is given; counts how often it was wanted, since that is when a model would be loaded."""

    def __init__(self, level: Any, refiner: Any, fingerprint: str = "fake", load_seconds: float = 0.0) -> None:
        super().__init__(None, level, TransformersEngineConfig())
        self._fake = refiner
        self._fake_fingerprint = fingerprint
        self._load_seconds = load_seconds
        self.opened = 0
        self.closed = 0

    @cached_property
    def fingerprint(self) -> str:
        return self._fake_fingerprint

    def document_refiner(self) -> FakeDocuments:
        self.opened += 1
        time.sleep(self._load_seconds)
        return self._fake

    def chunk_refiner(self) -> FakeChunks:
        self.opened += 1
        return self._fake

    def close(self) -> None:
        self.closed += 1
