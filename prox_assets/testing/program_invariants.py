"""What must hold for any document and any programs, checked independently of the code under test.

Each promise has one function, which raises AssertionError with the violation. The tests apply them to hypothesis cases,
`python -m benchmarks.fuzz_programs` to a million mutated programs.
"""

import json
from collections.abc import Callable, Iterator, Sequence

from prox_assets.programs import (
    ChunkProgram,
    Edit,
    EditStatus,
    ExecutionPolicy,
    Normalize,
    Outcome,
    Reason,
    Refinement,
    RemoveAllLines,
    RemoveLines,
    SegmentKind,
    Verdict,
    decide_document,
    execute,
    execute_with_provenance,
    parse,
    render,
)
from prox_assets.programs.execution.reference.no_result import ReferenceExecutionError
from prox_assets.programs.execution.reference.prox import execute_chunk_program, execute_doc_program, trace
from prox_assets.programs.refinement import DROP_PAGE, TIDY_WHITE_SPACE
from prox_assets.testing.program_mutations import HostileInput

REFERENCE = ExecutionPolicy(mode="reference")
# The released code builds a set of every line number that a program names, so larger programs are not given to it.
RELEASED_LINE_NUMBERS = 100_000
STATES_AT_MOST = 100_000

Released = Callable[[str, str], str]


def check_parsing(program: str) -> None:
    """Check that parsed operations render to a program that parses to the same, and that errors quote the program."""
    parsed = parse(program)
    if parsed.operations:
        again = parse(render(parsed.operations))
        assert again.operations == parsed.operations, "parse(render(x)) is not x"
        assert not again.errors, "a rendered program has errors"
    for error in parsed.errors:
        assert error.text in program, "an error quotes what is not in the program"


def check_strict(case: HostileInput) -> Refinement:
    """Check that strict execution only keeps lines, removes lines and makes replacements that programs name."""
    refinement = execute(case.text, case.programs, case.policy)
    check_numbers(case.text, refinement)
    edits = iter(refinement.edits)
    allowed: list[tuple[str, list[tuple[str, str]]]] = []
    lines = case.text.split("\n")
    done = 0
    for item in case.programs:
        allowed += [(line, []) for line in lines[done : item.chunk.line_start]]
        done = item.chunk.line_end + 1
        allowed += _allowed_lines(lines[item.chunk.line_start : done], item, case.policy, edits)
    allowed += [(line, []) for line in lines[done:]]
    assert next(edits, None) is None, "there are more edits than calls"
    if refinement.outcome is Outcome.DROPPED_BY_CHUNKS:
        assert refinement.text == "", "a dropped document has text"
        check_verdicts(case.text, case.programs, refinement)
        return refinement
    check_reverting(case, refinement)
    result = refinement.text.split("\n")
    assert len(result) == len(allowed), f"{len(result)} lines are left where {len(allowed)} were kept"
    for left, (line, pairs) in zip(result, allowed, strict=True):
        assert left == line or _can_become(line, left, pairs), f"{left!r} is not {line!r} with replacements {pairs!r}"
    check_verdicts(case.text, case.programs, refinement)
    return refinement


def check_provenance(case: HostileInput, refinement: Refinement) -> None:
    """Check that the map from refined to raw text covers the refined text, and that copied characters match."""
    same, provenance = execute_with_provenance(case.text, case.programs, case.policy)
    assert same == refinement, "recording changes the result"
    done = 0
    for segment in provenance.segments:
        assert segment.refined_start == done, "segments leave a gap"
        done = segment.refined_end
        if segment.kind is SegmentKind.COPIED:
            raw = case.text[segment.raw_start : segment.raw_end]
            assert refinement.text[segment.refined_start : segment.refined_end] == raw, "copied text differs"
    assert done == len(refinement.text), "segments end too early"


def check_reference(text: str, programs: Sequence[ChunkProgram], released: Released | None = None) -> bool:
    """Check that reference mode agrees with the model in `reference` and, if given, with the released code itself.

    Returns:
        Whether the released code itself was run; it is not run where it would crash or fill memory.
    """
    refinement = execute(text, programs, REFERENCE)
    check_numbers(text, refinement)
    check_verdicts(text, programs, refinement)
    # The released pipeline strips each answer and joins them.
    joined = "\n".join(str(item.program or "").strip(" ") for item in programs)
    try:
        modelled = execute_chunk_program(text, joined)
    except ReferenceExecutionError:
        assert (refinement.text, refinement.reason) == (text, "reference_crashed"), "a crash is not told as one"
        return False
    assert refinement.text == modelled, "reference mode is not the modelled executor"
    if released is None or _line_numbers(text, joined) > RELEASED_LINE_NUMBERS:
        return False
    assert released(text, joined) == modelled, "the released executor gives another text"
    return True


def check_document(text: str, program: str) -> None:
    """Check that any answer gives a decision, and that in reference mode it is the released code's."""
    decide_document(text, program, None, ExecutionPolicy())
    decision = decide_document(text, program, None, REFERENCE)
    if text.strip():
        assert decision.keep == (execute_doc_program(text, program) == text), "the released decision differs"


def check_reverting(case: HostileInput, refinement: Refinement) -> None:
    """Check that what became of a document of which too little was left is what the policy says, and told honestly."""
    reverted = refinement.reason is not None
    assert not reverted or case.policy.on_empty == "keep", "what had to be dropped is kept"
    if reverted:
        assert refinement.text == case.text, "a document that stays as it was has another text"
        assert refinement.reason in {
            Reason.NOTHING_LEFT,
            Reason.KEPT_SHARE_TOO_SMALL,
            Reason.TOO_FEW_CHARACTERS,
        }, "a document is reverted for another reason"
    assert reverted == (Verdict.REVERTED in [chunk.verdict for chunk in refinement.chunks])
    assert reverted == (EditStatus.REVERTED in [edit.status for edit in refinement.edits])
    assert refinement.text.strip() or not case.text.strip() or case.policy.on_empty == "drop", "a document is emptied"


def check_numbers(text: str, refinement: Refinement) -> None:
    """Check that lengths match the edits, counts match the edits, and every argument is JSON that Parquet can hold."""
    removed = sum(edit.characters_removed for edit in refinement.edits)
    added = sum(edit.characters_added for edit in refinement.edits)
    assert refinement.characters_before == len(text)
    assert refinement.characters_after == len(refinement.text)
    if refinement.outcome is not Outcome.DROPPED_BY_CHUNKS:
        assert len(text) - removed + added == len(refinement.text), "edits do not add up with lengths"
        assert refinement.lines_after == refinement.text.count("\n") + 1
    assert (refinement.outcome is Outcome.KEPT_UNCHANGED) == (
        refinement.text == text and refinement.outcome is not Outcome.DROPPED_BY_CHUNKS
    )
    assert refinement.operations_applied == sum(edit.status is EditStatus.APPLIED for edit in refinement.edits)
    assert refinement.operations_failed == sum(edit.status.is_failure for edit in refinement.edits)
    for edit in refinement.edits:
        assert isinstance(json.loads(edit.arguments.encode()), dict)
        assert edit.status is EditStatus.APPLIED or edit.characters_added == edit.characters_removed == 0


def check_verdicts(text: str, programs: Sequence[ChunkProgram], refinement: Refinement) -> None:
    """Check that every chunk has one verdict that fits its edits, and that removed lines add up with the text."""
    indices = [chunk.chunk_index for chunk in refinement.chunks]
    assert indices == [item.chunk.index for item in programs], "a chunk has no verdict"
    last = text.count("\n")
    gone: list[int] = []
    applied_by: dict[int, set[str]] = {}
    for edit in refinement.edits:
        if edit.status is EditStatus.APPLIED:
            applied_by.setdefault(edit.chunk_index, set()).add(edit.operation)
    for item, outcome in zip(programs, refinement.chunks, strict=True):
        applied = applied_by.get(outcome.chunk_index, set())
        assert (outcome.verdict is Verdict.SKIPPED) == (item.program is None), "what has a program is not skipped"
        assert (outcome.verdict is Verdict.APPLIED) == bool(applied), f"{outcome.verdict} with {applied} applied"
        assert bool(outcome.removed_lines) == ("remove_lines" in applied), "a removal without its lines"
        gone += [line for start, end in outcome.removed_lines for line in range(start, end + 1)]
    assert len(gone) == len(set(gone)), "a line is removed twice"
    assert all(0 <= line <= last for line in gone), "what is no line is removed"
    if refinement.outcome is not Outcome.DROPPED_BY_CHUNKS:
        assert refinement.lines_after == refinement.lines_before - len(gone), "removed lines do not add up"


def check_released_records(case: HostileInput, refinement: Refinement) -> None:
    """Check what holds for the records of the released executors of UltraX and ReScraper.

    Lines do not add up as in `check_verdicts`: these executors squeeze out blank lines, insert lines and join lines. A
    removal may take only a part of a line of the document, or a line that was inserted, and ReScraper drops pages by
    rules of its own.
    """
    check_numbers(case.text, refinement)
    indices = [chunk.chunk_index for chunk in refinement.chunks]
    assert indices == [item.chunk.index for item in case.programs], "a chunk has no verdict"
    positions: dict[int, list[int]] = {}
    applied_by: dict[int, set[str]] = {}
    for edit in refinement.edits:
        positions.setdefault(edit.chunk_index, []).append(edit.position)
        if edit.status is EditStatus.APPLIED and edit.operation not in (TIDY_WHITE_SPACE, DROP_PAGE):
            applied_by.setdefault(edit.chunk_index, set()).add(edit.operation)
    assert all(found == list(range(len(found))) for found in positions.values()), "positions have gaps"
    gone: list[int] = []
    for item, outcome in zip(case.programs, refinement.chunks, strict=True):
        applied = applied_by.get(outcome.chunk_index, set())
        assert (outcome.verdict is Verdict.SKIPPED) == (item.program is None), "what has a program is not skipped"
        assert (outcome.verdict is Verdict.APPLIED) == bool(applied), f"{outcome.verdict} with {applied} applied"
        assert not outcome.removed_lines or applied & {"remove_lines", "remove_all"}, "lines go without a removal"
        gone += [line for start, end in outcome.removed_lines for line in range(start, end + 1)]
    assert len(gone) == len(set(gone)), "a line is removed twice"
    assert all(0 <= line <= case.text.count("\n") for line in gone), "what is no line is removed"


def _allowed_lines(
    lines: list[str], item: ChunkProgram, policy: ExecutionPolicy, edits: Iterator[Edit]
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the lines of a chunk that must be kept, each with the replacements that may have been made in it."""
    if item.program is None:
        return [(line, []) for line in lines]
    assert isinstance(item.program, str)
    calls = parse(item.program).calls or (None,)
    first = item.chunk.line_start if policy.line_numbers == "document" else 0
    removed: set[int] = set()
    pairs: list[tuple[str, str]] = []
    for call in calls:
        edit = next(edits, None)
        assert edit is not None, "there are fewer edits than calls"
        if edit.status is not EditStatus.APPLIED:
            continue
        assert not item.truncated, "a program that was cut off is carried out"
        match call:
            case RemoveLines(start, end):
                removed.update(range(start - first, end - first + 1))
            case RemoveAllLines():
                removed.update(range(len(lines)))
            case Normalize(source, target):
                pairs.append((source, target))
                if call.verbatim:
                    pairs.append(call.verbatim)
            case _:
                raise AssertionError(f"{call} is said to be applied")
    assert removed <= set(range(len(lines))), "lines outside the chunk are removed"
    return [(line, pairs) for number, line in enumerate(lines) if number not in removed]


def _can_become(before: str, after: str, pairs: Sequence[tuple[str, str]]) -> bool:
    """Tell whether one line becomes the other by replacing some occurrences of sources, none of them twice.

    This is a search that tries the likeliest step first. If STATES_AT_MOST states are not enough, the line passes the
    check; that takes a line of thousands of characters with a source that may match at each of them.
    """
    pending, seen = [(0, 0)], {(0, 0)}
    while pending and len(seen) < STATES_AT_MOST:
        here, there = pending.pop()
        if here == len(before) and there == len(after):
            return True
        steps = [(here + 1, there + 1)] if before[here : here + 1] == after[there : there + 1] != "" else []
        steps += [
            (here + len(source), there + len(target))
            for source, target in pairs
            if source and before.startswith(source, here) and after.startswith(target, there)
        ]
        for step in steps:
            if step not in seen:
                seen.add(step)
                pending.append(step)
    return bool(pending)


def _line_numbers(text: str, joined: str) -> int:
    steps = trace(text, joined).steps
    return sum(max(0, step.end - step.start + 1) for step in steps if step.kind == "remove_lines")
