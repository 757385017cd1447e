"""What the released UltraX executor compares with difflib: inserted lines, and replacements in one line."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from difflib import Match, SequenceMatcher
from typing import NamedTuple

from prox_assets.programs.execution.reference.no_result import Budget
from prox_assets.programs.execution.reference.ultrax_calls import Call

_REMOVALS = 3
_REPLACEMENTS = 30
_FREQUENT_ENOUGH = 0.8
_INSERTIONS = 2
_PLACES = 3
_SIMILAR = 3
_SIMILARITY = 0.85
# What a look at two strings costs, in steps of difflib.
_STEPS_PER_PAIR = 20


class Piece(NamedTuple):
    """A change that one replacement makes to a line.

    Attributes:
        start: First character that goes, in the original line.
        end: Character after the last one.
        text: What takes their place.
        owner: The replacement, by its place in the arguments.
    """

    start: int
    end: int
    text: str
    owner: int


class Merged(NamedTuple):
    """Several replacements in one line as one.

    Attributes:
        line: The changed line.
        removed: Characters that each replacement removed.
        added: Characters that each of them added.
        missed: Those that changed nothing because another had changed the text before them.
    """

    line: str
    removed: Sequence[int]
    added: Sequence[int]
    missed: frozenset[int]


def is_repetitive(calls: Sequence[Call], text: str, budget: Budget) -> bool:
    """Return whether the executor takes a program for that of a model in a loop, and so changes nothing.

    Raises:
        ReferenceExecutionError: The comparison takes too long.
    """
    if len(calls) < 1 + min(_INSERTIONS, _REMOVALS):
        return False
    removals = Counter((call.first, call.second) for call in calls if call.kind == "remove_lines")
    replacements = Counter((call.old, call.new) for call in calls if call.kind == "replace_str")
    insertions = [call for call in calls if call.kind == "add_line"]
    places: dict[str, set[int]] = defaultdict(set)
    for call in insertions:
        places[call.new].add(call.first)
    return (
        max(removals.values(), default=0) > _REMOVALS
        or max(Counter((call.first, call.new) for call in insertions).values(), default=0) > _INSERTIONS
        or max(map(len, places.values()), default=0) > _PLACES
        or any(
            count > _REPLACEMENTS and not (old and text.count(old) >= count * _FREQUENT_ENOUGH)
            for (old, _), count in replacements.items()
        )
        or (len(insertions) > _SIMILAR and _has_similar([call.new for call in insertions], budget))
    )


def merge_replacements(line: str, pairs: Sequence[tuple[str, str]], budget: Budget) -> Merged | None:
    """Return what the executor makes of several replacements in one line, each (old, new) with one match.

    The longest `old` comes first. Of the rest, only what is outside the changes of those before it is left, and pure
    insertions go. Where two changes touch, the first one's text is cut to the length of what it replaced.

    Returns:
        None if that leaves the line as it was, and the executor makes the replacements one by one.

    Raises:
        ReferenceExecutionError: The comparison takes too long.
    """
    pieces: list[Piece] = []
    taken: list[tuple[int, int]] = []
    following: dict[str, int] = {}
    missed: set[int] = set()
    for owner in sorted(range(len(pairs)), key=lambda place: -len(pairs[place][0])):
        old, new = pairs[owner]
        place = line.find(old, following.get(old, 0))
        differences = _differences(old, new, budget)
        if differences and place >= 0:
            following[old] = place + 1
        found = [
            piece
            for start, end, text in (differences if place >= 0 else ())
            if (piece := _outside(Piece(place + start, place + end, text, owner), taken, budget))
        ]
        if not found and any(start < end for start, end, _ in differences):
            missed.add(owner)
        pieces += found
        taken += [(piece.start, piece.end) for piece in found]
    changed, added = _applied(line, sorted(pieces, key=lambda piece: piece.start), len(pairs))
    if changed == line:
        return None
    removed = [0] * len(pairs)
    for piece in pieces:
        removed[piece.owner] += piece.end - piece.start
    return Merged(changed, removed, added, frozenset(missed))


def _applied(line: str, pieces: Iterable[Piece], owners: int) -> tuple[str, list[int]]:
    """Return the line with pieces, sorted by start, in it, and the characters that each owner added."""
    result: list[str] = []
    added = [0] * owners
    start = done = 0
    run: list[tuple[str, int]] = []  # the characters of pieces that touch, each with its owner
    for piece in pieces:
        if piece.start > done or not result:
            result += [*(character for character, _ in run), line[done : piece.start]]
            added = _with_counts(added, run)
            start, run = piece.start, []
        run = run[: piece.start - start] + [(character, piece.owner) for character in piece.text]
        done = piece.end
    result += [*(character for character, _ in run), line[done:]]
    return "".join(result), _with_counts(added, run)


def _with_counts(added: list[int], run: Sequence[tuple[str, int]]) -> list[int]:
    counts = Counter(owner for _, owner in run)
    return [number + counts[owner] for owner, number in enumerate(added)]


def _outside(piece: Piece, taken: Sequence[tuple[int, int]], budget: Budget) -> Piece | None:
    """Return what is left of a piece outside the ranges that are taken; None if that is nothing."""
    start, end, text, owner = piece
    budget.spend(len(taken))
    for first, last in taken:
        if end <= first or start >= last:
            continue
        if start < first and end > last:
            return None
        if start < first:
            text = text[: max(0, len(text) - (end - first))]
            end = first
        elif end > last:
            text = text[last - start :]
            start = last
        else:
            return None
    return Piece(start, end, text, owner) if start < end else None


def _differences(old: str, new: str, budget: Budget) -> list[tuple[int, int, str]]:
    """Return (start, end, text) of each part of `old` that is different in `new`."""
    opcodes = _Matcher(old, new, budget).get_opcodes()
    return [(start, end, new[first:last]) for tag, start, end, first, last in opcodes if tag != "equal"]


def _has_similar(texts: Sequence[str], budget: Budget) -> bool:
    """Return whether more than _SIMILAR texts are similar to the first text of their group."""
    groups: list[tuple[str, Counter[str]]] = []
    sizes: list[int] = []
    for text in texts:
        letters = Counter(text)
        for number, (first, first_letters) in enumerate(groups):
            budget.spend(_STEPS_PER_PAIR)
            if _similar(first, text, first_letters, letters, budget):
                sizes[number] += 1
                if sizes[number] > _SIMILAR:
                    return True
                break
        else:
            groups.append((text, letters))
            sizes.append(1)
    return False


def _similar(first: str, second: str, first_letters: Counter[str], letters: Counter[str], budget: Budget) -> bool:
    length = len(first) + len(second)
    # Two bounds of the ratio, so that few pairs have to be compared.
    if length and 2.0 * min(len(first), len(second)) / length < _SIMILARITY:
        return False
    budget.spend(min(len(first_letters), len(letters)))
    if length and 2.0 * (first_letters & letters).total() / length < _SIMILARITY:
        return False
    return _Matcher(first, second, budget).ratio() >= _SIMILARITY


class _Matcher(SequenceMatcher[str]):
    """A matcher that stops when the budget is spent, because hostile strings take it days."""

    def __init__(self, first: str, second: str, budget: Budget) -> None:
        budget.spend(len(first) + len(second))
        self._budget = budget
        self._length = len(first)
        super().__init__(None, first, second)
        frequencies = Counter(second)
        # Of a long string, difflib leaves out what is more frequent than this.
        bound = len(second) // 100 + 1 if len(second) >= 200 else len(second)
        places = sum(frequencies[character] for character in first if frequencies[character] <= bound)
        self._places_per_character = 1 + places // (len(first) or 1)

    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        """Count the steps, then search."""
        self._budget.spend(((self._length if ahi is None else ahi) - alo) * self._places_per_character)
        return super().find_longest_match(alo, ahi, blo, bhi)
