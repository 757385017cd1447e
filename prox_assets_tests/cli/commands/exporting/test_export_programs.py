"""`prox export-programs`: what it prints, and errors that name the remedy."""

import polars as pl
import pytest

from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.dialect_files.manifest import ExportManifest
from prox_assets_tests.catalog.lives import all_fates
from prox_assets_tests.cli.command_line import prox


@pytest.fixture
def options(tmp_path) -> tuple[str, ...]:
    run = all_fates(tmp_path)
    return (run.corpus, "--lake", run.lake.url)


def test_it_counts_what_the_dialect_says_and_what_it_leaves_out(options, tmp_path):
    to = tmp_path / "export"
    output = prox("export-programs", *options, "--dialect", "dataorchestra-np", "--to", to)
    manifest = ExportManifest.read(Storage(str(to)))
    assert manifest is not None
    fidelity = manifest.total("fidelity")
    said = " ".join(output.split())  # a narrow terminal folds the rows
    assert f"exact {fidelity['exact']} the program leaves the refined text" in said
    assert "inside line 1 the dialect changes nothing inside lines" in said
    assert "left out: quarantined 2" in said
    assert f"programs: {to}" in said
    assert "everything was current" in prox("export-programs", *options, "--dialect", "dataorchestra-np", "--to", to)


def test_files_for_the_released_tools_of_a_dialect(options, tmp_path):
    prox("export-programs", *options, "--dialect", "ultrax", "--to", tmp_path / "export", "--layout", "released")
    [file] = (tmp_path / "export").glob("*.parquet")
    assert {"original", "model_output"} < set(pl.read_parquet(file).columns)
    assert not (tmp_path / "export" / "_tmp").exists()
    prox("export-programs", *options, "--dialect", "ultrax", "--to", tmp_path / "plain")
    moved = prox("export-programs", *options, "--dialect", "ultrax", "--to", tmp_path / "moved", expected=1)
    assert "write it there again (--to), or give this one another name (--name)" in " ".join(moved.split())


def test_errors_that_name_the_remedy(options, tmp_path):
    to = ("--to", tmp_path / "export")
    assert "canonical" in prox("export-programs", *options, "--dialect", "latin", *to, expected=1)
    said = " ".join(prox("export-programs", *options, "--dialect", "prox", *to, expected=1).split())
    assert "canonical is what the calls of ProX are written in" in said
    assert "no tool" in prox(
        "export-programs", *options, "--dialect", "refinex", "--layout", "released", *to, expected=1
    )
    refused = prox("export-programs", *options, "--dialect", "dataorchestra-np", "--inexact", "fail", *to, expected=1)
    assert "--inexact keep" in refused
    assert "prox refine" in prox("export-programs", "nothing", *options[1:], "--dialect", "ultrax", *to, expected=1)
