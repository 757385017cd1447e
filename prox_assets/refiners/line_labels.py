"""The line-labels dialect: prompts in which every line ends with its number token, where the label is read off.

Belongs here: turning a document into such prompts. Its settings are in line_labels_config.py; the model was trained on
prompts that this very code builds.
"""

from bisect import bisect_left
from collections.abc import Sequence

from prox_assets.programs.chunking import Chunk, pack_lines
from prox_assets.refiners.chunk_prompts import PlannedChunk
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.line_labels_config import LineLabelsSettings
from prox_assets.refiners.tokenization import PromptTokenizer


class LineLabelsPlanner:
    """Builds line-labels prompts from token ids, so that counts are exact by construction.

    A line becomes its tokens and then its number token: the number comes last because by then the model has read the
    line. Lines beyond the limits keep head and tail, with a token between them that says how much was left out, so no
    line is ever too long for a window.

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
        encoded = iter(self._tokenizer.encode([line for lines in documents for line in lines]))
        return [
            self._plan_document([self._shorten(line, next(encoded).token_ids) for line in lines]) for lines in documents
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

    def _plan_document(self, lines: list[tuple[int, ...]]) -> list[PlannedChunk]:
        counts = [len(line) + 1 for line in lines]
        chunks = pack_lines(counts, self._line_budget, max_lines=self._settings.max_lines)
        return [self._planned(chunk, lines) for chunk in chunks]

    def _planned(self, chunk: Chunk, lines: list[tuple[int, ...]]) -> PlannedChunk:
        top = self._top if chunk.line_start == 0 else self._middle
        bottom = self._bottom if chunk.line_end == len(lines) - 1 else self._middle
        token_ids = [*self._tokenizer.opening, self._start, top, bottom]
        positions: list[int] = []
        for number, line in zip(self._numbers, lines[chunk.line_start : chunk.line_end + 1], strict=False):
            token_ids += line
            positions.append(len(token_ids))
            token_ids.append(number)
        return PlannedChunk(chunk, tuple(token_ids), tuple(positions))
