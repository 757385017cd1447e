"""The operations that make up a refining program, one frozen dataclass each, and their canonical spelling.

The dialects parse programs; the executor runs them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from prox_assets.programs.string_literals import quote

MAX_LINE_NUMBER_DIGITS = 18
"""Maximum digits of a line number in a program: such a number fits a 64-bit column and is cheap to read."""

_LINE_NUMBER_BOUND = 10**MAX_LINE_NUMBER_DIGITS

Occurrence = Literal["only", "first"]


def _check_number(number: int, name: str) -> None:
    if not -_LINE_NUMBER_BOUND < number < _LINE_NUMBER_BOUND:
        raise ValueError(f"line numbers have at most {MAX_LINE_NUMBER_DIGITS} digits; {name} has more")


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
        _check_number(self.start, "start")
        _check_number(self.end, "end")


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


@dataclass(frozen=True, slots=True)
class RemoveAll:
    """Chunk level: everything that was shown is worthless (`remove_all()` of UltraX, `<delete>` of ReScraper).

    The lines go as by `RemoveAllLines`. A document all of whose chunks are judged so is dropped, whatever
    `ExecutionPolicy.on_empty` says, because the refiner did not empty it by accident.
    """


@dataclass(frozen=True, slots=True)
class ReplaceInLine:
    """Chunk level: replace `source` in one line (`replace_str` of UltraX, `remove_str` of RefineX, `sub` of ReScraper).

    Attributes:
        line: The line.
        source: The string to search for.
        target: The replacement; "" deletes.
        occurrence: "only": the line must contain the string exactly once. "first": the first occurrence.

    Raises:
        ValueError: The number has more than MAX_LINE_NUMBER_DIGITS digits.
    """

    line: int
    source: str
    target: str = ""
    occurrence: Occurrence = "only"

    def __post_init__(self) -> None:
        _check_number(self.line, "line")


@dataclass(frozen=True, slots=True)
class InsertLine:
    """Chunk level: insert a line of new text (`add_line` of UltraX).

    Attributes:
        after: The line that it follows; the number before the first line's inserts it before the first line.
        text: The line, without a line break.
        rank: Lines inserted at one place are in the order of their ranks, and those of one rank in program order.

    Raises:
        ValueError: A number has more than MAX_LINE_NUMBER_DIGITS digits.
    """

    after: int
    text: str
    rank: int = 0

    def __post_init__(self) -> None:
        _check_number(self.after, "after")
        _check_number(self.rank, "rank")


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Chunk level: replace all that was shown by a new text (`<rewrite>` of ReScraper).

    None of it is from the source, so it is only recorded unless `ExecutionPolicy.execute_rewrites` is set.
    """

    text: str


DocumentOperation = KeepDoc | DropDoc
ChunkOperation = KeepChunk | RemoveLines | RemoveAllLines | RemoveAll | Normalize | ReplaceInLine | InsertLine | Rewrite
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
        case RemoveAll():
            return "remove_all"
        case ReplaceInLine():
            return "replace_in_line"
        case InsertLine():
            return "insert_line"
        case Rewrite():
            return "rewrite"


def call_arguments(operation: Operation) -> dict[str, int | str | bool]:
    """Return the operation's arguments, where ProX has it under the paper's keyword names (table 1)."""
    match operation:
        case RemoveLines(start, end):
            return {"line_start": start, "line_end": end}
        case RemoveAllLines():
            return {"all": True}
        case Normalize(source, target):
            return {"source_str": source, "target_str": target}
        case ReplaceInLine(line, source, target, occurrence):
            arguments: dict[str, int | str | bool] = {"line": line, "source_str": source, "target_str": target}
            return arguments if occurrence == "only" else {**arguments, "occurrence": occurrence}
        case InsertLine(after, text, rank):
            return {"after": after, "text": text, "rank": rank} if rank else {"after": after, "text": text}
        case Rewrite(text):
            return {"text": text}
        case _:
            return {}


def operation_of(name: str, arguments: Mapping[str, Any]) -> Operation:
    """Return the operation with that canonical name and those arguments; the inverse of `call_name`, `call_arguments`.

    Raises:
        ValueError: There is none.
    """
    values = dict(arguments)
    try:
        match name:
            case "keep_doc" | "drop_doc" | "keep_chunk" | "remove_all":
                return _WITHOUT_ARGUMENTS[name](**values)
            case "remove_lines":
                return RemoveAllLines() if values == {"all": True} else RemoveLines(**_without("line_", values))
            case "normalize":
                return Normalize(**_without("_str", values))
            case "replace_in_line":
                return ReplaceInLine(**_without("_str", values))
            case "insert_line":
                return InsertLine(**values)
            case "rewrite":
                return Rewrite(**values)
    except TypeError as error:
        raise ValueError(f"{name} has no arguments like {values}") from error
    raise ValueError(f"there is no operation {name!r}")


def strings_of(operation: Operation) -> tuple[str, ...]:
    """Return the strings that an operation searches for or puts into a text."""
    match operation:
        case Normalize(source, target) | ReplaceInLine(_, source, target):
            return source, target
        case InsertLine(_, text) | Rewrite(text):
            return (text,)
        case _:
            return ()


def render(operations: Iterable[Operation]) -> str:
    """Return the canonical program: one call per line, keyword arguments, double-quoted strings with escapes.

    `dialects.canonical.parse(render(operations)).operations == tuple(operations)` for every sequence of operations, and
    so does `dialects.prox.parse` for the operations that ProX has.
    """
    return "\n".join(map(_render_call, operations))


_WITHOUT_ARGUMENTS = {"keep_doc": KeepDoc, "drop_doc": DropDoc, "keep_chunk": KeepChunk, "remove_all": RemoveAll}


def _without(part: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace(part, ""): value for name, value in arguments.items()}


def _render_call(operation: Operation) -> str:
    arguments = ", ".join(
        f"{name}={quote(value) if isinstance(value, str) else value}"
        for name, value in call_arguments(operation).items()
    )
    return f"{call_name(operation)}({arguments})"
