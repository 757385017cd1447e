"""A page, and programs in any dialect run on it under rules that refuse nothing else."""

from collections.abc import Sequence

from prox_assets.programs import (
    DIALECTS,
    DialectName,
    ExecutionPolicy,
    Refinement,
    execute,
    execute_with_provenance,
)

PAGE = "menu\nThe titel\n\nbody of text of a page\nfoot"
LAST = PAGE.count("\n")


def run(
    program: str,
    dialect: DialectName = "canonical",
    text: str = PAGE,
    chunks: Sequence[tuple[int, int]] = (),
    **settings,
) -> Refinement:
    """Run one program, or the same number of programs as chunks, separated by lines of dashes."""
    lenient = {"error_limit": 100, "min_kept_share": 0, "min_kept_characters": 0}
    policy = ExecutionPolicy(dialect=dialect, **{"line_numbers": DIALECTS[dialect].line_numbers, **lenient, **settings})
    places = chunks or [(0, text.count("\n"))]
    refinement = execute(text, list(zip(places, program.split("\n---\n"), strict=True)), policy)
    # What a test says of the text must be said by the map from refined to raw text, too.
    _, provenance = execute_with_provenance(text, list(zip(places, program.split("\n---\n"), strict=True)), policy)
    assert sum(one.refined_end - one.refined_start for one in provenance.segments) == len(refinement.text)
    return refinement


def statuses(refinement: Refinement) -> list[str]:
    return [edit.status.value for edit in refinement.edits]
