"""A lake with the bundled sample in it, refined in two ways."""

from pathlib import Path

import pytest

from prox_assets.corpora.sample import sample_source
from prox_assets.lake.lake import Lake
from prox_assets_tests.proof.refined_sample import refine


@pytest.fixture(scope="session")
def sample_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """`sample` by rules, and `sample_lines` by their line rules alone; tests only read it."""
    lake = Lake(str(tmp_path_factory.mktemp("sample") / "lake"))
    refine(lake)
    refine(lake, sample_source("sample_lines"), level="chunk")
    return lake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test's proof lies."""
    return tmp_path / "proof"
