"""The chunk-level refiner that asks a model which lines to remove and which strings to replace.

prompts/makers.py cuts documents into chunks and builds their prompts, spans/questions.py asks about single spans, and
model_refiner.py sends the prompts.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from prox_assets.engines.protocol import Completion, Score
from prox_assets.programs.chunking import Chunk
from prox_assets.refiners.cascade.opinions import ChunkOpinion
from prox_assets.refiners.model.batching import with_prompts
from prox_assets.refiners.model.model_refiner import ModelRefiner, Request
from prox_assets.refiners.model.scoring import keep_probability
from prox_assets.refiners.prompts.chunk_prompts import BLANK, PlannedChunk
from prox_assets.refiners.prompts.makers import AskedChunk, ChunkPromptMaker
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, RefinerInput
from prox_assets.refiners.spans.questions import SpanQuestion


@dataclass(slots=True)
class _Assembly:
    """One document's rows as they arrive; `missing` counts the chunks still in flight."""

    doc_id: str
    rows: list[ChunkProgramRow | None]
    missing: int
    error: str | None = None

    def result(self) -> ChunkPrograms:
        return ChunkPrograms(self.doc_id, tuple(row for row in self.rows if row is not None), self.error)


@dataclass(slots=True)
class _ChunkAnswers:
    """One chunk's answers as they arrive: to its own prompt, and to one prompt for each question about a span.

    `missing` counts the prompts still in flight. `opinion` is that of a cascade's classifier. `own` is the answer to
    the chunk's own prompt. `keep` holds P(keep) of each span.
    """

    assembly: _Assembly
    planned: PlannedChunk
    opinion: ChunkOpinion | None
    lines: Sequence[str]
    questions: Sequence[SpanQuestion]
    missing: int
    keep: list[float]
    prompt_tokens: int = 0
    own: Completion | Score | None = None
    error: str | None = None


# A chunk, and the index of the span that a prompt asks about; None for the chunk's own prompt.
_About = tuple[_ChunkAnswers, int | None]


class ModelChunkRefiner(ModelRefiner[ChunkPromptMaker]):
    """Writes chunk programs with a model: generated for the prox dialect, scored for line-labels.

    A document's chunks may be answered in any order; the document is yielded once its last chunk is in. Blank documents
    and lines longer than the window are not shown to the model: their rows have finish_reason "skipped" and a
    skip_reason. With inline settings, the candidate spans inside a chunk's lines are further prompts in the same
    stream; their answers become the row's program, beside its line probabilities. In a cascade, chunks that the prompt
    maker does not ask about have their rows from the classifier, and spans inside their lines stay.
    """

    _maker_class = ChunkPromptMaker

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        """Yield exactly one result per document, in any order.

        Raises:
            EngineError: The engine died or lost prompts.
        """
        # Documents with no chunk for the model.
        ready: deque[ChunkPrograms] = deque()

        def requests() -> Iterator[Request[_About]]:
            for batch in with_prompts(documents, self._prompts):
                for document, made in batch:
                    chunks = [_blank(document.text)] if made is None else made
                    asked = [chunk for chunk in chunks if chunk.is_asked]
                    rows = [_unasked_row(chunk) for chunk in chunks]
                    assembly = _Assembly(document.doc_id, rows, missing=len(asked))
                    if not asked:
                        ready.append(assembly.result())
                    yield from self._requests(document.text, assembly, asked)

        for (chunk, question), answer in self._answers(requests()):
            while ready:
                yield ready.popleft()
            self._take(chunk, question, answer)
            if chunk.assembly.missing == 0:
                yield chunk.assembly.result()
        yield from ready

    def _requests(self, text: str, assembly: _Assembly, asked: Sequence[AskedChunk]) -> Iterator[Request[_About]]:
        """Yield the prompts for a document's chunks: each chunk's own prompts, then those about its spans."""
        document_lines = text.split("\n") if self._maker.judge is not None and asked else []
        for planned, questions, opinion in asked:
            lines = document_lines[planned.chunk.line_start : planned.chunk.line_end + 1]
            answers = _ChunkAnswers(
                assembly, planned, opinion, lines, questions, 1 + len(questions), [1.0] * len(questions)
            )
            # Lines may share a position.
            yield Request((answers, None), planned.prompt_token_ids, tuple(dict.fromkeys(planned.positions)))
            for index, question in enumerate(questions):
                ids = question.prompt_token_ids
                yield Request((answers, index), ids, (len(ids) - 1,))

    def _take(self, answers: _ChunkAnswers, question: int | None, result: Completion | Score) -> None:
        """Store one result; a chunk's last result completes its row."""
        answers.missing -= 1
        answers.prompt_tokens += result.prompt_tokens
        if question is None:
            answers.own = result
            answers.error = result.error or answers.error
        elif isinstance(result, Score):
            keep = None if result.error is not None else keep_probability(*result.log_probabilities[0])
            if keep is None:
                reason = result.error or "the model gave neither label any probability"
                answers.error = answers.error or f"span {question}: {reason}"
            else:
                answers.keep[question] = keep
        if answers.missing == 0:
            self._finish(answers)

    def _finish(self, answers: _ChunkAnswers) -> None:
        """Turn a chunk's answers into its row."""
        assembly, chunk = answers.assembly, answers.planned.chunk
        assembly.missing -= 1
        error, program, probabilities, completion_tokens = answers.error, None, None, 0
        finish_reason = "scored"
        if isinstance(answers.own, Completion):
            finish_reason, completion_tokens = answers.own.finish_reason, answers.own.completion_tokens
            program = answers.own.text if error is None else None
        elif answers.own is not None and error is None:
            lines = _line_probabilities(answers.own, answers.planned)
            probabilities = self._with_opinion(tuple(line for line in lines if line is not None), answers.opinion)
            if len(probabilities) < len(lines):
                error = f"the model gave neither label any probability for {len(lines) - len(probabilities)} lines"
            elif self._maker.judge is not None:
                program = self._maker.judge.program(answers.lines, answers.questions, answers.keep)
        if error is not None:
            assembly.error = assembly.error or f"chunk {chunk.index}: {error}"
        assembly.rows[chunk.index] = ChunkProgramRow(
            chunk_index=chunk.index,
            line_start=chunk.line_start,
            line_end=chunk.line_end,
            program=program,
            line_keep_probabilities=None if error is not None else probabilities,
            prompt_tokens=answers.prompt_tokens,
            completion_tokens=completion_tokens,
            finish_reason="error" if error is not None else finish_reason,
            classifier_keep_probabilities=None if answers.opinion is None else answers.opinion.keep,
        )

    def _with_opinion(self, keep: tuple[float, ...], opinion: ChunkOpinion | None) -> tuple[float, ...]:
        """Return P(keep) of lines by the model, and in a cascade by its classifier too."""
        if opinion is None or len(keep) < len(opinion.keep):  # some lines have no answer: the chunk has failed
            return keep
        return tuple(map(self._with_classifier, opinion.keep, keep))


def _line_probabilities(score: Score, planned: PlannedChunk) -> list[float | None]:
    """Return P(keep) of each line; None where both labels have probability 0."""
    asked = dict.fromkeys(planned.positions)
    found = dict(zip(asked, (keep_probability(*row) for row in score.log_probabilities), strict=True))
    return [found[position] for position in planned.positions]


def _blank(text: str) -> AskedChunk:
    return AskedChunk(PlannedChunk(Chunk(0, 0, text.count("\n"), BLANK)), [])


def _unasked_row(made: AskedChunk) -> ChunkProgramRow | None:
    """Return the row of a chunk that is not shown to the model, None for one that is."""
    chunk = made.planned.chunk
    if made.is_asked:
        return None
    keep = made.opinion.keep if made.opinion is not None and chunk.skip_reason is None else None
    return ChunkProgramRow(
        chunk_index=chunk.index,
        line_start=chunk.line_start,
        line_end=chunk.line_end,
        line_keep_probabilities=keep,
        finish_reason="skipped" if keep is None else "scored",
        skip_reason=chunk.skip_reason,
        classifier_keep_probabilities=keep,
    )
