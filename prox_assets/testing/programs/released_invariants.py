"""What must hold for the records of the released executors of UltraX and ReScraper, whatever the programs."""

from prox_assets.programs import EditStatus, Refinement, Verdict
from prox_assets.programs.refinement import DROP_PAGE, TIDY_WHITE_SPACE
from prox_assets.testing.programs.invariants import check_numbers
from prox_assets.testing.programs.mutations import HostileInput


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
