"""What calls that are said to be applied mean, worked out anew: by the words of each dialect, without the executor.

invariants.py compares it with what the executor did.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from prox_assets.programs import (
    DIALECTS,
    Chunk,
    ChunkProgram,
    Edit,
    EditStatus,
    ExecutionPolicy,
    InsertLine,
    Normalize,
    RemoveAll,
    RemoveAllLines,
    RemoveLines,
    ReplaceInLine,
    Rewrite,
)
from prox_assets.programs.formulas import find_formulas

STATES_AT_MOST = 100_000

Pair = tuple[str, str]
"""A string, and what replaces it."""


class Expected(NamedTuple):
    """A line of the result: the line that it was, and the replacements that may have been made in it."""

    line: str
    pairs: Sequence[Pair] = ()


@dataclass
class _Meant:
    """What the applied calls of one program ask for, with lines counted from the chunk's first."""

    removed: set[int] = field(default_factory=set)
    everywhere: list[Pair] = field(default_factory=list)
    inside: dict[int, list[Pair]] = field(default_factory=dict)
    inserted: list[tuple[int, int, str]] = field(default_factory=list)
    rewritten: str | None = None


def expected_lines(
    text: str, programs: Sequence[ChunkProgram], policy: ExecutionPolicy, edits: Iterator[Edit]
) -> list[Expected]:
    """Return the lines of the result, taking the edits' word for which calls were applied.

    Raises:
        AssertionError: A call that means nothing of the kind is said to be applied, or calls lack an edit.
    """
    lines = text.split("\n")
    spared = set(find_formulas(lines)) if policy.protect_formulas else set()
    found: list[Expected] = []
    done = 0
    for item in programs:
        start, end = item.chunk.line_start, item.chunk.line_end + 1
        found += map(Expected, lines[done:start])
        done = end
        shown = lines[start:end]
        if item.program is None:
            found += map(Expected, shown)
            continue
        meant = _meant(shown, item, policy, edits)
        meant.removed -= {line - start for line in spared}
        found += _left(shown, meant)
    return [*found, *map(Expected, lines[done:])]


def can_become(before: str, after: str, pairs: Sequence[Pair]) -> bool:
    """Tell whether one line becomes the other by replacing some occurrences of sources, none of them twice.

    This is a search that tries the likeliest step first. If STATES_AT_MOST states are not enough, the line passes the
    check; that takes a line of thousands of characters with a source that may match at each of them.
    """
    by_head: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_head.setdefault(pair[0][:1], []).append(pair)
    pending, seen, tried = [(0, 0)], {(0, 0)}, 0
    while pending and len(seen) + tried < STATES_AT_MOST:
        here, there = pending.pop()
        if here == len(before) and there == len(after):
            return True
        steps = [(here + 1, there + 1)] if before[here : here + 1] == after[there : there + 1] != "" else []
        candidates = by_head.get(before[here : here + 1], [])
        tried += len(candidates)
        steps += [
            (here + len(source), there + len(target))
            for source, target in candidates
            if source and before.startswith(source, here) and after.startswith(target, there)
        ]
        for step in steps:
            if step not in seen:
                seen.add(step)
                pending.append(step)
    return bool(pending)


def _left(shown: Sequence[str], meant: _Meant) -> Iterator[Expected]:
    if meant.rewritten is not None:
        yield from map(Expected, meant.rewritten.split("\n"))
        return
    inserted: dict[int, list[str]] = {}
    for after, _, text in sorted(meant.inserted, key=lambda line: line[:2]):
        inserted.setdefault(after, []).append(text)
    yield from map(Expected, inserted.get(-1, ()))
    for number, line in enumerate(shown):
        if number not in meant.removed:
            yield Expected(line, [*meant.everywhere, *meant.inside.get(number, ())])
        yield from map(Expected, inserted.get(number, ()))


def _meant(shown: Sequence[str], item: ChunkProgram, policy: ExecutionPolicy, edits: Iterator[Edit]) -> _Meant:
    dialect = DIALECTS[policy.dialect]
    assert isinstance(item.program, str)
    numbers = _numbers(shown, item.chunk, policy)
    first = min(numbers, default=0)
    meant = _Meant()
    for call in dialect.parse(item.program).calls or (None,):
        edit = next(edits, None)
        assert edit is not None, "there are fewer edits than calls"
        if edit.status is not EditStatus.APPLIED:
            continue
        assert not item.truncated, "a program that was cut off is carried out"
        match call:
            case RemoveLines(start, end):
                assert end in numbers, "lines outside the chunk are removed"
                assert start in numbers or _is_earlier(start, item.chunk, policy), "lines outside the chunk are removed"
                for number in range(max(start, first), end + 1):
                    meant.removed.update(numbers[number])
            case RemoveAllLines() | RemoveAll():
                meant.removed.update(range(len(shown)))
            case Normalize(source, target):
                meant.everywhere += [(source, target), *([call.verbatim] if call.verbatim else [])]
            case ReplaceInLine(number, source, target, occurrence):
                line = numbers[number][0]
                written = json.loads(edit.arguments)["source_str"]
                same = written if dialect.shows_blank_lines else re.sub(r"\s+", " ", written)
                assert same == source, "another string is replaced"
                assert occurrence == "first" or shown[line].count(written) == 1, (
                    "a string is replaced that is not alone"
                )
                meant.inside.setdefault(line, []).append((written, target))
            case InsertLine(number, text, rank):
                meant.inserted.append((-1 if number == first - 1 else numbers[number][-1], rank, text))
            case Rewrite(text):
                assert policy.execute_rewrites, "a rewrite is executed that should be recorded"
                meant.rewritten = text
            case _:
                raise AssertionError(f"{call} is said to be applied")
    return meant


def _numbers(shown: Sequence[str], chunk: Chunk, policy: ExecutionPolicy) -> dict[int, list[int]]:
    """Return the lines that each number of a program means: one, and the blank ones after it where none is shown."""
    dialect = DIALECTS[policy.dialect]
    number = dialect.first_number - 1 + (chunk.line_start if policy.line_numbers == "document" else 0)
    meant: dict[int, list[int]] = {}
    for line, text in enumerate(shown):
        if dialect.shows_blank_lines or text.strip():
            number += 1
            meant[number] = [line]
        elif number in meant:
            meant[number].append(line)
    return meant


def _is_earlier(number: int, chunk: Chunk, policy: ExecutionPolicy) -> bool:
    """Tell whether a window before the chunk's own shows, or stands before, the line with a number."""
    dialect = DIALECTS[policy.dialect]
    overlaps = dialect.overlapping_characters > 0 and policy.line_numbers == "document"
    return overlaps and chunk.line_start > 0 and number >= dialect.first_number
