r"""The ReScraper dialect: a decision, the lines that an extractor would drop, the decision again, and what it needs.

Source: github.com/cxcscmu/ReScraper, model cx-cmu/ReScraper. An answer looks like this:

    <edit>
    <extract>
    rm 1-3
    <edit>
    sub 5: " (print)"
    rm 8

The decision is `<keep>`, `<edit>`, `<delete>` or `<rewrite>`. Lines are numbered from 1. `rm` removes lines, `sub` the
first occurrence of a JSON string in one line, and only `<edit>` may hold `sub`. After `<rewrite>` follows a new text;
after `<keep>` and `<delete>` follows nothing. A decision to delete or to rewrite comes with an extraction too, and
its removals are operations like any others.

The released reader takes an `<edit>` of which it cannot read a line as the text of the page, an unknown decision as the
text after it, and writes calls that leaked into a rewrite into the corpus. All of them are errors here.
"""

import json
import re
from collections.abc import Iterable, Sequence

from prox_assets.programs.dialects.parsed import (
    EXCERPT_CHARACTERS,
    ParsedProgram,
    ParseError,
    ParseErrorReason,
    after_thinking,
)
from prox_assets.programs.dialects.rendering import CannotSayError, ShownLines, renumbered
from prox_assets.programs.operations import (
    MAX_LINE_NUMBER_DIGITS,
    KeepChunk,
    Operation,
    RemoveAll,
    RemoveLines,
    ReplaceInLine,
    Rewrite,
)

EXTRACT = "<extract>"
DECISIONS = ("<keep>", "<edit>", "<delete>", "<rewrite>")
_REMOVAL = re.compile(r"rm ([0-9]++)(?:-([0-9]++))?+")
_SUBSTRING = re.compile(r"sub ([0-9]++): (.*+)", re.DOTALL)
_TAG = re.compile(r"<[A-Za-z/]\w*+>")
# What a line of a rewrite must not begin with: a call that leaked, as the released filter looks for them.
_LEAKED_CALL = re.compile(r"rm [0-9]|sub [0-9]++: ")
_LEAKED_TAGS = (*DECISIONS, EXTRACT, "<refine>")
_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(text: str) -> ParsedProgram:
    """Parse an answer; never raises, and takes time linear in the length of the text."""
    written = after_thinking(text).strip()
    return ParsedProgram(tuple(_read(written.split("\n")))) if written else ParsedProgram(())


def _read(written: Sequence[str]) -> list[Operation | ParseError]:
    lines = [line.strip() for line in written]
    decision = lines[0]
    if decision not in DECISIONS:
        return [_no_tag(decision)]
    start = _next(lines, 1)
    if start == len(lines) or lines[start] != EXTRACT:
        return [_no_tag(lines[min(start, len(lines) - 1)])]
    end = next((index for index in range(start + 1, len(lines)) if lines[index] in DECISIONS), len(lines))
    calls: list[Operation | ParseError] = [_removal(line) for line in lines[start + 1 : end] if line]
    if end == len(lines):
        return [*calls, _error(ParseErrorReason.MISSING_TAG, lines[-1])]
    if lines[end] != decision:
        return [*calls, _error(ParseErrorReason.TAGS_DISAGREE, lines[end])]
    rest = lines[end + 1 :]
    match decision:
        case "<edit>":
            payload = [_removal(line) if line.startswith("rm") else _substring(line) for line in rest if line]
            calls += payload or [_error(ParseErrorReason.EMPTY_PAYLOAD, decision)]
        case "<rewrite>":
            calls += _rewrite("\n".join(written[end + 1 :]).strip()) or [
                _error(ParseErrorReason.EMPTY_PAYLOAD, decision)
            ]
        case "<delete>":
            calls += [RemoveAll(), *_unexpected(rest)]
        case _:
            calls += _unexpected(rest)
    return calls or [KeepChunk()]


def render(operations: Iterable[Operation], shown: ShownLines) -> str:
    """Write operations on lines of the document; removals before anything else are the extraction.

    Raises:
        CannotSayError: One of them is none of ReScraper, or has no place among the others: nothing but removals stands
            beside RemoveAll or Rewrite, and nothing at all beside KeepChunk.
    """
    operations = list(operations)
    numbered = renumbered("rescraper", operations, shown)
    if numbered == [KeepChunk()]:
        return _answer("<keep>", [], [])
    extraction: list[str] = []
    for operation in numbered:
        if not isinstance(operation, RemoveLines):
            break
        extraction.append(_removal_call(operation))
    match rest := numbered[len(extraction) :]:
        case []:
            return _answer("<keep>", extraction, [])
        case [RemoveAll()]:
            return _answer("<delete>", extraction, [])
        case [Rewrite(text)] if text and text == text.strip() and not any(map(is_leaked, text.split("\n"))):
            return _answer("<rewrite>", extraction, [text])
        case _:
            calls = map(_call, rest)
    payload: list[str] = []
    for operation, call in zip(operations[len(extraction) :], calls, strict=True):
        if call is None:
            raise CannotSayError("rescraper", operation)
        payload.append(call)
    return _answer("<edit>", extraction, payload)


def _answer(decision: str, extraction: Sequence[str], payload: Sequence[str]) -> str:
    return "\n".join((decision, EXTRACT, *extraction, decision, *payload))


def _call(operation: Operation) -> str | None:
    match operation:
        case RemoveLines():
            return _removal_call(operation)
        case ReplaceInLine(line, source, "", "first") if not _SURROGATE.search(source):
            return f"sub {line}: {json.dumps(source, ensure_ascii=False)}"
        case _:
            return None


def _removal_call(removal: RemoveLines) -> str:
    return f"rm {removal.start}" if removal.start == removal.end else f"rm {removal.start}-{removal.end}"


def _removal(line: str) -> RemoveLines | ParseError:
    """Read `rm A` or `rm A-B`."""
    removal = _REMOVAL.fullmatch(line)
    if not removal:
        return _no_call(
            line, ParseErrorReason.UNEXPECTED if _SUBSTRING.fullmatch(line) else ParseErrorReason.NOT_A_CALL
        )
    first, last = removal.group(1), removal.group(2) or removal.group(1)
    if max(len(first), len(last)) > MAX_LINE_NUMBER_DIGITS:
        return _error(ParseErrorReason.NUMBER_TOO_LONG, line)
    return RemoveLines(int(first), int(last))


def _substring(line: str) -> ReplaceInLine | ParseError:
    """Read `sub N: "json string"`."""
    found = _SUBSTRING.fullmatch(line)
    if not found:
        return _no_call(line, ParseErrorReason.NOT_A_CALL)
    if len(found.group(1)) > MAX_LINE_NUMBER_DIGITS:
        return _error(ParseErrorReason.NUMBER_TOO_LONG, line)
    source = _json_string(found.group(2))
    if source is None:
        return _error(ParseErrorReason.BAD_STRING, line)
    return ReplaceInLine(int(found.group(1)), source, "", "first")


def _json_string(written: str) -> str | None:
    # Nothing but a string may be read: a deep list would exhaust the stack of the JSON parser.
    if not written.startswith('"'):
        return None
    try:
        string = json.loads(written)
    except ValueError:
        return None
    return None if _SURROGATE.search(string) else string


def _rewrite(text: str) -> list[Operation | ParseError]:
    leaked = [line.strip() for line in text.split("\n") if is_leaked(line)]
    if leaked:
        return [_error(ParseErrorReason.LEAKED_CALL, line) for line in leaked]
    return [Rewrite(text)] if text else []


def is_leaked(line: str) -> bool:
    """Return whether a line of a rewrite begins like a call or with a tag of an answer."""
    stripped = line.strip()
    return stripped.startswith(_LEAKED_TAGS) or bool(_LEAKED_CALL.match(stripped))


def _unexpected(lines: Sequence[str]) -> list[Operation | ParseError]:
    """Return an error for whatever follows a decision that nothing may follow."""
    first = _next(lines, 0)
    return [_error(ParseErrorReason.UNEXPECTED, lines[first])] if first < len(lines) else []


def _next(lines: Sequence[str], start: int) -> int:
    """Return the index of the first line from `start` on that is not blank."""
    return next((index for index in range(start, len(lines)) if lines[index]), len(lines))


def _no_tag(line: str) -> ParseError:
    """Return the error for a line that should be a tag."""
    return _no_call(line, ParseErrorReason.MISSING_TAG)


def _no_call(line: str, reason: ParseErrorReason) -> ParseError:
    unknown = line not in _LEAKED_TAGS and _TAG.fullmatch(line)
    return _error(ParseErrorReason.UNKNOWN_TAG if unknown else reason, line)


def _error(reason: ParseErrorReason, line: str) -> ParseError:
    return ParseError(reason, line[:EXCERPT_CHARACTERS].rstrip())
