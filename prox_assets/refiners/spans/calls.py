"""Turns noise spans into `normalize` calls that touch exactly these spans.

`normalize` replaces a string everywhere in its chunk. If every occurrence of a span's text is noise, the call uses that
text. Otherwise, as with "[1]" that is a citation mark here and an array index there, the string is extended by the
characters on both sides of the span until it occurs nowhere else. A span without such a string stays in the text. The
strings never overlap in the text, so neither the executor's order nor removing some of the lines makes a difference.

candidates.py finds the spans, and `programs.execution` executes the calls.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from prox_assets.programs.execution.judging import SEARCH_LIMIT, SOURCE_LIMIT
from prox_assets.programs.operations import Normalize
from prox_assets.programs.string_literals import quote
from prox_assets.programs.words import cuts_word
from prox_assets.refiners.prompts.formats import shown_line
from prox_assets.refiners.spans.candidates import Candidate

# Characters to add on either side, tried in turn; the largest numbers tell any two places of ordinary text apart.
EXTENSIONS = (1, 3, 6, 12, 24, 48)
# An extension may grow by at most this many characters to avoid cutting a word.
_WORD_CHARACTERS = 40
# Matches, weighted by length, that the executor examines for any text (programs.execution.replacing).
_EFFORT = 1_000
_CHARACTERS_PER_EFFORT = 64


class NoiseSpan(NamedTuple):
    """A span judged to be noise: its 0-based line in the chunk, and the span within that line."""

    line: int
    span: Candidate


class _Place(NamedTuple):
    """A span in the text of the whole chunk."""

    start: int
    end: int
    replacement: str


def normalize_calls(lines: Sequence[str], noise: Sequence[NoiseSpan]) -> tuple[Normalize, ...]:
    """Return calls that replace the spans and change nothing else, in the chunk or in any subset of its lines.

    Args:
        lines: The chunk's lines.
        noise: Spans of these lines that do not overlap and do not cut words. Spans beyond the executor's limits (512
            different strings, 2,000 characters a string, 1,000 matches) are left out, and so are spans that no string
            tells apart from text that stays.
    """
    calls = _Calls(lines, noise)
    remaining = [group for group in calls.groups() if not calls.add_all(group)]
    for group in remaining:
        for place in group:
            calls.add_extended(place)
    return tuple(calls.chosen)


class _Calls:
    """The calls chosen for a chunk so far, and the parts of its text that they touch."""

    def __init__(self, lines: Sequence[str], noise: Sequence[NoiseSpan]) -> None:
        self._text = "\n".join(lines)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line) + 1)
        self._places = sorted(
            _Place(starts[line] + span.start, starts[line] + span.end, span.replacement) for line, span in noise
        )
        # Ranges of the spans and chosen strings; extensions stop before them.
        self._taken = [(place.start, place.end) for place in self._places]
        self._effort = _EFFORT
        self.chosen: list[Normalize] = []

    def groups(self) -> list[list[_Place]]:
        """Return the spans grouped by text and replacement, in order of first occurrence."""
        groups: dict[tuple[str, str], list[_Place]] = {}
        for place in self._places:
            groups.setdefault((self._text[place.start : place.end], place.replacement), []).append(place)
        return list(groups.values())

    def add_all(self, group: Sequence[_Place]) -> bool:
        """Choose one call for all spans with the same text; return whether one exists."""
        first = group[0]
        starts = {place.start for place in group}
        return self._choose(self._text[first.start : first.end], first.replacement, starts)

    def add_extended(self, place: _Place) -> bool:
        """Choose a call for one span with some of the text around it; return whether one exists."""
        index = bisect_left(self._taken, (place.start, place.end))
        line_start = self._text.rfind("\n", 0, place.start) + 1
        line_end = self._text.find("\n", place.end)
        floor = max(line_start, self._taken[index - 1][1] if index else 0)
        # Strings leave out the carriage return at the end of a line: no model has seen it.
        ceiling = place.end + len(shown_line(self._text[place.end : len(self._text) if line_end < 0 else line_end]))
        if index + 1 < len(self._taken):
            ceiling = min(ceiling, self._taken[index + 1][0])
        for characters in EXTENSIONS:
            start = self._whole_word(max(floor, place.start - characters), floor, -1)
            end = self._whole_word(min(ceiling, place.end + characters), ceiling, 1)
            if start is None or end is None:
                return False
            source = self._text[start:end]
            target = self._text[start : place.start] + place.replacement + self._text[place.end : end]
            if self._choose(source, target, {start}):
                self._taken[index] = (start, end)
                return True
            if start == floor and end == ceiling:
                return False
        return False

    def _whole_word(self, position: int, limit: int, step: int) -> int | None:
        """Move a position until it no longer cuts a word; None if that takes too many steps."""
        for _ in range(_WORD_CHARACTERS):
            if position == limit or not cuts_word(self._text, position):
                return position
            position += step
        return None

    def _choose(self, source: str, target: str, starts: set[int]) -> bool:
        """Choose a call if the executor accepts it and its string occurs at these places only."""
        if len(source) > SOURCE_LIMIT or len(self.chosen) == SEARCH_LIMIT or not _can_be_written(source + target):
            return False
        effort = len(starts) * (1 + len(source) // _CHARACTERS_PER_EFFORT)
        written = quote(source)[1:-1]
        # The executor also searches for the string as written, with its escapes.
        if effort > self._effort or (written != source and written in self._text):
            return False
        found = self._text.find(source)
        while found >= 0:
            if found not in starts:
                return False
            found = self._text.find(source, found + 1)
        self._effort -= effort
        self.chosen.append(Normalize(source, target))
        return True


def _can_be_written(text: str) -> bool:
    """Return whether a program can contain a text: NUL is not allowed in targets, and UTF-8 has no lone surrogates."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
