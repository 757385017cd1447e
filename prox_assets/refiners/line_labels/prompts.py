"""Prompts of the line-labels dialect: each line ends with its number token, and its label is read off at that token.

The prompts ask about a document's lines or about the document as a whole. Training and inference build their prompts
with this same code. The settings are in config.py.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from prox_assets.programs.chunking import Chunk, pack_lines
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.line_labels.surroundings import (
    SURROUNDING_TOKENS,
    TOKENS_PER_LINE,
    document_size,
    surroundings,
)
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.prompts.chunk_prompts import PlannedChunk
from prox_assets.refiners.prompts.document_prompts import DocumentPrompt
from prox_assets.refiners.prompts.formats import shown_line


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as a model is shown it, without its number.

    Attributes:
        token_ids: The line, with the middle left out if it is long.
        forward: Tokens about its surroundings, for reading downwards; empty if the refiner uses none.
        backward: Tokens about its surroundings, for reading upwards.
    """

    token_ids: tuple[int, ...]
    forward: tuple[int, ...] = ()
    backward: tuple[int, ...] = ()

    @property
    def length(self) -> int:
        """Tokens that the line takes, including its number."""
        return len(self.token_ids) + len(self.forward) + 1


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document as the model is shown it: its lines, and tokens about the document as a whole."""

    lines: list[ShownLine]
    about: tuple[int, ...] = ()


class LineLabelsPlanner:
    """Builds line-labels prompts from token ids, so that token counts are exact by construction.

    A line becomes its tokens followed by its number token: the number comes last because by then the model has read the
    line. A line over the limits keeps its head and tail, with a token between them that says how much was left out, so
    every line fits a window. With a backward token, each chunk has a second prompt with its lines in reverse.

    Attributes:
        candidates: Ids of the keep and the remove label, in this order.
    """

    def __init__(self, tokenizer: PromptTokenizer, settings: LineLabelsSettings, budget: int) -> None:
        """Look up every special token.

        Args:
            tokenizer: The model's tokenizer.
            settings: The dialect's settings.
            budget: Largest prompt, in tokens.

        Raises:
            RefinerError: A token is missing or is not a special token, or the longest line would not fit the budget.
        """
        self._tokenizer = tokenizer
        self._settings = settings
        look_up = tokenizer.special_token_id
        self._start, self._top = look_up(settings.start_token), look_up(settings.top_token)
        self._bottom, self._middle = look_up(settings.bottom_token), look_up(settings.middle_token)
        self._elisions = [look_up(token) for token in settings.elision_tokens]
        self._numbers = [look_up(settings.number_format.format(line)) for line in range(settings.max_lines)]
        self._backward = None if settings.backward_token is None else look_up(settings.backward_token)
        self._surroundings = {token: look_up(token) for token in SURROUNDING_TOKENS if settings.surroundings}
        self.candidates = (look_up(settings.keep_token), look_up(settings.remove_token))
        told = TOKENS_PER_LINE if settings.surroundings else 0
        # Beginning-of-sequence token, start token, two place tokens, and the document's length.
        self._line_budget = budget - len(tokenizer.opening) - 3 - settings.surroundings
        longest_line = settings.max_line_tokens + 2 + told
        if self._line_budget < longest_line:
            raise RefinerError(
                f"A prompt of {budget} tokens has no room for one line of {longest_line}: raise window or "
                "max_prompt_tokens, or lower line_labels.max_line_tokens."
            )

    def plan(self, texts: Sequence[str], wholes: Sequence[str] | None = None) -> list[list[PlannedChunk]]:
        """Return the chunks of each text, in order.

        Args:
            texts: Documents, or their heads.
            wholes: The whole documents where `texts` are heads; the model is told their length.
        """
        shown = self.show([text.split("\n") for text in texts], wholes)
        return [[self.prompt(chunk, document) for chunk in self.chunks(document.lines)] for document in shown]

    def show(self, documents: Sequence[Sequence[str]], wholes: Sequence[str] | None = None) -> list[ShownDocument]:
        """Return each document, given as lines, in the form the model is shown; all are encoded in one batch."""
        documents = [[shown_line(line) for line in lines] for lines in documents]
        encoded = iter(self._tokenizer.encode([line for lines in documents for line in lines]))
        shown = [self._show(lines, [next(encoded).token_ids for _ in lines]) for lines in documents]
        if not self._settings.surroundings:
            return [ShownDocument(lines) for lines in shown]
        sizes = map(document_size, documents if wholes is None else (text.split("\n") for text in wholes))
        return [ShownDocument(lines, (self._surroundings[size],)) for lines, size in zip(shown, sizes, strict=True)]

    def _show(self, lines: Sequence[str], token_ids: Sequence[tuple[int, ...]]) -> list[ShownLine]:
        shortened = [self._shorten(line, ids) for line, ids in zip(lines, token_ids, strict=True)]
        if not self._settings.surroundings:
            return [ShownLine(ids) for ids in shortened]
        look_up = self._surroundings
        return [
            ShownLine(ids)
            if told is None
            else ShownLine(
                ids, tuple(look_up[token] for token in told.forward), tuple(look_up[token] for token in told.backward)
            )
            for ids, told in zip(shortened, surroundings(lines), strict=True)
        ]

    def _shorten(self, line: str, token_ids: tuple[int, ...]) -> tuple[int, ...]:
        settings = self._settings
        left_out = len(token_ids) - settings.head_tokens - settings.tail_tokens
        fits = len(token_ids) <= settings.max_line_tokens and len(line) <= settings.max_line_characters
        if fits or left_out <= 0:
            return token_ids
        elision = self._elisions[bisect_left(settings.elision_bounds, left_out)]
        tail = token_ids[len(token_ids) - settings.tail_tokens :]
        return (*token_ids[: settings.head_tokens], elision, *tail)

    def chunks(self, lines: Sequence[ShownLine]) -> list[Chunk]:
        """Return the chunks of a document, or of a part of it."""
        return pack_lines([line.length for line in lines], self._line_budget, max_lines=self._settings.max_lines)

    def prompt(self, chunk: Chunk, document: ShownDocument) -> PlannedChunk:
        """Return the prompt, or both prompts, for one chunk of a document.

        Args:
            chunk: At most `max_lines` lines.
            document: The whole document, as `show` returned it.
        """
        top = self._top if chunk.line_start == 0 else self._middle
        bottom = self._bottom if chunk.line_end == len(document.lines) - 1 else self._middle
        lines = document.lines[chunk.line_start : chunk.line_end + 1]
        opening = (*self._tokenizer.opening, self._start, top, bottom, *document.about)
        token_ids, positions = self._read(opening, [(line.token_ids, line.forward) for line in lines])
        if self._backward is None:
            return PlannedChunk(chunk, token_ids, positions)
        opening = (*self._tokenizer.opening, self._backward, top, bottom, *document.about)
        again, reversed_positions = self._read(opening, [(line.token_ids, line.backward) for line in lines[::-1]])
        return PlannedChunk(chunk, token_ids, positions, again, reversed_positions[::-1])

    def _read(
        self, opening: tuple[int, ...], lines: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return a prompt and the position of each line's number."""
        token_ids = list(opening)
        positions: list[int] = []
        for number, (line, told) in zip(self._numbers, lines, strict=False):
            token_ids += line
            token_ids += told
            positions.append(len(token_ids))
            token_ids.append(number)
        return tuple(token_ids), tuple(positions)


class LineLabelsDocumentPrompts:
    """Builds document prompts of the line-labels dialect: the lines as in a chunk, then the judge token.

    A document that does not fit is judged by its head. Because lines are shortened, that head covers several times as
    much text as the same number of tokens would otherwise hold.
    """

    def __init__(self, tokenizer: PromptTokenizer, settings: LineLabelsSettings, budget: int) -> None:
        """Look up every special token; arguments and errors as `LineLabelsPlanner`."""
        self._planner = LineLabelsPlanner(tokenizer, settings.model_copy(update={"backward_token": None}), budget - 1)
        self._judge = tokenizer.special_token_id(settings.judge_token)
        self._max_lines = settings.max_lines
        self.candidates = self._planner.candidates

    def build(self, texts: Sequence[str]) -> list[DocumentPrompt]:
        """Return one prompt per text."""
        # Lines beyond a prompt's limit are not worth encoding; one extra line shows that there are more.
        heads = ["\n".join(text.split("\n", self._max_lines + 1)[: self._max_lines + 1]) for text in texts]
        return [self._judged(chunks) for chunks in self._planner.plan(heads, texts)]

    def _judged(self, chunks: list[PlannedChunk]) -> DocumentPrompt:
        return DocumentPrompt((*chunks[0].prompt_token_ids, self._judge), truncated=len(chunks) > 1)
