"""The warning about chunk programs that did not run."""

from typing import Any

import pytest

from prox_assets.cli.views.outcomes import program_warning


def row(**values: Any) -> dict[str, Any]:
    return {"chunks": 110, "chunks_skipped": 10, "programs_failed": 0, "programs_truncated": 0, **values}


@pytest.mark.parametrize("rows", [[], [row()], [row(programs_failed=3)], [row(programs_truncated=90)]])
def test_there_is_no_warning_where_few_programs_were_refused(rows: list[dict[str, Any]]) -> None:
    """In reference mode what was cut off is carried out all the same."""
    assert program_warning(rows) is None


def test_the_warning_says_what_holds_in_either_mode() -> None:
    warning = program_warning([row(programs_failed=20, programs_truncated=7), row()])
    assert warning is not None
    assert "20 of 200 chunk programs (10.0%) were refused as a whole, so their chunks stay as they were" in warning
    assert "7 of all programs were cut off" in warning


def test_shards_whose_verdicts_are_not_known_say_nothing() -> None:
    """An earlier release executed them; of the others the share is told."""
    unknown = row(programs_failed=None, programs_truncated=50)
    assert program_warning([unknown]) is None
    warning = program_warning([unknown, row(programs_failed=10)])
    assert warning is not None
    assert warning.startswith("10 of 100 chunk programs")
