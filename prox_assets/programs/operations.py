"""The operations that make up a refining program, one frozen dataclass each, and their canonical spelling.

The dialects parse programs; the executor runs them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from prox_assets.programs.string_literals import quote

MAX_LINE_NUMBER_DIGITS = 18
"""Maximum digits of a line number in a program: such a number fits a 64-bit column and is cheap to read."""

_LINE_NUMBER_BOUND = 10**MAX_LINE_NUMBER_DIGITS


@dataclass(frozen=True, slots=True)
class KeepDoc:
    """Document level: keep the document (ProX paper, table 1)."""


@dataclass(frozen=True, slots=True)
class DropDoc:
    """Document level: drop the document (ProX paper, table 1)."""


@dataclass(frozen=True, slots=True)
class KeepChunk:
    """Chunk level: leave the chunk as it is (ProX paper, table 1)."""


@dataclass(frozen=True, slots=True)
class RemoveLines:
    """Chunk level: remove the lines `start` to `end`, 0-based and both inclusive (ProX paper, table 1).

    Raises:
        ValueError: A number has more than MAX_LINE_NUMBER_DIGITS digits.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if 0 <= self.start <= self.end < _LINE_NUMBER_BOUND:  # the common case, in one comparison
            return
        if not (-_LINE_NUMBER_BOUND < self.start < _LINE_NUMBER_BOUND):
            raise ValueError(f"line numbers have at most {MAX_LINE_NUMBER_DIGITS} digits; start has more")
        if not (-_LINE_NUMBER_BOUND < self.end < _LINE_NUMBER_BOUND):
            raise ValueError(f"line numbers have at most {MAX_LINE_NUMBER_DIGITS} digits; end has more")


@dataclass(frozen=True, slots=True)
class RemoveAllLines:
    """Chunk level: `remove_lines(all=True)`, every line of the chunk that was shown (never of the whole document)."""


@dataclass(frozen=True, slots=True)
class Normalize:
    r"""Chunk level: replace every occurrence of `source` with `target` (ProX paper, table 1).

    Attributes:
        source: The string to search for.
        target: The replacement; "" deletes.
        verbatim: (source, target) exactly as spelled between the quotes, if unescaping changed them; else None. Models
            copy text without escaping it, so `"\theta"` may mean a tab and "heta" or the LaTeX command, and the
            executor searches for both. Ignored when operations are compared.
    """

    source: str
    target: str
    verbatim: tuple[str, str] | None = field(default=None, compare=False, repr=False)


DocumentOperation = KeepDoc | DropDoc
ChunkOperation = KeepChunk | RemoveLines | RemoveAllLines | Normalize
Operation = DocumentOperation | ChunkOperation


def call_name(operation: Operation) -> str:
    """Return the canonical function name of the operation."""
    match operation:
        case KeepDoc():
            return "keep_doc"
        case DropDoc():
            return "drop_doc"
        case KeepChunk():
            return "keep_chunk"
        case RemoveLines() | RemoveAllLines():
            return "remove_lines"
        case Normalize():
            return "normalize"


def call_arguments(operation: Operation) -> dict[str, int | str | bool]:
    """Return the operation's arguments under the ProX paper's keyword names (table 1)."""
    match operation:
        case RemoveLines(start, end):
            return {"line_start": start, "line_end": end}
        case RemoveAllLines():
            return {"all": True}
        case Normalize(source, target):
            return {"source_str": source, "target_str": target}
        case _:
            return {}


def render(operations: Iterable[Operation]) -> str:
    """Return the canonical program: one call per line, keyword arguments, double-quoted strings with escapes.

    `dialects.prox.parse(render(operations)).operations == tuple(operations)` for every sequence of operations.
    """
    return "\n".join(map(_render_call, operations))


def _render_call(operation: Operation) -> str:
    arguments = ", ".join(
        f"{name}={quote(value) if isinstance(value, str) else value}"
        for name, value in call_arguments(operation).items()
    )
    return f"{call_name(operation)}({arguments})"
