"""Replacing several strings in one text at the same time.

Belongs here: `replace_all_at_once` and its counts.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prox_assets.programs.words import cuts_word

MATCHES_PER_CHARACTER = 2
_MATCHES_ALWAYS_ALLOWED = 1_000


class Search(NamedTuple):
    """One string to look for; `owner` is the index of the tally that counts its matches."""

    source: str
    target: str
    owner: int


@dataclass(slots=True)
class Tally:
    """What became of the matches of one owner."""

    replaced: int = 0
    overlapped: int = 0
    cut_words: int = 0
    characters_removed: int = 0
    characters_added: int = 0


def replace_all_at_once(
    text: str, searches: Sequence[Search], owners: int, whole_words: bool
) -> tuple[str, list[Tally]] | None:
    """Replace every match in the original text; what was put in is never searched.

    Matches are taken from left to right, at each place the longest first (then the earlier search), and never overlap,
    so the order of the searches does not matter as long as their sources differ.

    Args:
        text: The text.
        searches: What to look for; no source is empty.
        owners: How many tallies to return.
        whole_words: Leave out matches whose edges cut a word.

    Returns:
        The new text and one tally per owner; None where more than MATCHES_PER_CHARACTER matches a character had
        to be looked at, which no honest program needs and which would make the cost the product of text and program.
    """
    tallies = [Tally() for _ in range(owners)]
    upcoming = [
        (start, -len(search.source), order)
        for order, search in enumerate(searches)
        if (start := text.find(search.source)) >= 0
    ]
    heapq.heapify(upcoming)
    pieces: list[str] = []
    done = 0
    boundaries = bytearray()
    allowance = _MATCHES_ALWAYS_ALLOWED + MATCHES_PER_CHARACTER * len(text)
    while upcoming:
        allowance -= 1
        if allowance < 0:
            return None
        start, _, order = upcoming[0]
        source, target, owner = searches[order]
        end = start + len(source)
        tally = tallies[owner]
        if start < done:
            tally.overlapped += 1
            resume = done
        elif whole_words and cuts_word(text, start):
            tally.cut_words += 1
            # A long run of letters may match at each of its letters: go to its end at once.
            boundaries = boundaries or _word_boundaries(text)
            resume = boundaries.find(1, start + 1)
        elif whole_words and cuts_word(text, end):
            tally.cut_words += 1
            resume = start + 1
        else:
            tally.replaced += 1
            tally.characters_removed += len(source)
            tally.characters_added += len(target)
            pieces += (text[done:start], target)
            done = resume = end
        following = text.find(source, resume)
        if following < 0:
            heapq.heappop(upcoming)
        else:
            heapq.heapreplace(upcoming, (following, -len(source), order))
    pieces.append(text[done:])
    return "".join(pieces), tallies


def _word_boundaries(text: str) -> bytearray:
    """Return 1 for each position from 0 to len(text) that cuts no word."""
    return bytearray(not cuts_word(text, position) for position in range(len(text) + 1))
