"""The command that prints the tables of the model cards."""

from pathlib import Path

import pytest

from benchmarks import evaluate_refiner
from prox_assets_tests.training.synthetic_pages import write_pages


def test_systems_and_references_are_in_every_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = write_pages(tmp_path / "pages.parquet", 60)
    monkeypatch.setattr("sys.argv", ["evaluate_refiner", "--pages", str(pages), "--systems", "lines"])
    assert evaluate_refiner.main() == 0
    chunks, documents = capsys.readouterr().out.split("## Level doc")
    table = chunks.split("\n\n")[2].splitlines()
    rows = {cells[1]: cells[2] for cells in ([cell.strip() for cell in line.split("|")] for line in table[2:])}
    assert [*rows] == ["lines", "keep-all", "C4", "rules", "lines of 8+ words", "labels themselves"]
    assert float(rows["labels themselves"]) > float(rows["keep-all"])
    assert "| Gopher | " in documents
    assert "| FineWeb | " in documents
