"""Prompts for refiners that are not shown packed chunks: UltraX's overlapping windows, and ReScraper's whole pages."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from prox_assets.programs.chunking import LINE_LONGER_THAN_WINDOW, PAGE_LONGER_THAN_WINDOW, Chunk
from prox_assets.refiners.prompts.chunk_prompts import ChunkPrompts, PlannedChunk
from prox_assets.refiners.prompts.formats import labelled_lines


class Window(NamedTuple):
    """Lines [shown_from, end] of a document are shown, of which [start, end] are its own."""

    shown_from: int
    start: int
    end: int


def character_windows(lengths: Sequence[int], most: int, overlap: float) -> list[Window]:
    """Cut lines into windows of at most `most` characters, as the released UltraX script does.

    Each window begins with the last lines of the one before, of `overlap` times its characters at most. A window's own
    lines are those that no earlier one shows, so the windows cover each line once. A line longer than `most` is a
    window by itself.

    Args:
        lengths: Characters of each line with its marker, at least 1, without the line break.
        most: Most characters of a window, line breaks between its lines included.
        overlap: Share of a window that the next one shows again.
    """
    before = [0, *accumulate(lengths)]
    joined = [total + line for line, total in enumerate(before)]  # with a line break after each line
    windows: list[Window] = []
    first = own = 0
    while own < len(lengths):
        end = max(first + 1, bisect_right(joined, joined[first] + most + 1) - 1)
        if end > own:
            windows.append(Window(first, own, end - 1))
            own = end
        repeated = int((joined[end] - joined[first] - 1) * overlap)
        again = bisect_left(before, before[end] - repeated, first, end)
        first = again if again > first else end
    return windows


class OverlappingPlanner:
    """Plans the windows of `character_windows`; a chunk is a window's own lines, its prompt shows the whole window.

    Where a window takes more tokens than the budget, its lines are cut again into windows of half its characters. A
    line that does not fit a prompt by itself is skipped. (The released script leaves all of such a window as it was.)
    """

    def __init__(self, prompts: ChunkPrompts, most: int, overlap: float) -> None:
        """Prepare; `most` and `overlap` are those of `character_windows`."""
        self._prompts = prompts
        self._most = most
        self._overlap = overlap

    def plan(self, texts: Sequence[str]) -> list[list[PlannedChunk]]:
        """Return the chunks of each text, in order."""
        documents = [text.split("\n") for text in texts]
        lengths = [self._lengths(lines) for lines in documents]
        found: list[dict[Window, tuple[int, ...] | None]] = [{} for _ in documents]
        upcoming = [
            (number, window)
            for number, each in enumerate(lengths)
            for window in character_windows(each, self._most, self._overlap)
        ]
        while upcoming:
            encoded = self._prompts.encode(
                (documents[number], window.shown_from, window.end) for number, window in upcoming
            )
            too_long: list[tuple[int, Window]] = []
            for (number, window), encoding in zip(upcoming, encoded, strict=True):
                if len(encoding) <= self._prompts.budget:
                    found[number][window] = encoding.token_ids
                elif window.shown_from == window.end:
                    found[number][window] = None
                else:
                    too_long += [(number, part) for part in self._parts(lengths[number], window)]
            upcoming = too_long
        return [self._planned(each) for each in found]

    def _planned(self, found: dict[Window, tuple[int, ...] | None]) -> list[PlannedChunk]:
        planned: list[PlannedChunk] = []
        for index, (window, token_ids) in enumerate(sorted(found.items(), key=lambda item: item[0].start)):
            chunk = Chunk(index, window.start, window.end)
            if token_ids is None:
                planned.append(PlannedChunk(chunk._replace(skip_reason=LINE_LONGER_THAN_WINDOW)))
            else:
                planned.append(self._prompts.planned(chunk, token_ids))
        return planned

    def _lengths(self, lines: Sequence[str]) -> list[int]:
        labelled = labelled_lines(lines, 0, self._prompts.dialect)
        return [len(line or "") for line in labelled]

    def _parts(self, lengths: Sequence[int], window: Window) -> list[Window]:
        """Cut a window in half: the parts that have lines of its own."""
        shown = lengths[window.shown_from : window.end + 1]
        parts = character_windows(shown, (sum(shown) + len(shown) - 1) // 2, self._overlap)
        placed = [Window(*(line + window.shown_from for line in part)) for part in parts]
        return [part._replace(start=max(part.start, window.start)) for part in placed if part.end >= window.start]


class WholePagePlanner:
    """Plans one chunk for each document, and skips those that do not fit a prompt, as the released ReScraper does."""

    def __init__(self, prompts: ChunkPrompts) -> None:
        """Prepare for one frame and budget."""
        self._prompts = prompts

    def plan(self, texts: Sequence[str]) -> list[list[PlannedChunk]]:
        """Return the only chunk of each text."""
        documents = [text.split("\n") for text in texts]
        encoded = self._prompts.encode((lines, 0, len(lines) - 1) for lines in documents)
        return [
            [
                self._prompts.planned(Chunk(0, 0, len(lines) - 1), encoding.token_ids)
                if len(encoding) <= self._prompts.budget
                else PlannedChunk(Chunk(0, 0, len(lines) - 1, PAGE_LONGER_THAN_WINDOW))
            ]
            for lines, encoding in zip(documents, encoded, strict=True)
        ]
