"""Invisible characters that a line needs: removing them would change what it says.

These are joiners, zero-width spaces and pairs of direction controls that are at work. marks.py finds invisible
characters; the model decides which of the others are noise.
"""

import re
from collections.abc import Mapping

# Zero-width non-joiners and joiners choose the form of a letter in Persian and in Indic scripts, also at the end of a
# word (a Malayalam chillu is letter, virama and joiner), and hold emoji together.
JOINERS = "\u200c\u200d"
_JOINED = re.compile(
    "["
    "\u0590-\u109f"  # Hebrew, Arabic, Syriac, Thaana, N'Ko, Samaritan, Mandaic, the scripts of India, Thai to Burmese
    "\u1700-\u1c4f\u1cd0-\u1cff"  # Philippine scripts, Khmer, Mongolian, Balinese to Lepcha, Vedic signs
    "\ua800-\ua8ff\ua980-\uaaff\uabc0-\uabff"  # Phags-pa, Javanese, more of Burmese and of India
    "\ufb1d-\ufdff\ufe70-\ufefc"  # presentation forms of Hebrew and Arabic
    "\U00010a00-\U00010fff\U00011000-\U00011fff\U0001e900-\U0001e95f"  # the same families, beyond the first plane
    "\u20e3\ufe00-\ufe0f\U000e0020-\U000e01ef"  # keycaps, variation selectors, tags
    "\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"  # arrows, symbols, emoji
    "]"
)
# Scripts without spaces mark the end of a word with a zero-width space, where a line can be broken.
_WORD_SPACE = "\u200b"
_SPACED_SO = re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf]")

_ISOLATES = "\u2066\u2067\u2068"
_END_OF_ISOLATE = "\u2069"
_EMBEDDINGS = "\u202a\u202b\u202d\u202e"
_END_OF_EMBEDDING = "\u202c"
_CONTROL = re.compile(f"[{_ISOLATES}{_END_OF_ISOLATE}{_EMBEDDINGS}{_END_OF_EMBEDDING}]")


def needed_characters(line: str, start: int, end: int, pairs: Mapping[int, int]) -> list[int]:
    """Return the positions, in order, of the characters in a run that the line needs.

    Args:
        line: The line.
        start: First character of a run of invisible characters.
        end: One past its last character.
        pairs: The result of `control_pairs` for the line.
    """
    before, after = line[start - 1 : start] if start else "", line[end : end + 1]
    joined = any(map(_JOINED.match, (before, after)))
    # A single joiner between non-ASCII letters is left alone, whatever their script.
    joined = joined or (end - start == 1 and bool(before and after) and not (before.isascii() or after.isascii()))
    spaced = any(map(_SPACED_SO.match, (before, after)))
    return [
        position
        for position in range(start, end)
        if position in pairs or (joined and line[position] in JOINERS) or (spaced and line[position] == _WORD_SPACE)
    ]


def control_pairs(text: str) -> dict[int, int]:
    """Return the direction controls that have a partner: each position with its partner's position.

    Controls are paired as in Unicode's bidirectional algorithm: an isolate ends at its own end mark, which also ends
    the embeddings inside it. Controls without a partner are left out.

    Args:
        text: One line or several: the algorithm pairs within a line only, but a text may have been broken into lines.
    """
    pairs: dict[int, int] = {}
    if text.isascii():
        return pairs
    opened: list[int] = []
    isolates = 0
    for match in _CONTROL.finditer(text):
        position, control = match.start(), match[0]
        if control in _ISOLATES or control in _EMBEDDINGS:
            opened.append(position)
            isolates += control in _ISOLATES
        elif control == _END_OF_ISOLATE and isolates:
            while text[opened[-1]] in _EMBEDDINGS:
                opened.pop()
            isolates -= 1
            partner = opened.pop()
            pairs |= {partner: position, position: partner}
        elif control == _END_OF_EMBEDDING and opened and text[opened[-1]] in _EMBEDDINGS:
            partner = opened.pop()
            pairs |= {partner: position, position: partner}
    return pairs


def without_halves(start: int, end: int, pairs: Mapping[int, int]) -> tuple[int, int]:
    """Return a span without the controls at its ends whose partners lie outside it.

    Args:
        start: First character of the span.
        end: One past its last character.
        pairs: The result of `control_pairs` for the line.
    """
    while start < end and not start <= pairs.get(end - 1, start) < end:
        end -= 1
    while start < end and not start <= pairs.get(start, start) < end:
        start += 1
    return start, end


def with_pairs_around(start: int, end: int, pairs: Mapping[int, int]) -> tuple[int, int]:
    """Return a span extended by the pairs that enclose nothing else and would be left empty; arguments as above."""
    while pairs.get(start - 1) == end:
        start, end = start - 1, end + 1
    return start, end


def halves_a_pair(start: int, end: int, pairs: Mapping[int, int]) -> bool:
    """Return whether a span contains one half of a pair without the other; arguments as above."""
    return bool(pairs) and any(not start <= pairs.get(position, start) < end for position in range(start, end))
