"""The simulated refiner of `drift_simulation`, and its injectable faults.

It answers with probabilities and with ProX programs, which the real executor runs. Two byte-pair encodings are trained
on the simulated text: one is normally in use, and one fault silently replaces it with the other.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchmarks.support.drift_world import COMMON, SimulatedPage, sentence
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, DocumentProgram, RefinerInput
from prox_assets.refiners.session import RefinerSession

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CHUNK_LINES = 40
PROMPT_TOKENS = 30  # tokens of the prompt around the lines
VOCABULARY_IN_USE = 6_000
VOCABULARY_AFTER = 3_000
TRAINING_SENTENCES = 6_000
_WORD = re.compile(r"\w+|[^\w\s]+")


@dataclass(frozen=True)
class RefinerFault:
    """How the refiner is broken; by default, not at all.

    Attributes:
        no_op: Share of chunks answered with keep_chunk().
        drop_logit: Subtracted from the logit of every document.
        content_removed: Additional share of content lines removed.
        truncated: Share of chunk answers cut off.
        tokenizer: Whether the other tokenizer is in use.
    """

    no_op: float = 0.0
    drop_logit: float = 0.0
    content_removed: float = 0.0
    truncated: float = 0.0
    tokenizer: bool = False


NO_FAULT = RefinerFault()


@cache
def _encoding(size: int) -> "Tokenizer":
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    rng = np.random.default_rng(7)
    texts = (
        " ".join(sentence(rng, language, 20)) + "."
        for _ in range(TRAINING_SENTENCES)
        for language in rng.choice(list(COMMON), 1, p=[0.6, 0.12, 0.12, 0.1, 0.06])
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False),
    )
    return tokenizer


class WordTokens(dict[str, int]):
    """A cache of token counts by word, because a year repeats the same words."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def __missing__(self, word: str) -> int:
        """Count the tokens of a new word."""
        self[word] = len(_encoding(self._size).encode(f" {word}").ids)
        return self[word]


IN_USE, AFTER = WordTokens(VOCABULARY_IN_USE), WordTokens(VOCABULARY_AFTER)


def count_tokens(text: str, other: bool = False) -> int:
    """Return the tokens of a text: those of its words, and one per line break."""
    words = AFTER if other else IN_USE
    return sum(map(words.__getitem__, _WORD.findall(text))) + text.count("\n") + 1


class SimulatedRefiner:
    """A refiner for the pages of one week, at both levels.

    Without a fault, it keeps pages by quality and removes nine tenths of the boilerplate, two thirds of the noise and
    one content line in a hundred. It writes a wrong line number in one chunk of 300, and is cut off in one of 400.
    """

    def __init__(self, pages: Iterable[SimulatedPage], fault: RefinerFault, scored: bool, seed: list[int]) -> None:
        self._pages = {page.text: page for page in pages}
        self._fault = fault
        self._scored = scored
        self._rng = np.random.default_rng(seed)
        self._skill = 1 + self._rng.normal(0, 0.01)  # varies by week, as with batches, temperature and topics

    def decide(self, document: RefinerInput) -> DocumentProgram:
        """Decide whether to keep a document."""
        page = self._pages[document.text]
        logit = page.logit - self._fault.drop_logit
        keep = 1 / (1 + math.exp(-logit))
        head = document.text[:6_000]
        return DocumentProgram(
            doc_id=document.doc_id,
            program=None if self._scored else "keep_doc()" if keep >= 0.5 else "drop_doc()",
            keep_probability=keep if self._scored else None,
            prompt_tokens=PROMPT_TOKENS + count_tokens(head, self._fault.tokenizer),
            completion_tokens=0 if self._scored else 4,
            truncated=len(head) < len(document.text),
            finish_reason="scored" if self._scored else "stop",
        )

    def edit(self, document: RefinerInput) -> ChunkPrograms:
        """Write a program for each chunk of a document."""
        page = self._pages[document.text]
        lines = document.text.split("\n")
        rows = []
        for index, start in enumerate(range(0, len(lines), CHUNK_LINES)):
            end = min(start + CHUNK_LINES, len(lines)) - 1
            program, finish = self._program(page, start, end)
            tokens = count_tokens("\n".join(lines[start : end + 1]), self._fault.tokenizer)
            rows.append(
                ChunkProgramRow(
                    chunk_index=index,
                    line_start=start,
                    line_end=end,
                    program=program,
                    line_keep_probabilities=None,
                    prompt_tokens=PROMPT_TOKENS + tokens + 3 * (end - start + 1),
                    completion_tokens=len(program) // 4,
                    finish_reason=finish,
                )
            )
        return ChunkPrograms(document.doc_id, tuple(rows))

    def _program(self, page: SimulatedPage, start: int, end: int) -> tuple[str, Literal["stop", "length"]]:
        rng, fault = self._rng, self._fault
        if fault.no_op and rng.random() < fault.no_op:
            return "keep_chunk()", "stop"
        remove = {"b": 0.93 * self._skill, "n": 0.67 * self._skill, "c": 0.01 + fault.content_removed}
        draws = rng.random(end - start + 1)
        gone = [
            start + offset
            for offset, (kind, known) in enumerate(
                zip(page.kinds[start : end + 1], page.known[start : end + 1], strict=True)
            )
            if draws[offset] < (remove[kind] if known else 0.02)
        ]
        calls = [f"remove_lines({first}, {last})" for first, last in _runs(gone)]
        if rng.random() < 1 / 300:
            calls.append(f"remove_lines({end + 1}, {end + 7})")
        program = "\n".join(calls) or "keep_chunk()"
        if rng.random() < 1 / 400 + fault.truncated:
            return program[: max(1, len(program) * 2 // 3)], "length"
        return program, "stop"


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last number of each run of consecutive numbers."""
    for _, group in groupby(enumerate(numbers), key=lambda item: item[1] - item[0]):
        run = [number for _, number in group]
        yield run[0], run[-1]


@dataclass
class Documents:
    """The document refiner, with the interface the stages use."""

    refiner: SimulatedRefiner

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        """Yield the decision on each document."""
        return map(self.refiner.decide, documents)


@dataclass
class Chunks:
    """The chunk refiner, with the interface the stages use."""

    refiner: SimulatedRefiner

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        """Yield the chunk programs of each document."""
        return map(self.refiner.edit, documents)


class SimulatedSession(RefinerSession):
    """A session with a simulated refiner. Its fingerprint never changes, because the faults are silent."""

    def __init__(self, level: Literal["doc", "chunk"], refiner: SimulatedRefiner) -> None:
        super().__init__(None, level, TransformersEngineConfig())
        self._simulated = refiner

    @cached_property
    def fingerprint(self) -> str:
        """A constant."""
        return "simulated"

    def document_refiner(self) -> Documents:
        """Return the simulated document refiner."""
        return Documents(self._simulated)

    def chunk_refiner(self) -> Chunks:
        """Return the simulated chunk refiner."""
        return Chunks(self._simulated)
