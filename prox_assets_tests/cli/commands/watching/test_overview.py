"""`prox overview`: in the terminal, as JSON, as a page; and what it exits with."""

from pathlib import Path

from prox_assets.lake.schemas import Table
from prox_assets.overview.contents import LakeOverview
from prox_assets_tests.cli.command_line import one_line, prox
from prox_assets_tests.lakes import table_file
from prox_assets_tests.overview.lakes import SHARDS, two_corpora


def test_a_line_for_each_corpus_and_the_same_as_json_and_as_a_page(tmp_path: Path) -> None:
    lake = two_corpora(tmp_path)
    said = prox("overview", "--lake", lake.url)
    assert "2 of 2" in said
    assert "nothing needs attention" in one_line(said)
    assert LakeOverview.model_validate_json(prox("overview", "--lake", lake.url, "--json")).lake == lake.url
    page = tmp_path / "page.html"
    assert "2 corpora" in prox("overview", "--lake", lake.url, "--html", str(page), "--check")
    assert page.is_file()
    assert "in a folder that is there" in one_line(
        prox("overview", "--lake", lake.url, "--html", str(tmp_path / "no" / "page.html"), expected=1)
    )


def test_check_fails_on_errors_and_names_them(tmp_path: Path) -> None:
    lake = two_corpora(tmp_path)
    table_file(lake, "web", Table.SHARD_METRICS, SHARDS[0]).write_bytes(b"no parquet")
    said = one_line(prox("overview", "--lake", lake.url, "--check", expected=1))
    assert "error web:" in said
    assert "run quality_metrics again" in said


def test_an_empty_lake_says_how_to_fill_it(tmp_path: Path) -> None:
    assert "prox refine" in prox("overview", "--lake", str(tmp_path / "nothing"))
