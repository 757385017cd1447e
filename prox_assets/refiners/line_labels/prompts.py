"""Prompts of the line-labels dialect: a line's label is read off at the token that ends it.

The prompts ask about a document's lines or about the document as a whole. Training and inference build their prompts
with this same code. The settings are in config.py.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from prox_assets.programs.chunking import Chunk, pack_lines
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels.config import LineLabelsSettings
from prox_assets.refiners.line_labels.surroundings import LINE_TOKENS, SIZE_TOKENS, document_size, line_tokens
from prox_assets.refiners.model.tokenization import PromptTokenizer
from prox_assets.refiners.prompts.chunk_prompts import PlannedChunk
from prox_assets.refiners.prompts.document_prompts import DocumentPrompt
from prox_assets.refiners.prompts.formats import shown_line


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document as the model is shown it.

    Attributes:
        lines: The tokens of each line: what is left of it once it is shortened, and its line token. Blank lines have
            none.
        size: The token that tells the document's length.
    """

    lines: list[tuple[int, ...]]
    size: int


class LineLabelsPlanner:
    """Builds line-labels prompts from token ids, so that token counts are exact by construction.

    A line becomes its tokens followed by its line token: that one comes last because by then the model has read the
    line. A line over the limits keeps its head and tail, with a token between them that says how much was left out, so
    every line fits a window. Blank lines are not shown: they take the label of the line before them.

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
        self._ends = tokenizer.special_token_ids(LINE_TOKENS)
        self._sizes = tokenizer.special_token_ids(SIZE_TOKENS)
        self.candidates = (look_up(settings.keep_token), look_up(settings.remove_token))
        # Beginning-of-sequence token, start token, two place tokens, and the document's length.
        self._line_budget = budget - len(tokenizer.opening) - 4
        longest_line = max(settings.max_line_tokens, settings.head_tokens + 1 + settings.tail_tokens) + 1
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
        encoded = iter(self._tokenizer.encode([line for lines in documents for line in lines if line.strip()]))
        sizes = map(document_size, documents if wholes is None else (text.split("\n") for text in wholes))
        return [
            ShownDocument(
                [
                    () if end is None else (*self._shorten(line, next(encoded).token_ids), self._ends[end])
                    for line, end in zip(lines, line_tokens(lines), strict=True)
                ],
                self._sizes[size],
            )
            for lines, size in zip(documents, sizes, strict=True)
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

    def chunks(self, lines: Sequence[tuple[int, ...]]) -> list[Chunk]:
        """Return the chunks of a document, or of a part of it."""
        return pack_lines([len(line) for line in lines], self._line_budget)

    def prompt(self, chunk: Chunk, document: ShownDocument) -> PlannedChunk:
        """Return the prompt for one chunk of a document.

        Blank lines have the position of the line before them; those before the first line have that line's position.

        Args:
            chunk: Lines that fit a prompt.
            document: The whole document, as `show` returned it.
        """
        top = self._top if chunk.line_start == 0 else self._middle
        bottom = self._bottom if chunk.line_end == len(document.lines) - 1 else self._middle
        lines = document.lines[chunk.line_start : chunk.line_end + 1]
        opening = (*self._tokenizer.opening, self._start, top, bottom, document.size)
        token_ids = (*opening, *(token for line in lines for token in line))
        first = next((len(line) for line in lines if line), 0)
        ends = [max(end, first) for end in accumulate(map(len, lines))]
        return PlannedChunk(chunk, token_ids, tuple(len(opening) + end - 1 for end in ends))


class LineLabelsDocumentPrompts:
    """Builds document prompts of the line-labels dialect: the lines as in a chunk, then the judge token.

    A document that does not fit is judged by its head. Because lines are shortened, that head covers several times as
    much text as the same number of tokens would otherwise hold.
    """

    def __init__(self, tokenizer: PromptTokenizer, settings: LineLabelsSettings, budget: int) -> None:
        """Look up every special token; arguments and errors as `LineLabelsPlanner`."""
        self._planner = LineLabelsPlanner(tokenizer, settings, budget - 1)
        self._judge = tokenizer.special_token_id(settings.judge_token)
        self._most_lines = budget
        self.candidates = self._planner.candidates

    def build(self, texts: Sequence[str]) -> list[DocumentPrompt]:
        """Return one prompt per text."""
        # A shown line takes at least two tokens, so lines beyond the budget are not worth encoding; one more line shows
        # that there are more.
        heads = [_first_lines(text, self._most_lines) for text in texts]
        return [self._judged(chunks) for chunks in self._planner.plan(heads, texts)]

    def _judged(self, chunks: list[PlannedChunk]) -> DocumentPrompt:
        return DocumentPrompt((*chunks[0].prompt_token_ids, self._judge), truncated=len(chunks) > 1)


def _first_lines(text: str, count: int) -> str:
    """Return the head of a text, with at most this many lines that are not blank and one more."""
    kept: list[str] = []
    left = count + 1
    for line in text.split("\n"):
        if not left:
            break
        kept.append(line)
        left -= bool(line.strip())
    return "\n".join(kept)
