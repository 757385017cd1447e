"""Replaces several strings in one text at the same time."""

import heapq
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prox_assets.programs.execution.recording import Replacement
from prox_assets.programs.words import cuts_word

EFFORT_PER_CHARACTER = 1
_EFFORT_ALWAYS_ALLOWED = 1_000
_SOURCE_CHARACTERS_PER_EFFORT = 64

GROWTH_PER_CHARACTER = 2
_GROWTH_ALWAYS_ALLOWED = 10_000


class Search(NamedTuple):
    """One string to search for, or one match that is known.

    Attributes:
        source: The string.
        target: What replaces it.
        owner: Index of the tally that counts its matches.
        at: Where the only match that is meant begins, which may also cut a word; None for all matches.
    """

    source: str
    target: str
    owner: int
    at: int | None = None


@dataclass(slots=True)
class Tally:
    """Counts of what became of one owner's matches."""

    replaced: int = 0
    overlapped: int = 0
    cut_words: int = 0
    protected: int = 0
    characters_removed: int = 0
    characters_added: int = 0


def replace_all_at_once(
    text: str,
    searches: Sequence[Search],
    owners: int,
    whole_words: bool,
    replacements: list[Replacement] | None = None,
    protected: Sequence[tuple[int, int]] = (),
) -> tuple[str, list[Tally]] | None:
    """Replace every match in the original text; inserted text is never searched.

    Matches are taken from left to right, the longest first at each position (then the earlier search), and never
    overlap. So the order of the searches does not matter as long as their sources differ, or their places do.

    Args:
        text: The text.
        searches: The strings to search for; no source is empty.
        owners: Number of tallies to return.
        whole_words: Skip matches whose edges cut a word.
        replacements: A list that receives each replaced match, from left to right; ignore it if None is returned.
        protected: Parts of the text, (start, end) in order and without overlap, of which no match may take anything.

    Returns:
        The new text and one tally per owner. None if the cost would approach the product of text and program lengths,
        which no honest program needs: beyond a fixed allowance, more effort than EFFORT_PER_CHARACTER per character of
        the text (a match costs 1, plus 1 for each 64 characters of its source), or targets of more than
        GROWTH_PER_CHARACTER characters per character of the text.
    """
    tallies = [Tally() for _ in range(owners)]
    upcoming = [
        (start, -len(search.source), order)
        for order, search in enumerate(searches)
        if (start := text.find(search.source) if search.at is None else search.at) >= 0
    ]
    heapq.heapify(upcoming)
    pieces: list[str] = []
    done = 0
    boundaries = bytearray()
    effort_left = _EFFORT_ALWAYS_ALLOWED + EFFORT_PER_CHARACTER * len(text)
    growth_left = _GROWTH_ALWAYS_ALLOWED + GROWTH_PER_CHARACTER * len(text)
    protected_ends = [end for _, end in protected]
    # What is the same for all matches of a search: its effort too, and whether they must be whole words.
    parts = [
        (*search[:3], 1 + len(search.source) // _SOURCE_CHARACTERS_PER_EFFORT, whole_words and search.at is None)
        for search in searches
    ]
    while upcoming:
        start, _, order = upcoming[0]
        source, target, owner, effort, whole = parts[order]
        effort_left -= effort
        if effort_left < 0 or growth_left < 0:
            return None
        end = start + len(source)
        tally = tallies[owner]
        if start < done:
            tally.overlapped += 1
            resume = done
        elif protected and (part := bisect_right(protected_ends, start)) < len(protected) and protected[part][0] < end:
            tally.protected += 1
            resume = protected_ends[part]  # every match that begins before it takes something of this part
        elif whole and cuts_word(text, start):
            tally.cut_words += 1
            # A long run of letters may match at every letter, so jump to its end.
            boundaries = boundaries or _word_boundaries(text)
            resume = boundaries.find(1, start + 1)
        elif whole and cuts_word(text, end):
            tally.cut_words += 1
            resume = start + 1
        else:
            tally.replaced += 1
            tally.characters_removed += len(source)
            tally.characters_added += len(target)
            growth_left -= len(target)
            pieces += (text[done:start], target)
            if replacements is not None:
                replacements.append(Replacement(start, end, len(target)))
            done = resume = end
        following = text.find(source, resume) if whole or searches[order].at is None else -1
        if following < 0:
            heapq.heappop(upcoming)
        else:
            heapq.heapreplace(upcoming, (following, -len(source), order))
    if growth_left < 0:
        return None
    pieces.append(text[done:])
    return "".join(pieces), tallies


def _word_boundaries(text: str) -> bytearray:
    """Return one byte per position from 0 to len(text): 1 where a cut would not split a word."""
    return bytearray(not cuts_word(text, position) for position in range(len(text) + 1))
