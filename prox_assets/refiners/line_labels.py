"""The line-labels dialect: prompts in which every line ends with its number token, and labels are read off numbers.

Belongs here: turning a document into such prompts, for its lines or for the document as a whole. Its settings are in
line_labels_config.py; a model is trained on prompts that this very code builds.
"""

from bisect import bisect_left
from collections.abc import Sequence

from prox_assets.programs.chunking import Chunk, pack_lines
from prox_assets.refiners.chunk_prompts import PlannedChunk
from prox_assets.refiners.document_prompts import DocumentPrompt
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels_config import LineLabelsSettings
from prox_assets.refiners.tokenization import PromptTokenizer


class LineLabelsPlanner:
    """Builds line-labels prompts from token ids, so that counts are exact by construction.

    A line becomes its tokens and then its number token: the number comes last because by then the model has read the
    line. Lines beyond the limits keep head and tail, with a token between them that says how much was left out, so no
    line is ever too long for a window. With a backward token each chunk has a second prompt, its lines in reverse.

    Attributes:
        candidates: Ids of the keep and the remove label, in this order.
    """

    def __init__(self, tokenizer: PromptTokenizer, settings: LineLabelsSettings, budget: int) -> None:
        """Look up every special token.

        Args:
            tokenizer: The model's tokenizer.
            settings: The dialect's settings.
            budget: Tokens of a prompt at most.

        Raises:
            RefinerError: A token is missing or is not a special token, or a single line would not fit the budget.
        """
        self._tokenizer = tokenizer
        self._settings = settings
        look_up = tokenizer.special_token_id
        self._start, self._top = look_up(settings.start_token), look_up(settings.top_token)
        self._bottom, self._middle = look_up(settings.bottom_token), look_up(settings.middle_token)
        self._elisions = [look_up(token) for token in settings.elision_tokens]
        self._numbers = [look_up(settings.number_format.format(line)) for line in range(settings.max_lines)]
        self._backward = None if settings.backward_token is None else look_up(settings.backward_token)
        self.candidates = (look_up(settings.keep_token), look_up(settings.remove_token))
        # Beginning-of-sequence token, start token and two place tokens.
        self._line_budget = budget - len(tokenizer.opening) - 3
        longest_line = settings.max_line_tokens + 2
        if self._line_budget < longest_line:
            raise RefinerError(
                f"A prompt of {budget} tokens has no room for one line of {longest_line}: raise window or "
                "max_prompt_tokens, or lower line_labels.max_line_tokens."
            )

    def plan(self, texts: Sequence[str]) -> list[list[PlannedChunk]]:
        """Return the chunks of each text, in order."""
        documents = [text.split("\n") for text in texts]
        shortened = iter(self.shorten([line for lines in documents for line in lines]))
        planned: list[list[PlannedChunk]] = []
        for document in documents:
            lines = [next(shortened) for _ in document]
            planned.append([self.prompt(chunk, lines) for chunk in self.chunks(lines)])
        return planned

    def shorten(self, lines: Sequence[str]) -> list[tuple[int, ...]]:
        """Return what the model is shown of each line: its token ids, the middle of a long one left out."""
        encoded = self._tokenizer.encode(lines)
        return [self._shorten(line, item.token_ids) for line, item in zip(lines, encoded, strict=True)]

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
        """Return the chunks of a document, given what `shorten` made of its lines."""
        counts = [len(line) + 1 for line in lines]
        return pack_lines(counts, self._line_budget, max_lines=self._settings.max_lines)

    def prompt(self, chunk: Chunk, lines: Sequence[tuple[int, ...]]) -> PlannedChunk:
        """Return the prompt, or both prompts, for one chunk of a document whose lines have been shortened.

        Args:
            chunk: At most `max_lines` lines.
            lines: What `shorten` made of all lines of the document.
        """
        top = self._top if chunk.line_start == 0 else self._middle
        bottom = self._bottom if chunk.line_end == len(lines) - 1 else self._middle
        shown = lines[chunk.line_start : chunk.line_end + 1]
        token_ids, positions = self._read((*self._tokenizer.opening, self._start, top, bottom), shown)
        if self._backward is None:
            return PlannedChunk(chunk, token_ids, positions)
        again, reversed_positions = self._read((*self._tokenizer.opening, self._backward, top, bottom), shown[::-1])
        return PlannedChunk(chunk, token_ids, positions, again, reversed_positions[::-1])

    def _read(
        self, opening: tuple[int, ...], lines: Sequence[tuple[int, ...]]
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return a prompt and the position of each line's number."""
        token_ids = list(opening)
        positions: list[int] = []
        for number, line in zip(self._numbers, lines, strict=False):
            token_ids += line
            positions.append(len(token_ids))
            token_ids.append(number)
        return tuple(token_ids), tuple(positions)


class LineLabelsDocumentPrompts:
    """Builds document prompts of the line-labels dialect: the lines as in a chunk, then the judge token.

    A document that does not fit is judged by its head. Shortened lines make that head several times longer than the
    same number of tokens of plain text.
    """

    def __init__(self, tokenizer: PromptTokenizer, settings: LineLabelsSettings, budget: int) -> None:
        """Look up every special token; arguments and errors as `LineLabelsPlanner`."""
        self._planner = LineLabelsPlanner(tokenizer, settings.model_copy(update={"backward_token": None}), budget - 1)
        self._judge = tokenizer.special_token_id(settings.judge_token)
        self._max_lines = settings.max_lines
        self.candidates = self._planner.candidates

    def build(self, texts: Sequence[str]) -> list[DocumentPrompt]:
        """Return one prompt per text."""
        # More lines than a prompt can have are not worth encoding; one more says that there are more.
        heads = ["\n".join(text.split("\n", self._max_lines + 1)[: self._max_lines + 1]) for text in texts]
        return [self._judged(chunks) for chunks in self._planner.plan(heads)]

    def _judged(self, chunks: list[PlannedChunk]) -> DocumentPrompt:
        return DocumentPrompt((*chunks[0].prompt_token_ids, self._judge), truncated=len(chunks) > 1)
