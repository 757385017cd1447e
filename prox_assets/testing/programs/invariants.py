"""What must hold for any document and any programs, checked independently of the code under test.

Each promise has one function, which raises AssertionError with the violation. The tests apply them to hypothesis cases,
`python -m benchmarks.fuzz_programs` to a million mutated programs.
"""

import json
from collections.abc import Callable, Iterator, Sequence

from prox_assets.programs import (
    DIALECTS,
    ChunkProgram,
    DialectName,
    EditStatus,
    ExecutionPolicy,
    Outcome,
    Reason,
    Refinement,
    SegmentKind,
    Verdict,
    decide_document,
    execute,
    execute_with_provenance,
    parse,
    render,
)
from prox_assets.programs.dialects.canonical import parse as parse_canonical
from prox_assets.programs.execution.reference.no_result import ReferenceExecutionError
from prox_assets.programs.execution.reference.prox import execute_chunk_program, execute_doc_program, trace
from prox_assets.testing.programs.expectations import can_become, expected_lines
from prox_assets.testing.programs.mutations import HostileInput

REFERENCE = ExecutionPolicy(mode="reference")
# The released code builds a set of every line number that a program names, so larger programs are not given to it.
RELEASED_LINE_NUMBERS = 100_000

Released = Callable[[str, str], str]


def check_parsing(program: str, dialect: DialectName = "prox") -> None:
    """Check that parsed operations render to a program that parses to the same, and that errors quote the program."""
    parsed = DIALECTS[dialect].parse(program)
    if parsed.operations:
        again = (parse if dialect == "prox" else parse_canonical)(render(parsed.operations))
        assert again.operations == parsed.operations, "parse(render(x)) is not x"
        assert not again.errors, "a rendered program has errors"
    for error in parsed.errors:
        assert error.text in program, "an error quotes what is not in the program"


def check_strict(case: HostileInput) -> Refinement:
    """Check that strict execution does what the calls ask for that it says it applied, and nothing else."""
    refinement = execute(case.text, case.programs, case.policy)
    check_numbers(case.text, refinement)
    edits = iter(refinement.edits)
    expected = expected_lines(case.text, case.programs, case.policy, edits)
    assert next(edits, None) is None, "there are more edits than calls"
    if refinement.outcome is Outcome.DROPPED_BY_CHUNKS:
        assert refinement.text == "", "a dropped document has text"
        worthless = refinement.reason is Reason.JUDGED_WORTHLESS
        assert worthless or case.policy.on_empty == "drop", "a document is dropped that no program called worthless"
        assert not worthless or not any(line.strip() for line, _ in expected), "what nobody judged is dropped"
        check_verdicts(case.text, case.programs, refinement)
        return refinement
    check_reverting(case, refinement)
    result = refinement.text.split("\n")
    # A document that lost all its lines stays as it was, unless it was blank.
    assert len(result) == max(len(expected), 1), f"{len(result)} lines are left where {len(expected)} were kept"
    for left, (line, pairs) in zip(result, expected, strict=False):
        assert left == line or can_become(line, left, pairs), f"{left!r} is not {line!r} with replacements {pairs!r}"
    check_verdicts(case.text, case.programs, refinement)
    return refinement


def check_provenance(case: HostileInput, refinement: Refinement) -> None:
    """Check that the map from refined to raw text covers the refined text, and that copied characters match."""
    same, provenance = execute_with_provenance(case.text, case.programs, case.policy)
    assert same == refinement, "recording changes the result"
    done = raw_done = put_in = 0
    for segment in provenance.segments:
        assert segment.refined_start == done < segment.refined_end, "segments leave a gap"
        assert raw_done <= segment.raw_start <= segment.raw_end <= len(case.text), "raw ranges are out of order"
        done, raw_done = segment.refined_end, segment.raw_end
        assert (segment.raw_start == segment.raw_end) == (segment.kind is SegmentKind.INSERTED), "a range has no kind"
        if segment.kind is not SegmentKind.COPIED:
            put_in += segment.refined_end - segment.refined_start
        if segment.kind is SegmentKind.COPIED:
            raw = case.text[segment.raw_start : segment.raw_end]
            assert refinement.text[segment.refined_start : segment.refined_end] == raw, "copied text differs"
    assert done == len(refinement.text), "segments end too early"
    if refinement.outcome is not Outcome.DROPPED_BY_CHUNKS:
        added = sum(edit.characters_added for edit in refinement.edits)
        # The first line of a text that holds nothing but inserted lines has no line break of its own.
        assert added - 1 <= put_in <= added, "what was put in does not add up with the edits"


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
        removals = {"remove_lines", "remove_all"} & applied
        assert bool(outcome.removed_lines) == bool(removals), "a removal without its lines"
        gone += [line for start, end in outcome.removed_lines for line in range(start, end + 1)]
    assert len(gone) == len(set(gone)), "a line is removed twice"
    assert all(0 <= line <= last for line in gone), "what is no line is removed"
    if refinement.outcome is not Outcome.DROPPED_BY_CHUNKS:
        there = refinement.lines_before - len(gone) + sum(_lines_added(programs, refinement))
        assert refinement.lines_after == max(there, 1), "removed lines do not add up"


def _lines_added(programs: Sequence[ChunkProgram], refinement: Refinement) -> Iterator[int]:
    chunks = {item.chunk.index: item.chunk for item in programs}
    for edit in refinement.edits:
        if edit.status is EditStatus.APPLIED and edit.operation == "insert_line":
            yield 1
        elif edit.status is EditStatus.APPLIED and edit.operation == "rewrite":
            chunk = chunks[edit.chunk_index]
            yield json.loads(edit.arguments)["text"].count("\n") - (chunk.line_end - chunk.line_start)


def _line_numbers(text: str, joined: str) -> int:
    steps = trace(text, joined).steps
    return sum(max(0, step.end - step.start + 1) for step in steps if step.kind == "remove_lines")
