"""Turns texts into all the prompts that a refiner sends about them, without needing its engine.

One call builds the prompts of a level and dialect, in this process or in another one (processes.py). The requests and
their answers are in model/document_refiner.py and model/chunk_refiner.py.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from prox_assets.programs import DIALECTS
from prox_assets.programs.chunking import Chunk
from prox_assets.programs.scripts import OUTSIDE_TRAINING, is_mostly_outside
from prox_assets.refiners.cascade.classifier import ChunkOpinions, DocumentOpinions
from prox_assets.refiners.cascade.opinions import ChunkOpinion
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.prompts import LineLabelsDocumentPrompts, LineLabelsPlanner
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.prompts.chat import chat_frame
from prox_assets.refiners.prompts.chunk_prompts import ChunkPrompts, PlannedChunk, ProgramChunkPlanner
from prox_assets.refiners.prompts.document_prompts import DocumentPrompt, DocumentPromptBuilder
from prox_assets.refiners.prompts.formats import Level, PromptFrame, prompt_frame, shown_text
from prox_assets.refiners.prompts.windows import OverlappingPlanner, WholePagePlanner
from prox_assets.refiners.spans.prompts import InlinePromptBuilder
from prox_assets.refiners.spans.questions import InlineJudge, SpanQuestion

PromptsT = TypeVar("PromptsT")

PromptStream = Callable[[Iterable[Sequence[str]]], Iterator[list[PromptsT]]]
"""Takes batches of texts and yields the prompts of each batch in order, one item per text."""


class AskedChunk(NamedTuple):
    """A chunk with its own prompts, the questions about spans inside its lines, and a cascade's first opinion."""

    planned: PlannedChunk
    questions: list[SpanQuestion]
    opinion: ChunkOpinion | None = None

    @property
    def is_asked(self) -> bool:
        """Whether the model is asked about the chunk."""
        return self.planned.chunk.skip_reason is None and (self.opinion is None or self.opinion.asked)


class DocumentPromptMaker:
    """Builds the prompts of a document refiner.

    Attributes:
        shared_answer: Tokens that both answers begin with; the score is read off after them. Empty if there are none.
        candidates: The tokens (keep, drop) that are compared; (0, 0) where programs are generated.
    """

    def __init__(self, config: RefinerConfig, tokenizer: PromptTokenizer) -> None:
        """Prepare the prompts of the configured dialect.

        Raises:
            RefinerError: The prompt format is still "auto", the tokenizer lacks a token, or the window is too small.
        """
        self.shared_answer: tuple[int, ...] = ()
        self.candidates: tuple[int, int] = (0, 0)
        self._first = None if config.cascade is None else DocumentOpinions(config)
        self._prompts: LineLabelsDocumentPrompts | DocumentPromptBuilder
        if config.dialect == "line-labels":
            prompts = LineLabelsDocumentPrompts(tokenizer, config.line_labels, config.prompt_budget)
            self.candidates, self._prompts = prompts.candidates, prompts
            return
        frame, tokenizer = _frame(config, "doc", tokenizer)
        if config.decoding == "score":
            self.shared_answer, self.candidates = _answer_tokens(config, tokenizer)
        budget = min(config.prompt_budget, config.window - config.answer_tokens - len(self.shared_answer))
        self._prompts = DocumentPromptBuilder(tokenizer, frame, budget)

    def make(self, texts: Sequence[str]) -> list[DocumentPrompt]:
        """Return the prompt of each text."""
        if self._first is None:
            return self._prompts.build([shown_text(text) for text in texts])
        opinions = self._first.of(texts)
        is_asked = [opinion is None or opinion.asked for opinion in opinions]
        asked = [shown_text(text) for text, shown in zip(texts, is_asked, strict=True) if shown]
        built = iter(self._prompts.build(asked))
        return [
            replace(next(built) if shown else DocumentPrompt((), truncated=False), opinion=opinion)
            for opinion, shown in zip(opinions, is_asked, strict=True)
        ]


class ChunkPromptMaker:
    """Builds the prompts of a chunk refiner.

    Attributes:
        candidates: The tokens (keep, remove) that are compared for each line; (0, 0) where programs are generated.
        judge: Asks about single spans and writes their program; None without inline settings.
    """

    def __init__(self, config: RefinerConfig, tokenizer: PromptTokenizer) -> None:
        """Prepare the planner of the configured dialect; raises as `DocumentPromptMaker`."""
        self.candidates: tuple[int, int] = (0, 0)
        self.judge: InlineJudge | None = None
        self._scripts = config.trained_scripts
        self._first = None if config.cascade is None else ChunkOpinions(config)
        self._planner: LineLabelsPlanner | ProgramChunkPlanner | OverlappingPlanner | WholePagePlanner
        if config.dialect == "line-labels":
            settings = config.line_labels
            planner = LineLabelsPlanner(tokenizer, settings, config.prompt_budget)
            self.candidates, self._planner = planner.candidates, planner
            if settings.inline is not None:
                self.judge = InlineJudge(
                    InlinePromptBuilder(tokenizer, settings, config.prompt_budget), settings.inline
                )
            return
        frame, tokenizer = _frame(config, "chunk", tokenizer)
        dialect = DIALECTS[config.dialect]
        prompts = ChunkPrompts(tokenizer, frame, config.prompt_budget, config.line_numbers, dialect)
        if dialect.whole_pages:
            self._planner = WholePagePlanner(prompts)
        elif config.window_characters is not None:
            self._planner = OverlappingPlanner(prompts, config.window_characters, config.window_overlap or 0.0)
        else:
            self._planner = ProgramChunkPlanner(prompts)

    def make(self, texts: Sequence[str]) -> list[list[AskedChunk]]:
        """Return the chunks of each text, in order."""
        plans = self._planner.plan(texts)
        if self._scripts is not None:
            plans = [
                chunks if len(chunks) == 1 else _without_other_scripts(text, chunks, self._scripts)
                for text, chunks in zip(texts, plans, strict=True)
            ]
        if self._first is None:
            made = [[AskedChunk(planned, []) for planned in chunks] for chunks in plans]
        else:
            made = [list(map(_with_opinion, *both)) for both in zip(plans, self._first.of(texts, plans), strict=True)]
        if self.judge is None:
            return made
        return [self._with_questions(text, chunks, self.judge) for text, chunks in zip(texts, made, strict=True)]

    def _with_questions(self, text: str, chunks: list[AskedChunk], judge: InlineJudge) -> list[AskedChunk]:
        lines = text.split("\n")

        def of(chunk: Chunk) -> list[SpanQuestion]:
            return judge.questions(lines[chunk.line_start : chunk.line_end + 1])

        return [made._replace(questions=of(made.planned.chunk)) if made.is_asked else made for made in chunks]


def _with_opinion(planned: PlannedChunk, opinion: ChunkOpinion | None) -> AskedChunk:
    """Return a chunk of a cascade; without its prompt, which may have to go to another process, if it is not asked."""
    if opinion is None or opinion.asked:
        return AskedChunk(planned, [], opinion)
    return AskedChunk(PlannedChunk(planned.chunk), [], opinion)


def _without_other_scripts(text: str, chunks: list[PlannedChunk], scripts: Collection[str]) -> list[PlannedChunk]:
    """Return the chunks; those mostly in other scripts are skipped."""
    lines = text.split("\n")

    def is_skipped(chunk: Chunk) -> bool:
        part = "\n".join(lines[chunk.line_start : chunk.line_end + 1])
        return chunk.skip_reason is None and is_mostly_outside(part, scripts)

    return [
        PlannedChunk(planned.chunk._replace(skip_reason=OUTSIDE_TRAINING)) if is_skipped(planned.chunk) else planned
        for planned in chunks
    ]


def prompt_maker(config: RefinerConfig, tokenizer: PromptTokenizer) -> DocumentPromptMaker | ChunkPromptMaker:
    """Return the maker for a configuration's level; raises as the makers do."""
    return (DocumentPromptMaker if config.level == "doc" else ChunkPromptMaker)(config, tokenizer)


def _frame(config: RefinerConfig, level: Level, tokenizer: PromptTokenizer) -> tuple[PromptFrame, PromptTokenizer]:
    """Return the frame of a configuration, and the tokenizer for what is shown in it."""
    if config.prompt_format == "chat":
        return chat_frame(config, tokenizer)
    if config.prompt_format not in ("llama2-chat", "plain"):
        raise RefinerError(f"{config.name} has prompt_format {config.prompt_format!r}: let the probe choose one first.")
    return prompt_frame(config.prompt_format, level), tokenizer


def _answer_tokens(config: RefinerConfig, tokenizer: PromptTokenizer) -> tuple[tuple[int, ...], tuple[int, int]]:
    """Return the tokens that both answers begin with, and the first pair of tokens (keep, drop) in which they differ.

    Answers are encoded separately from the prompt, because supervised tuning encodes them that way.
    """
    keep, drop = (encoded.token_ids for encoded in tokenizer.encode([config.keep_answer, config.drop_answer]))
    for index, pair in enumerate(zip(keep, drop, strict=False)):
        if pair[0] != pair[1]:
            return keep[:index], pair
    raise RefinerError(
        f"One of the answers {config.keep_answer!r} and {config.drop_answer!r} begins with the other, so their first "
        "tokens do not tell them apart: choose other answers."
    )
