"""Prompts for chunk refiners that write programs: labelled lines, packed into as few windows as possible.

`programs.chunking` does the greedy packing. The line-labels dialect plans its chunks in line_labels/prompts.py, because
it counts and frames lines in its own way.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from prox_assets.programs import DIALECTS, Dialect
from prox_assets.programs.chunking import LINE_LONGER_THAN_WINDOW, Chunk, pack_lines
from prox_assets.programs.dialects.dialect import LineNumbers
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.tokenization import EncodedText, PromptTokenizer
from prox_assets.refiners.prompts.formats import PromptFrame, label_lines, labelled_lines

BLANK = "blank"

# Token counts taken from the whole document can be off by a few once lines are cut apart (merges at the joints, labels
# that restart). Leaving this many tokens free spares most chunks a second try.
SPARE_TOKENS = 8


@dataclass(frozen=True, slots=True)
class PlannedChunk:
    """A chunk and its prompt; a skipped chunk has no prompt.

    Attributes:
        chunk: The lines of the chunk, and the reason if it is skipped.
        prompt_token_ids: Exactly the tokens that the model will see.
        positions: Where each line's answer is read off, for dialects that score; else empty. Lines may share one.
    """

    chunk: Chunk
    prompt_token_ids: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()


@dataclass(slots=True)
class _Piece:
    """Lines [start, end] of the document, with their prompt once it is known to fit."""

    start: int
    end: int
    token_ids: tuple[int, ...] = ()
    skipped: bool = False


class ChunkPrompts:
    """Writes lines of documents as prompts of one frame and dialect.

    Attributes:
        tokenizer: The model's tokenizer.
        frame: What stands around the lines.
        budget: Most tokens of the part that is encoded as text.
        restarts: Whether labels restart in every chunk.
        dialect: How lines are numbered and shown.
    """

    def __init__(
        self,
        tokenizer: PromptTokenizer,
        frame: PromptFrame,
        budget: int,
        line_numbers: LineNumbers = "document",
        dialect: Dialect = DIALECTS["prox"],
    ) -> None:
        """Prepare for one frame and budget.

        Args:
            tokenizer: The model's tokenizer.
            frame: What stands around a chunk.
            budget: Largest prompt in tokens, beginning-of-sequence token included.
            line_numbers: Whether labels run through the document or restart in every chunk.
            dialect: How lines are numbered and shown.

        Raises:
            RefinerError: The frame and one label alone exceed the budget.
        """
        self.tokenizer, self.frame, self.dialect = tokenizer, frame, dialect
        self.restarts = line_numbers == "chunk"
        fixed = len(tokenizer.opening) + frame.fixed_tokens
        self.budget = budget - fixed
        overhead = len(tokenizer.encode([frame.render(label_lines([""], 0, dialect))])[0])
        if overhead > self.budget:
            raise RefinerError(
                f"An empty prompt takes {overhead + fixed} of {budget} tokens: raise window or max_prompt_tokens, or "
                "lower max_new_tokens."
            )

    def encode(self, parts: Iterable[tuple[Sequence[str], int, int]]) -> list[EncodedText]:
        """Return the tokens of the text of each prompt; one shows lines [start, end] of a document's lines."""
        return self.tokenizer.encode([self._render(lines, start, end) for lines, start, end in parts])

    def _render(self, lines: Sequence[str], start: int, end: int) -> str:
        first = 0 if self.restarts else start
        return self.frame.render(label_lines(lines[start : end + 1], first, self.dialect))

    def planned(self, chunk: Chunk, text_ids: tuple[int, ...]) -> PlannedChunk:
        """Return a chunk with its prompt, of whose text these are the tokens."""
        return PlannedChunk(chunk, self.tokenizer.opening + self.frame.enclose(text_ids))


class ProgramChunkPlanner:
    """Plans chunks for models that write programs.

    A document that fits is encoded once, in a batch with others. The lines of a longer document are counted in that
    same encoding and packed greedily, as in Algorithm 1 of the ProX paper. If the tokenizer keeps lines apart, the
    counts are exact and every prompt is assembled from the tokens of that encoding. If not, each chunk's prompt is
    encoded again as a whole, and a chunk that turns out over budget is halved. A line that does not fit a window by
    itself is skipped.
    """

    def __init__(self, prompts: ChunkPrompts) -> None:
        """Prepare for one frame and budget."""
        self._prompts = prompts
        # Labels that restart in a chunk have different tokens than in the whole document.
        self._is_exact = (
            prompts.tokenizer.line_break is not None
            and not prompts.restarts
            and prompts.frame.prefix.endswith("\n")
            and prompts.frame.suffix.startswith("\n")
        )

    def plan(self, texts: Sequence[str]) -> list[list[PlannedChunk]]:
        """Return the chunks of each text, in order."""
        documents = [text.split("\n") for text in texts]
        encoded = self._prompts.encode((lines, 0, len(lines) - 1) for lines in documents)
        return [
            self._planned([_Piece(0, len(lines) - 1, whole.token_ids)])
            if len(whole) <= self._prompts.budget
            else self._planned(self._divide(whole) if self._is_exact else self._split(lines, whole))
            for lines, whole in zip(documents, encoded, strict=True)
        ]

    def _planned(self, pieces: list[_Piece]) -> list[PlannedChunk]:
        return [
            PlannedChunk(Chunk(index, piece.start, piece.end, LINE_LONGER_THAN_WINDOW))
            if piece.skipped
            else self._prompts.planned(Chunk(index, piece.start, piece.end), piece.token_ids)
            for index, piece in enumerate(pieces)
        ]

    def _divide(self, whole: EncodedText) -> list[_Piece]:
        """Cut a document that is too long at its line breaks, where each line break is a token of its own."""
        ids = whole.token_ids
        # Token counts before each line and after the last. A line break belongs to its line; the frame begins with one.
        edges = [position + 1 for position in _positions(ids, self._prompts.tokenizer.line_break)]
        edges = edges[
            self._prompts.frame.prefix.count("\n") - 1 : len(edges) - self._prompts.frame.suffix.count("\n") + 1
        ]
        prefix, suffix = ids[: edges[0]], ids[edges[-1] :]
        counts = [after - before for before, after in pairwise(edges)]
        return [
            _Piece(chunk.line_start, chunk.line_end, skipped=True)
            if chunk.skip_reason is not None
            else _Piece(
                chunk.line_start,
                chunk.line_end,
                prefix + ids[edges[chunk.line_start] : edges[chunk.line_end + 1]] + suffix,
            )
            for chunk in pack_lines(counts, self._prompts.budget, overhead=len(prefix) + len(suffix))
        ]

    def _split(self, lines: list[str], whole: EncodedText) -> list[_Piece]:
        """Cut a document that is too long, given its encoding as one prompt."""
        counts = self._line_token_counts(lines, whole)
        line_budget = max(1, self._prompts.budget - (len(whole) - sum(counts)) - SPARE_TOKENS)
        open_pieces = [_Piece(chunk.line_start, chunk.line_end) for chunk in pack_lines(counts, line_budget)]
        done: list[_Piece] = []
        while open_pieces:
            # A line far over the budget is skipped without encoding it again.
            hopeless = [
                piece.start == piece.end and counts[piece.start] > 2 * self._prompts.budget + SPARE_TOKENS
                for piece in open_pieces
            ]
            to_encode = [piece for piece, skip in zip(open_pieces, hopeless, strict=True) if not skip]
            done.extend(
                _Piece(piece.start, piece.end, skipped=True)
                for piece, skip in zip(open_pieces, hopeless, strict=True)
                if skip
            )
            encoded = self._prompts.encode((lines, piece.start, piece.end) for piece in to_encode)
            open_pieces = []
            for piece, encoding in zip(to_encode, encoded, strict=True):
                if len(encoding) <= self._prompts.budget:
                    done.append(_Piece(piece.start, piece.end, encoding.token_ids))
                elif piece.start == piece.end:
                    done.append(_Piece(piece.start, piece.end, skipped=True))
                else:
                    middle = (piece.start + piece.end) // 2
                    open_pieces += [_Piece(piece.start, middle), _Piece(middle + 1, piece.end)]
        return sorted(done, key=lambda piece: piece.start)

    def _line_token_counts(self, lines: list[str], whole: EncodedText) -> list[int]:
        """Return how many tokens of the whole prompt begin in each line, its label and line break included."""
        labelled = labelled_lines(lines, 0, self._prompts.dialect)
        lengths = (0 if line is None else len(line) + 1 for line in labelled)
        edges = accumulate(lengths, initial=len(self._prompts.frame.prefix))
        tokens_before = [whole.tokens_before(edge) for edge in edges]
        return [after - before for before, after in pairwise(tokens_before)]


def _positions(ids: tuple[int | None, ...], token: int | None) -> Iterator[int]:
    """Yield the positions of a token."""
    position = -1
    for _ in range(ids.count(token)):
        position = ids.index(token, position + 1)
        yield position
