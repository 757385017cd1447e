"""The chunk-level refiner that asks a model: which lines go, which strings change.

Belongs here: requests for chunks and putting a document's results together. Not here: cutting documents and building
prompts (chunk_prompts.py, line_labels.py).
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prox_assets.engines.protocol import Completion, CompletionRequest, Engine, EngineError, Score, ScoreRequest
from prox_assets.programs.chunking import Chunk
from prox_assets.refiners.batching import batches
from prox_assets.refiners.chunk_prompts import BLANK, ChunkPlanner, PlannedChunk, ProgramChunkPlanner
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels import LineLabelsPlanner
from prox_assets.refiners.prompts import prompt_frame
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, RefinerInput
from prox_assets.refiners.scoring import keep_probability
from prox_assets.refiners.tokenization import PromptTokenizer


@dataclass(slots=True)
class _Assembly:
    """One document's rows as they come in; `missing` counts the chunks still under way."""

    doc_id: str
    rows: list[ChunkProgramRow | None]
    missing: int
    error: str | None = None

    def result(self) -> ChunkPrograms:
        return ChunkPrograms(self.doc_id, tuple(row for row in self.rows if row is not None), self.error)


class ModelChunkRefiner:
    """Writes chunk programs with a model: generated for the prox dialect, scored for line-labels.

    A document's chunks are answered in any order and given back together once the last one is there. Blank documents
    and lines longer than the window are not shown to the model: finish_reason "skipped" and a skip_reason.
    """

    def __init__(self, config: RefinerConfig, engine: Engine, tokenizer: PromptTokenizer) -> None:
        """Prepare the planner of the configured dialect.

        Raises:
            RefinerError: The prompt format is still open, the tokenizer lacks a token, the window is too small for any
                prompt, or the engine's window is smaller than the configured one.
        """
        config.check_window(engine.max_model_len)
        self._config = config
        self._engine = engine
        self._tokenizer = tokenizer
        self._candidates: tuple[int, int] = (0, 0)
        self._planner = self._make_planner()

    def _make_planner(self) -> ChunkPlanner:
        config = self._config
        if config.dialect == "line-labels":
            planner = LineLabelsPlanner(self._tokenizer, config.line_labels, config.prompt_budget)
            self._candidates = planner.candidates
            return planner
        if config.prompt_format not in ("llama2-chat", "plain"):
            raise RefinerError(
                f"{config.name} has prompt_format {config.prompt_format!r}: let the probe choose one first."
            )
        frame = prompt_frame(config.prompt_format, "chunk")
        return ProgramChunkPlanner(self._tokenizer, frame, config.prompt_budget, config.line_numbers)

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        """Yield exactly one result per document, in any order.

        Raises:
            EngineError: The engine died or lost requests.
        """
        waiting: dict[str, tuple[_Assembly, Chunk]] = {}
        # Documents of which no chunk needs the model.
        ready: deque[ChunkPrograms] = deque()

        def prompts() -> Iterator[tuple[str, PlannedChunk]]:
            number = 0
            for batch in batches(documents):
                for document, planned in zip(batch, self._plan(batch), strict=True):
                    asked = [item for item in planned if item.chunk.skip_reason is None]
                    rows = [None if item.chunk.skip_reason is None else _skipped_row(item.chunk) for item in planned]
                    assembly = _Assembly(document.doc_id, rows, missing=len(asked))
                    if not asked:
                        ready.append(assembly.result())
                    for item in asked:
                        waiting[str(number)] = (assembly, item.chunk)
                        yield str(number), item
                        number += 1

        for result in self._ask(prompts()):
            while ready:
                yield ready.popleft()
            assembly, chunk = waiting.pop(result.request_id)
            self._take(assembly, chunk, result)
            if assembly.missing == 0:
                yield assembly.result()
        yield from ready
        if waiting:
            raise EngineError(f"The engine ended without an answer for {len(waiting)} chunks: start it again.")

    def _plan(self, batch: list[RefinerInput]) -> list[list[PlannedChunk]]:
        shown = iter(self._planner.plan([document.text for document in batch if document.text.strip()]))
        return [next(shown) if document.text.strip() else [_blank(document.text)] for document in batch]

    def _ask(self, prompts: Iterator[tuple[str, PlannedChunk]]) -> Iterator[Completion] | Iterator[Score]:
        if self._config.decoding == "score":
            return self._engine.score(
                ScoreRequest(request_id, item.prompt_token_ids, item.positions, self._candidates)
                for request_id, item in prompts
            )
        return self._engine.complete(
            CompletionRequest(
                request_id,
                item.prompt_token_ids,
                self._config.max_new_tokens,
                stop_token_ids=self._tokenizer.end_token_ids,
                grammar=self._config.grammar,
            )
            for request_id, item in prompts
        )

    def _take(self, assembly: _Assembly, chunk: Chunk, result: Completion | Score) -> None:
        """Put one result into its place."""
        assembly.missing -= 1
        error, program, probabilities, completion_tokens = result.error, None, None, 0
        finish_reason = "scored"
        if isinstance(result, Completion):
            finish_reason, completion_tokens = result.finish_reason, result.completion_tokens
            program = result.text if error is None else None
        elif error is None:
            lines = [keep_probability(*row) for row in result.log_probabilities]
            probabilities = tuple(line for line in lines if line is not None)
            if len(probabilities) < len(lines):
                error = f"the model gave neither label any probability for {len(lines) - len(probabilities)} lines"
        if error is not None:
            assembly.error = assembly.error or f"chunk {chunk.index}: {error}"
        assembly.rows[chunk.index] = ChunkProgramRow(
            chunk_index=chunk.index,
            line_start=chunk.line_start,
            line_end=chunk.line_end,
            program=program,
            line_keep_probabilities=None if error is not None else probabilities,
            prompt_tokens=result.prompt_tokens,
            completion_tokens=completion_tokens,
            finish_reason="error" if error is not None else finish_reason,
        )


def _blank(text: str) -> PlannedChunk:
    return PlannedChunk(Chunk(0, 0, text.count("\n"), BLANK))


def _skipped_row(chunk: Chunk) -> ChunkProgramRow:
    return ChunkProgramRow(
        chunk_index=chunk.index,
        line_start=chunk.line_start,
        line_end=chunk.line_end,
        program=None,
        line_keep_probabilities=None,
        prompt_tokens=0,
        completion_tokens=0,
        finish_reason="skipped",
        skip_reason=chunk.skip_reason,
    )
