"""`prox report`: into the lake or to a file, with errors that say what to do."""

from pathlib import Path

import pytest

from prox_assets_tests.cli.command_line import one_line, prox
from prox_assets_tests.monitoring.report.lakes import CORPUS, measured_run


def test_the_report_goes_into_the_lake(tmp_path: Path):
    lake = measured_run(tmp_path).lake
    output = one_line(prox("report", "--lake", lake.url))
    assert f"{lake.url}/{CORPUS}/report/index.html" in output
    assert "<h1>web: refinement report</h1>" in Path(f"{lake.url}/{CORPUS}/report/index.html").read_text()


def test_the_report_goes_to_a_file_and_the_lake_stays_as_it_was(tmp_path: Path):
    lake = measured_run(tmp_path).lake
    place = tmp_path / "page.html"
    prox("report", "--lake", lake.url, "--corpus", CORPUS, "--output", str(place))
    assert place.read_text().startswith("<!DOCTYPE html>")
    assert not Path(f"{lake.url}/{CORPUS}/report").exists()
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_the_settings_of_drift_are_those_of_the_corpus(tmp_path: Path):
    lake = measured_run(tmp_path).lake
    settings = tmp_path / "defs.yaml"
    settings.write_text("type: x\nattributes:\n  monitoring:\n    min_baseline_shards: 3\n")
    prox("report", "--lake", lake.url, "--settings", str(settings))
    assert "a baseline needs 3 shards" in Path(f"{lake.url}/{CORPUS}/report/index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpus", "other"], "it has: web"),
        (["--corpus", "../web"], "has no corpus '../web'"),
        (["--output", "/no/such/folder/page.html"], "folder that is there"),
        (["--settings", "/no/such/file.yaml"], "cannot be read as settings"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_remedy(tmp_path: Path, arguments: list[str], message: str):
    lake = measured_run(tmp_path).lake
    assert message in one_line(prox("report", "--lake", lake.url, *arguments, expected=1))


def test_an_empty_lake_has_no_report(tmp_path: Path):
    assert "prox refine" in one_line(prox("report", "--lake", str(tmp_path), expected=1))
