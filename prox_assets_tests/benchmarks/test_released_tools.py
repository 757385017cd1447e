"""What released tools leave of exported programs, where checkouts of them are named by environment variables."""

import os
from pathlib import Path

import pytest

from benchmarks.released_tools import Compared, Tool, compared
from prox_assets_tests.catalog.lives import all_fates

CHECKOUTS: dict[Tool, str | None] = {
    "ultrax": os.environ.get("PROX_ULTRAX_CHECKOUT"),
    "rescraper": os.environ.get("PROX_RESCRAPER_CHECKOUT"),
}


@pytest.mark.parametrize("tool", CHECKOUTS)
def test_every_difference_of_a_released_tool_is_explained(tmp_path, tool):
    checkout = CHECKOUTS[tool]
    if checkout is None:
        pytest.skip(f"PROX_{tool.upper()}_CHECKOUT names no checkout")
    run = all_fates(tmp_path)
    done = compared(run.lake, run.corpus, tool, Path(checkout), tmp_path / "work")
    assert done.same + done.white_space + done.different.total() == 9  # two of eleven have failed
    assert "unexplained" not in done.different
    if tool == "ultrax":
        assert done.different == {"blank, which the tool never drops": 1}
    else:
        assert done.different == {"cannot be said: puts_text": 1}
    again = compared(run.lake, run.corpus, tool, Path(checkout), tmp_path / "work")
    assert again == done


@pytest.mark.parametrize(
    ("original", "fidelity", "refined", "left", "expected"),
    [
        ("a", "exact", "a", "a", (1, 0, {})),
        ("a", "exact", None, None, (1, 0, {})),
        ("a\n\nb", "exact", "a\n\nb", "a\nb", (0, 1, {})),
        ("a b", "inexact", "a", "b", (0, 0, {"cannot be said: not_unique": 1})),
        (" ", "exact", None, " ", (0, 0, {"blank, which the tool never drops": 1})),
        ("a\rb", "exact", "a", "b", (0, 0, {"has other line breaks than \\n, which the tool counts as lines": 1})),
        ("a\nb", "exact", "a", "b", (0, 0, {"unexplained": 1})),
        ("a", "exact", "a", None, (0, 0, {"unexplained": 1})),
    ],
)
def test_how_a_document_is_counted(original, fidelity, refined, left, expected):
    done = Compared()
    done.add({"fidelity": fidelity, "unsaid": ["not_unique"], "original_text": original}, refined, left)
    assert (done.same, done.white_space, done.different) == expected
