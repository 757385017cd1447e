r"""The released ReScraper executor, reproduced: same result on every answer, defects included.

This module does to a document what github.com/cxcscmu/ReScraper does from the answer on: `body_from_prediction_dfirst`
of `lib/rescraper_ops.py` makes the text of a page, `inference/infer_pool.py` drops pages that are deleted, empty or
cannot be read, and `judge` of `inference/postfilter.py` drops those in which it finds calls or tags.

The released code knows no windows: a page that is too long for one is dropped. Here each chunk counts as a page, and
what is left of them is joined by line breaks. With one chunk for a document, as the released code has it, the result is
the same byte for byte.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.execution.line_removal import LineRemoval, ranges_of
from prox_assets.programs.execution.reference.no_result import (
    LINE_NUMBER_LIMIT,
    ReferenceExecutionError,
    count_numbers,
)
from prox_assets.programs.execution.reference.records import Answers, call_of, page_dropped, tidying
from prox_assets.programs.execution.reference.rescraper_answers import (
    DELETED,
    EXTRACTED,
    REFINED,
    REWRITTEN,
    Answer,
    Call,
    read_answer,
)
from prox_assets.programs.operations import Operation, RemoveAll, RemoveLines, ReplaceInLine, Rewrite
from prox_assets.programs.refinement import (
    ChunkOutcome,
    Edit,
    EditStatus,
    Reason,
    Refinement,
    Verdict,
    dropped,
    kept,
)

_TAGS = frozenset((EXTRACTED, REFINED, REWRITTEN))
# The released filter looks for these four at the beginning of short texts, and for those five alone on a line.
_LEADING_TAGS = (EXTRACTED, "<edit>", DELETED, "<keep>")
_LONE_TAGS = frozenset((*_TAGS, DELETED, "<edit>"))
_LEAKED_CALL = re.compile(r"^(?:rm \d|sub \d+: )", re.MULTILINE)
_SHORT = 200


@dataclass(slots=True)
class _Page:
    """What becomes of one chunk.

    Attributes:
        text: What is left of it; None if it is dropped.
        reason: Why it is dropped.
        edits: Its edits.
        verdict: The verdict on its program.
        removed: The document's lines that its program removed.
    """

    text: str | None = None
    reason: Reason | None = None
    edits: list[Edit] = field(default_factory=list)
    verdict: Verdict = Verdict.NO_CHANGE
    removed: Sequence[int] = ()


@dataclass(slots=True)
class _Step:
    """One line of an answer and what becomes of it.

    Attributes:
        line: The line.
        operation: What it means, with lines of the document; None if it means nothing.
        status: Its status.
        removed: Characters that it removed.
        added: Characters that it added.
        name: What the released code executes it as; None if it does not.
    """

    line: str
    operation: Operation | None = None
    status: EditStatus = EditStatus.IGNORED
    removed: int = 0
    added: int = 0
    name: str | None = None

    def apply(self, removed: int, added: int = 0) -> None:
        self.status, self.removed, self.added = EditStatus.APPLIED, removed, added


class _FailedError(Exception):
    """The released code catches an error of its own and drops the page."""


def refine(text: str, programs: Answers, edit_share: float) -> Refinement:
    """Refine a document as the released pipeline does with the answer for each chunk.

    A chunk without a program counts as a page that is too long: it is dropped. Lines outside all chunks stay.

    Args:
        text: The document.
        programs: Its chunks in order with their programs.
        edit_share: `ExecutionPolicy.reference_edit_share`.

    Raises:
        ReferenceExecutionError: The released code would fill memory.
    """
    lines = text.split("\n")
    left: list[str] = []
    pages: list[_Page] = []
    done = 0
    for chunk, program in programs:
        left += lines[done : chunk.line_start]
        done = chunk.line_end + 1
        page = _page(lines[chunk.line_start : done], chunk, program, edit_share)
        pages.append(page)
        if page.text is not None:
            left.append(page.text)
    left += lines[done:]
    chunks = [
        ChunkOutcome(chunk.index, page.verdict, ranges_of(page.removed))
        for (chunk, _), page in zip(programs, pages, strict=True)
    ]
    edits = [edit for page in pages for edit in page.edits]
    if not left:
        reasons = {page.reason for page in pages if page.verdict is not Verdict.SKIPPED}
        reason = reasons.pop() if len(reasons) == 1 else None
        return dropped(text, chunks, edits, reason or Reason.NOTHING_LEFT)
    return kept(text, "\n".join(left), chunks, edits)


def _page(lines: Sequence[str], chunk: Chunk, program: str | None, edit_share: float) -> _Page:
    """Return what becomes of a chunk with these lines."""
    length = sum(map(len, lines)) + len(lines)  # with the line break after each line
    if program is None:
        return _Page(None, Reason.NOTHING_LEFT, [page_dropped(chunk, 0, "not_shown", length)], Verdict.SKIPPED)
    answer = read_answer(program, edit_share)
    run = _Run(lines, chunk, answer)
    try:
        text = run.text()
        reason = _why_dropped(text, answer.tag)
    except _FailedError:
        run.reject()
        text, reason = "", Reason.EXECUTION_FAILED
    edits = [
        Edit(
            chunk.index, position, *call_of(step.line, step.operation, step.name), step.status, step.removed, step.added
        )
        for position, step in enumerate(run.steps)
    ]
    applied = EditStatus.APPLIED in [edit.status for edit in edits]
    # What no call accounts for.
    removed = length - sum(edit.characters_removed - edit.characters_added for edit in edits)
    if reason in (Reason.LEAKED_CALLS, Reason.EXECUTION_FAILED):
        edits.append(page_dropped(chunk, len(edits), str(reason), removed))
    else:
        removed -= 0 if reason else len(text) + 1
        if removed or (run.tidied and reason is None):
            edits.append(tidying(chunk, len(edits), removed))
    verdict = Verdict.APPLIED if applied else Verdict.NO_CHANGE
    if reason is Reason.EXECUTION_FAILED:
        verdict = Verdict.CRASHED
    return _Page(None if reason else text, reason, edits, verdict, run.removed)


def _why_dropped(text: str, tag: str) -> Reason | None:
    """Return why the released code drops a page with this text; None if it does not."""
    if tag == DELETED:
        return Reason.JUDGED_WORTHLESS
    if not text.strip():
        return Reason.NOTHING_LEFT
    begins_with_tag = len(text) < _SHORT and text.strip().startswith(_LEADING_TAGS)
    has_lone_tag = any(line.strip() in _LONE_TAGS for line in text.split("\n"))
    leaked = len(_LEAKED_CALL.findall(text)) > 1
    return Reason.LEAKED_CALLS if tag not in _TAGS or leaked or begins_with_tag or has_lone_tag else None


class _Run:
    """The execution of one answer.

    Attributes:
        steps: What becomes of each of its lines.
        removed: The document's lines that it removed.
        tidied: Whether white space was changed.
    """

    def __init__(self, lines: Sequence[str], chunk: Chunk, answer: Answer) -> None:
        self._lines = lines
        self._chunk = chunk
        self._answer = answer
        # The lines that were shown, without the white space around them, and their places in the chunk.
        self._places = [place for place, line in enumerate(lines) if line.strip()]
        self._shown = [lines[place].strip() for place in self._places]
        self.steps: list[_Step] = []
        self.removed: Sequence[int] = ()
        self.tidied = False

    def text(self) -> str:
        """Return the text of the page; steps get their status.

        Raises:
            _FailedError: The released code raises an error, catches it and drops the page.
            ReferenceExecutionError: The released code would fill memory.
        """
        answer = self._answer
        calls = [line for line in answer.lines if isinstance(line, Call)]
        if answer.text is None and answer.tag != DELETED:
            return self._edited()
        self.steps = [_Step(call.line, self._operation(call), EditStatus.SUPERSEDED) for call in calls]
        length = sum(map(len, self._lines)) + len(self._lines)
        if answer.tag == DELETED:
            whole = _Step("", RemoveAll())
            whole.apply(length)
            self.removed = range(self._chunk.line_start, self._chunk.line_end + 1)
            self.steps += [whole, *(_Step(line) for line in answer.lines if isinstance(line, str))]
            return ""
        text = answer.text or ""
        if answer.tag in _TAGS:
            rewrite = _Step("", Rewrite(text), EditStatus.NO_CHANGE)
            if text != "\n".join(self._lines):
                rewrite.apply(length - bool(text), len(text))
            self.steps.append(rewrite)
        elif answer.tag:
            self.steps.append(_Step(answer.tag, None, EditStatus.UNPARSED))
        return text

    def reject(self) -> None:
        """Take back what the calls did, because the page is dropped with an error."""
        self.removed = ()
        for step in self.steps:
            step.status = EditStatus.PROGRAM_REJECTED if step.name else EditStatus.IGNORED
            step.removed = 0

    def _edited(self) -> str:
        for line in self._answer.lines:
            if isinstance(line, Call):
                self.steps.append(_Step(line.line, self._operation(line), name=_name(line)))
            else:
                self.steps.append(_Step(line))
        calls = [line for line in self._answer.lines if isinstance(line, Call)]
        called = list(zip(calls, map(_numbers, calls), (step for step in self.steps if step.name), strict=True))
        ranges = [numbers for call, numbers, _ in called if call.written is None and numbers[0] <= numbers[1]]
        if count_numbers(ranges) > LINE_NUMBER_LIMIT:
            raise ReferenceExecutionError(f"line ranges name more than {LINE_NUMBER_LIMIT} lines")
        removal = LineRemoval(len(self._shown))
        gone: set[int] = set()
        for call, (start, end), step in called:
            if call.written is None:
                removed = removal.remove(start - 1, end - 1)
                gone.update(removed)
                step.status = self._status(start, end)
                if removed:
                    step.apply(sum(len(self._shown[line]) + 1 for line in removed))
        self.removed = [self._chunk.line_start + self._places[line] for line in sorted(gone)]
        lines = {line: self._shown[line] for line in removal.kept()}
        for call, (number, _), step in called:
            if call.written is not None:
                step.status = self._status(number, number)
                if number - 1 in lines:
                    lines[number - 1] = _without(lines[number - 1], _json_value(call.written), step)
        return self._tidy(lines)

    def _status(self, start: int, end: int) -> EditStatus:
        """Return why a call for these lines does nothing."""
        if start > end:
            return EditStatus.REVERSED
        outside = start > len(self._shown) or end < 1
        return EditStatus.OUT_OF_RANGE if outside else EditStatus.ALREADY_REMOVED

    def _tidy(self, lines: Mapping[int, str]) -> str:
        """Return the text of the lines, of those that were shown, without superfluous white space."""
        text = "\n".join(filter(None, (" ".join(line.split()) for line in lines.values())))
        has_space_around = any(self._shown[line] != self._lines[self._places[line]] for line in lines)
        has_blank_lines = len(self._places) < len(self._lines)
        self.tidied = has_space_around or has_blank_lines or text != "\n".join(lines.values())
        return text

    def _operation(self, call: Call) -> Operation | None:
        """Return what a call means, with lines of the document; None where it has no meaning."""
        try:
            start, end = _numbers(call)
            if call.written is None:
                return RemoveLines(self._line(start), self._line(end))
            value = _json_value(call.written)
            return ReplaceInLine(self._line(start), value, "", "first") if isinstance(value, str) else None
        except (_FailedError, ValueError):
            return None

    def _line(self, number: int) -> int:
        """Return the document's line with a number that was shown; numbers that were not continue outside the chunk."""
        if 1 <= number <= len(self._places):
            return self._chunk.line_start + self._places[number - 1]
        if number < 1:
            return self._chunk.line_start - 1 + number
        return self._chunk.line_end + number - len(self._places)


def _name(call: Call) -> str:
    return "remove_lines" if call.written is None else "replace_in_line"


def _numbers(call: Call) -> tuple[int, int]:
    """Return the line numbers of a call.

    Raises:
        _FailedError: One has more digits than Python reads.
    """
    try:
        return int(call.start), int(call.end or call.start)
    except ValueError as error:
        raise _FailedError from error


def _json_value(written: str) -> object:
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written.strip('"')


def _without(line: str, source: object, step: _Step) -> str:
    """Return a line without the first occurrence of a string, and say so in the step.

    Raises:
        _FailedError: It is no string.
    """
    if not isinstance(source, str):
        raise _FailedError
    if not source or source not in line:
        step.status = EditStatus.NO_MATCH if source else EditStatus.EMPTY_SOURCE
        return line
    step.apply(len(source))
    return line.replace(source, "", 1)
