"""Pages to refine, and where the lake goes."""

from pathlib import Path

import pytest

from prox_assets_tests.cli.command_line import PAGE
from prox_assets_tests.stages.shard_runs import write_pages


@pytest.fixture
def pages(tmp_path) -> Path:
    return write_pages(tmp_path / "pages.jsonl", [PAGE, "", "buy " * 300, PAGE.replace("river", "stream")])


@pytest.fixture
def lake(tmp_path) -> Path:
    return tmp_path / "lake"
