"""Data sets published from lakes of a few pages, whose fate every test knows."""

from pathlib import Path
from typing import Any

import polars as pl

from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export, export_of
from prox_assets.publishing.data_files import data_paths
from prox_assets.publishing.publish import Published, publish
from prox_assets.publishing.settings import PublishSettings
from prox_assets_tests.catalog.refined_lakes import Page, refine_pages
from prox_assets_tests.lakes import lake_at

PAGES = (
    Page("the river is long and wide", url="https://rivers.example/long"),
    Page("Home\nthe hills of the north", "remove_lines(0, 0)", url="https://hills.example/north"),
    Page("Home\nthe hills of the south", "remove_lines(0, 0)", url="https://www.hills.example/south"),
    Page("Log in\nHome\nthe trees of the park", "remove_lines(0, 1)", url="https://trees.example/park"),
    Page("a page without an address", url=None),
    Page("nothing to read", "", keep=0.04, url="https://dropped.example/"),
    Page("the refiner fails here", error="no answer", url="https://failed.example/"),
)
KEPT = 5
NAME = "pages"
SOURCES = [{"name": "A crawl", "licence": "odc-by"}]


def settings_of(**more: Any) -> PublishSettings:
    return PublishSettings.model_validate({"name": NAME, "corpora": ["web"], "sources": SOURCES, **more})


def refined_lake(folder: Path, pages: tuple[Page, ...] = PAGES) -> Lake:
    lake = lake_at(folder / "lake")
    refine_pages(lake, folder / "raw", pages, bad_rows=1)
    return lake


def published(folder: Path, **more: Any) -> tuple[Lake, Published]:
    lake = refined_lake(folder)
    return lake, publish(lake, settings_of(**more))


def export_in(lake: Lake) -> Export:
    export = export_of(lake, "dataset", NAME)
    assert export is not None
    return export


def rows_in(made: Published, path: str) -> pl.DataFrame:
    with made.storage.open(path) as file:
        return pl.read_parquet(file)


def rows_of(made: Published) -> pl.DataFrame:
    return pl.concat([rows_in(made, path) for path in data_paths(made.storage)])


def files_in(made: Published) -> dict[str, bytes]:
    """Return every file of a published folder by its path."""
    storage = made.storage
    storage.fs.invalidate_cache()
    paths = (path.removeprefix(f"{storage.root}/") for path in storage.fs.find(storage.root))
    return {path: storage.read_bytes(path) or b"" for path in paths if not path.startswith("_tmp/")}
