"""Finds candidates for noise inside a line: spans that a model then judges in their context.

Each span includes the spaces that should go with it, and says what takes its place. patterns.py holds the patterns of
each kind.

Three limits keep the time linear and small for any line: only the first `LINE_CHARACTERS` characters of a line are
searched, only the first `LINE_CANDIDATES` spans of a line are returned, and no span has more than `SPAN_CHARACTERS`
characters.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from prox_assets.programs.words import UNSPACED, cuts_word
from prox_assets.refiners.prompts.formats import shown_line
from prox_assets.refiners.spans.invisible import (
    control_pairs,
    halves_a_pair,
    needed_characters,
    with_pairs_around,
    without_halves,
)
from prox_assets.refiners.spans.marks import URL_MAX_CHARACTERS
from prox_assets.refiners.spans.patterns import PATTERNS, NoiseKind, NoisePattern

LINE_CHARACTERS = 200_000
LINE_CANDIDATES = 64
SPAN_CHARACTERS = 1_200
# A span takes along up to this much white space beside it; more is layout.
_SPACE_CHARACTERS = 64

ALL_KINDS = frozenset(NoiseKind)

_CLOSERS = {"(": ")", "[": "]", "<": ">", "（": "）", "⟨": "⟩"}
_WORD = re.compile(r"\w")
_FIRST_CELL = re.compile(r"^\s*\|[^|]*\w[^|]*\|")
_LAST_CELL = re.compile(r"\|[^|]*\w[^|]*\|\s*$")
_URL_TAIL = ".,;:!?'\"’*_…)]>"
# One of these separators stays where text stands on both sides; other separators go entirely.
_SINGLE_SEPARATORS = "|•·»›>/"
_OPENING = "([{<“‘\"'«¿¡-–—/|"
_CLOSING = ".,;:!?)]}>”’\"'»…%-–—/|"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span of a line that may be noise.

    Attributes:
        start: First character.
        end: One past the last character.
        kind: What it may be.
        replacement: The text put in its place: "", or a single separator or space where the two sides need one.
    """

    start: int
    end: int
    kind: NoiseKind
    replacement: str = ""

    def apply(self, line: str) -> str:
        """Return the line without the span."""
        return line[: self.start] + self.replacement + line[self.end :]


def find_candidates(line: str, kinds: Collection[NoiseKind] = ALL_KINDS) -> list[Candidate]:
    """Return the candidates of a line, in order, without overlap and without cutting words.

    Where spans of several kinds overlap, the one that begins first wins, and among those the longest. A span is a
    candidate only if the line has a letter or digit outside it; otherwise the line's label decides. Invisible
    characters that the text needs (invisible.py) are not candidates.

    Args:
        line: One line, without a line break; a carriage return at its end is never part of a candidate.
        kinds: The kinds to look for.
    """
    line = shown_line(line)
    shown = line[:LINE_CHARACTERS]
    lowered = shown.lower()
    pairs = control_pairs(shown)
    found = [
        (start, -end, order, candidate_pattern.kind)
        for order, candidate_pattern in enumerate(PATTERNS)
        if candidate_pattern.kind in kinds
        and (not candidate_pattern.triggers or any(trigger in lowered for trigger in candidate_pattern.triggers))
        for start, end in _spans(shown, candidate_pattern, pairs)
    ]
    found.sort()
    candidates: list[Candidate] = []
    done = 0
    for start, negative_end, _, kind in found:
        if start < done or not (_WORD.search(line, 0, start) or _WORD.search(line, -negative_end)):
            continue
        candidate = _with_spaces(line, start, -negative_end, kind, done)
        candidates.append(candidate)
        done = candidate.end
        if len(candidates) == LINE_CANDIDATES:
            break
    return candidates


def _spans(line: str, noise: NoisePattern, pairs: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the spans of one kind, without the spaces around them; `pairs` are the line's paired direction controls."""
    for match in noise.pattern.finditer(line):
        start, end = match.span()
        if noise.kind is NoiseKind.INVISIBLE:
            yield from _unneeded(line, start, end, pairs)
            continue
        start, end = without_halves(start, end, pairs)
        if noise.kind is NoiseKind.URL:
            if end - start >= URL_MAX_CHARACTERS:
                continue
            end = _url_end(line, start, end)
        if noise.kind is NoiseKind.SEPARATOR and "|" in match[0] and _is_table_row(line):
            continue
        while start < end and line[start].isspace():
            start += 1
        while start < end and line[end - 1].isspace():
            end -= 1
        start, end = _balanced(line, start, end)
        yield from _whole(line, start, end, pairs)


def _unneeded(line: str, start: int, end: int, pairs: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the parts of a run of invisible characters that lie between the characters that the line needs."""
    for needed in (*needed_characters(line, start, end, pairs), end):
        yield from _whole(line, start, needed, pairs)
        start = needed + 1


def _whole(line: str, start: int, end: int, pairs: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Yield a span, extended by brackets and controls that would be left empty, unless it cuts a word or a pair."""
    start, end = with_pairs_around(start, end, pairs)
    if start and end < len(line) and _CLOSERS.get(line[start - 1]) == line[end]:
        start, end = with_pairs_around(start - 1, end + 1, pairs)
    if (
        start < end <= start + SPAN_CHARACTERS
        and not (cuts_word(line, start) or cuts_word(line, end))
        and not halves_a_pair(start, end, pairs)
    ):
        yield start, end


def _is_table_row(line: str) -> bool:
    """Return whether bars separate the cells of a table.

    A refiner once removed eight bars from such lines, and all eight should have stayed.
    """
    return _FIRST_CELL.search(line) is not None or _LAST_CELL.search(line) is not None


def _url_end(line: str, start: int, end: int) -> int:
    """Strip the sentence's punctuation from a URL's end; a closing bracket stays if the URL has its opening bracket."""
    while end > start and line[end - 1] in _URL_TAIL:
        opening = {")": "(", "]": "["}.get(line[end - 1])
        if opening and line.count(opening, start, end) >= line.count(line[end - 1], start, end):
            break
        end -= 1
    return end


def _balanced(line: str, start: int, end: int) -> tuple[int, int]:
    """Drop a bracket at either end if it has no partner in the span."""
    for opening, closing in ("()", "[]"):
        inside = line[start:end]
        if inside.startswith(opening) and closing not in inside:
            start += 1
        elif inside.endswith(closing) and opening not in inside:
            end -= 1
    return start, end


def _with_spaces(line: str, start: int, end: int, kind: NoiseKind, free: int) -> Candidate:
    """Extend a span by the spaces that would be left over without it, and choose its replacement.

    Args:
        line: The line.
        start: First character of the span proper.
        end: One past its last character.
        kind: Its kind.
        free: End of the candidate before it; nothing before this position is touched.
    """
    before, after = start, end
    while before > free and start - before < _SPACE_CHARACTERS and line[before - 1].isspace():
        before -= 1
    while after < len(line) and after - end < _SPACE_CHARACTERS and line[after].isspace():
        after += 1
    if not line[:before].strip():
        # The indentation stays; what follows the span moves there.
        return Candidate(start, after, kind)
    if after == len(line):
        return Candidate(before, end, kind)
    kept = line[start] if kind is NoiseKind.SEPARATOR else ""
    if kept and kept in _SINGLE_SEPARATORS:
        return Candidate(start, end, kind, kept)
    if kind is NoiseKind.SEPARATOR and kept in ".…":
        return Candidate(start, end, kind, "... " if line[end].isalnum() else "...")
    if before < start and (after > end or line[end] in _CLOSING):
        return Candidate(before, end, kind)
    tight = before == start and after == end and line[start - 1] not in _OPENING and line[end] not in _CLOSING
    unspaced = UNSPACED.match(line[start - 1]) and UNSPACED.match(line[end])
    needs_space = tight and not unspaced and kind is not NoiseKind.INVISIBLE
    return Candidate(start, end, kind, " " if needs_space else "")
