"""A lake with two corpora, of which one has two shards."""

from pathlib import Path

from prox_assets.lake.lake import Lake
from prox_assets_tests.catalog.refined_lakes import Page, refine_pages
from prox_assets_tests.lakes import lake_at

PAGES = (
    Page("Home\nabout rivers", "remove_lines(0, 0)"),
    Page("keep me as I am"),
    Page("dropped", keep=0.1),
)
SHARDS = ("one.jsonl", "two.jsonl")


def two_corpora(folder: Path) -> Lake:
    """Refine the corpora `web`, in two shards, and `wiki`."""
    lake = lake_at(folder / "lake")
    for shard in SHARDS:
        refine_pages(lake, folder / "raw", PAGES, shard=shard)
    refine_pages(lake, folder / "wiki", PAGES[:2], corpus="wiki")
    return lake
