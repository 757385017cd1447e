"""The simulated refiner of `drift_simulation`, and the faults that can be injected into it.

It answers with probabilities and with programs in the ProX language, which the platform's executor runs. Two byte-pair
encodings are trained on the simulated text: one is in use, and the other silently takes its place as a fault.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchmarks.support.drift_world import COMMON, Page, sentence
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, DocumentProgram, RefinerInput
from prox_assets.refiners.session import RefinerSession

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CHUNK_LINES = 40
PROMPT_TOKENS = 30  # the frame around the lines
VOCABULARY_IN_USE = 6_000
VOCABULARY_AFTER = 3_000
TRAINING_SENTENCES = 6_000
_WORD = re.compile(r"\w+|[^\w\s]+")


@dataclass(frozen=True)
class RefinerFault:
    """What is wrong with the refiner; all zero: nothing.

    Attributes:
        no_op: Share of chunks answered with keep_chunk().
        drop_logit: Taken from the logit of every document.
        content_removed: Share of content lines that are removed beyond the usual.
        truncated: Share of chunk answers that are cut off.
        tokenizer: Another tokenizer counts, and cuts chunks.
    """

    no_op: float = 0.0
    drop_logit: float = 0.0
    content_removed: float = 0.0
    truncated: float = 0.0
    tokenizer: bool = False


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
    """Tokens of words, counted when first asked for: the words of a year come again and again."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def __missing__(self, word: str) -> int:
        """Count a new word."""
        self[word] = len(_encoding(self._size).encode(f" {word}").ids)
        return self[word]


IN_USE, AFTER = WordTokens(VOCABULARY_IN_USE), WordTokens(VOCABULARY_AFTER)


def count_tokens(text: str, other: bool = False) -> int:
    """Return the tokens of a text: its words' by the encoding, and one per line break."""
    words = AFTER if other else IN_USE
    return sum(map(words.__getitem__, _WORD.findall(text))) + text.count("\n") + 1


class SimulatedRefiner:
    """Answers for the pages of one week, document level and chunk level.

    A sound one keeps by the page's quality, finds nine tenths of the boilerplate and two thirds of the noise, removes
    one content line in a hundred, writes a wrong line number once in 300 chunks and is cut off once in 400.
    """

    def __init__(self, pages: Iterable[Page], fault: RefinerFault, scored: bool, seed: list[int]) -> None:
        self._pages = {page.text: page for page in pages}
        self._fault = fault
        self._scored = scored
        self._rng = np.random.default_rng(seed)
        self._skill = 1 + self._rng.normal(0, 0.01)  # a model's week: batches, temperature, topics

    @cached_property
    def documents(self) -> "Documents":
        """Its document level."""
        return Documents(self)

    @cached_property
    def chunks(self) -> "Chunks":
        """Its chunk level."""
        return Chunks(self)

    def decide(self, document: RefinerInput) -> DocumentProgram:
        """Answer whether a document is worth keeping."""
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
        """Answer which lines to remove, chunk by chunk."""
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

    def _program(self, page: Page, start: int, end: int) -> tuple[str, Literal["stop", "length"]]:
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
    first = last = None
    for number in numbers:
        if last is not None and number == last + 1:
            last = number
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = number
    if first is not None and last is not None:
        yield first, last


@dataclass
class Documents:
    """The document level, as stages call it."""

    refiner: SimulatedRefiner

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[DocumentProgram]:
        """Yield one answer per document."""
        return map(self.refiner.decide, documents)


@dataclass
class Chunks:
    """The chunk level, as stages call it."""

    refiner: SimulatedRefiner

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        """Yield the chunks' answers of each document."""
        return map(self.refiner.edit, documents)


class SimulatedSession(RefinerSession):
    """A session whose refiner is a simulated one; its fingerprint never changes, as with a silent fault."""

    def __init__(self, level: Literal["doc", "chunk"], refiner: SimulatedRefiner) -> None:
        super().__init__(None, level, TransformersEngineConfig())
        self._simulated = refiner

    @cached_property
    def fingerprint(self) -> str:
        """The same for every week."""
        return "simulated"

    def document_refiner(self) -> Documents:
        """Return the simulated document level."""
        return self._simulated.documents

    def chunk_refiner(self) -> Chunks:
        """Return the simulated chunk level."""
        return self._simulated.chunks
