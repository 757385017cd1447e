"""Where a released executor has no result: it crashes, or fills memory, or takes days."""

from collections.abc import Iterable

LINE_NUMBER_LIMIT = 10**10
"""The released code puts every line number of a range into a set. Beyond this many numbers (over half a terabyte) we
assume that it fails; below, we compute the same result without the set."""

COMPARISON_LIMIT = 2 * 10**8
"""Steps of difflib for one document, about twenty seconds of them. UltraX's executor compares inserted lines with each
other and the strings of replacements; beyond this many steps we assume that it never finishes."""


class ReferenceExecutionError(Exception):
    """The released executor crashes or never finishes on this input, so there is no result to reproduce."""


class Budget:
    """The steps of work that are left for one document."""

    def __init__(self, steps: int = COMPARISON_LIMIT) -> None:
        self._left = steps

    def spend(self, steps: int) -> None:
        """Take steps from the budget.

        Raises:
            ReferenceExecutionError: There are fewer left.
        """
        self._left -= steps
        if self._left < 0:
            raise ReferenceExecutionError("comparing strings takes longer than anyone would wait")


def merged_ranges(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that touch or overlap, sorted by start (and, where equal, in program order)."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges, key=lambda span: span[0]):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def count_numbers(ranges: Iterable[tuple[int, int]]) -> int:
    """Return how many different numbers are in the ranges; none of them may be reversed."""
    return sum(end - start + 1 for start, end in merged_ranges(ranges))
