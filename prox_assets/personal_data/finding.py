"""What is personal in a text, and the text with something else in its place."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prox_assets.personal_data.email import email_addresses
from prox_assets.personal_data.ip import ip_addresses
from prox_assets.personal_data.phone import phone_numbers


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of personal data.

    Attributes:
        start: First character of it in the text.
        end: Character after the last one.
        kind: One of KINDS.
        replacement: What takes its place: an address or a number that is reserved for examples, and nobody's.
    """

    start: int
    end: int
    kind: str
    replacement: str


_FINDERS: dict[str, Callable[[str], Iterator[tuple[int, int, str]]]] = {
    "email": email_addresses,
    "ip_address": ip_addresses,
    "phone_number": phone_numbers,
}
KINDS = tuple(_FINDERS)
"""Kinds of personal data; where two overlap, the first of them is meant."""


def find(text: str, kinds: Sequence[str]) -> list[Found]:
    """Return the personal data of a text from left to right, none overlapping another.

    A text in which everything was replaced holds none: replacements are never found.

    Args:
        text: The text.
        kinds: Which of KINDS.
    """
    found: list[Found] = []
    for kind in KINDS:
        if kind in kinds:
            new = [Found(start, end, kind, replacement) for start, end, replacement in _FINDERS[kind](text)]
            ends = [each.end for each in found]
            # The first that ends behind a start is the only one that can begin before its end.
            nearest = [found[place : place + 1] for place in (bisect_right(ends, one.start) for one in new)]
            found += [
                one for one, others in zip(new, nearest, strict=True) if not any(e.start < one.end for e in others)
            ]
            found.sort(key=lambda one: one.start)
    return found


def replaced(text: str, found: Sequence[Found]) -> str:
    """Return a text with what was found in it replaced."""
    pieces: list[str] = []
    done = 0
    for one in found:
        pieces += (text[done : one.start], one.replacement)
        done = one.end
    return "".join([*pieces, text[done:]])
