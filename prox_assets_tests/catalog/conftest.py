"""A refined lake on a local folder and one on a real S3 server on loopback."""

import pytest

from prox_assets.lake.lake import Lake
from prox_assets_tests.catalog.refined_lakes import refine_pages
from prox_assets_tests.lake.conftest import s3_lake  # noqa: F401 (a fixture)


@pytest.fixture(params=["local", "s3"])
def refined_lake(request, tmp_path) -> Lake:
    """One corpus, one shard, nine pages: whatever holds for a folder holds for an object store."""
    lake = Lake(str(tmp_path / "lake")) if request.param == "local" else request.getfixturevalue("s3_lake")
    refine_pages(lake, tmp_path / "raw")
    return lake


@pytest.fixture
def local_lake(tmp_path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    refine_pages(lake, tmp_path / "raw")
    return lake
