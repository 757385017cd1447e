"""A lake with the same five pages under three refiners whose programs are written by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from prox_assets.comparison.compare import compare
from prox_assets.comparison.contents import Comparison
from prox_assets.comparison.settings import ComparisonSettings
from prox_assets.lake.lake import Lake
from prox_assets_tests.catalog.refined_lakes import Page, refine_pages
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.stages.shard_runs import with_floor

TEXTS = (
    "menu\nabout rivers\nfooter",
    "keep me as I am",
    "Home\n\nabout hills\nmore hills",
    "spam one\nspam two",
    "last page\nwith two lines",
)
SHARD = "one.jsonl"
CORPORA = ("web_one", "web_two", "web_three")

ONE = (
    {"program": "remove_lines(0, 0)\nremove_lines(2, 2)"},
    {},
    {"program": "remove_lines(0, 0)"},
    {"keep": 0.1},
    {"program": "remove_lines(5, 9)"},
)
"""Drops page 3; its program for page 4 is refused."""
TWO = (
    {"program": "remove_lines(0, 0)"},
    {},
    {"program": "remove_lines(0, 1)"},
    {},
    {"error": "the engine failed"},
)
"""Removes the blank line of page 2, too; fails on page 4."""
THREE = (
    {"program": "remove_lines(1, 1)\nreplace_str(2, 'rivers', 'streams')\nadd_line(3, 1, 'an added line')"},
    {"program": "keep_all()"},
    {"program": "remove_lines(1, 1)"},
    {"program": "remove_all()"},
    {"program": "keep_all()"},
)
"""UltraX: lines count from 1."""


def pages(answers: Sequence[Mapping[str, object]], texts: Sequence[str] = TEXTS) -> tuple[Page, ...]:
    """Return the pages, each on a site of its own, with what a refiner answers."""
    return tuple(
        Page(text, url=f"https://site{number}.example/page", **answer)  # type: ignore[arg-type]
        for number, (text, answer) in enumerate(zip(texts, answers, strict=True))
    )


def three_refiners(folder: Path) -> Lake:
    """Refine the pages into the three corpora."""
    lake = lake_at(folder / "lake")
    raw = folder / "raw"
    refine_pages(lake, raw, pages(ONE), corpus=CORPORA[0])
    refine_pages(lake, raw, pages(TWO), corpus=CORPORA[1])
    refine_pages(lake, raw, pages(THREE), corpus=CORPORA[2], refiners=with_floor(0.5, "ultrax"))
    return lake


def compared(lake: Lake, *corpora: str, **settings: object) -> Comparison:
    """Compare corpora, all three by default."""
    values = {"name": "web", "corpora": corpora or CORPORA, **settings}
    return compare(lake, ComparisonSettings.model_validate(values))
