"""The sweep of GPU settings: rows that work, rows that fail."""

from pathlib import Path

import pytest

from benchmarks import gpu_throughput
from benchmarks.engine_efficiency import engine_settings
from benchmarks.gpu_throughput import SWEEP, SweepRow, run_row, table
from benchmarks.support.bare_vllm import Timed
from benchmarks.support.llama_shapes import SHAPES
from benchmarks.support.stage_efficiency import Efficiency
from prox_assets.engines.config import VllmEngineConfig


def test_a_row_counts_chunks_and_input_tokens_of_the_whole_stage() -> None:
    stage = Timed(10.0, 1.0, prompt_tokens=3_000_000, generated_tokens=64_000)
    row = SweepRow.measured("base", Efficiency("chunk", 2000, (stage,), (stage, stage)))

    assert row.chunks_per_second == 200
    assert row.input_tokens_per_second == 300_000
    assert row.gpu_hours_per_billion_tokens == pytest.approx(0.926, abs=0.001)
    assert row.ratio == pytest.approx(1.0)


def test_the_published_run_of_147_hours_for_17_69_billion_tokens_is_8_3_hours_per_billion() -> None:
    assert SweepRow("published", 0.0, 17.69e9 / 147 / 3600).gpu_hours_per_billion_tokens == pytest.approx(
        8.31, abs=0.01
    )


def test_a_failed_row_says_why_and_the_others_are_compared_with_the_first_that_worked() -> None:
    rows = [SweepRow("one", error="no | FP8\nhere"), SweepRow("two", 10, 1000, 0.9), SweepRow("three", 20, 2000, 0.95)]

    lines = table(rows).splitlines()

    assert lines[2] == r"| one | failed: no \| FP8 here | | | | |"
    assert "| two | 10.0 | 1,000 | 1.00 | 277.78 | 0.900 |" in lines
    assert "| three | 20.0 | 2,000 | 2.00 | 138.89 | 0.950 |" in lines


def test_every_configuration_of_the_sweep_is_one_that_the_engine_takes() -> None:
    base = engine_settings(SHAPES["prox-xs"], [])
    for name, settings in SWEEP.items():
        changed = VllmEngineConfig.model_validate({**base.model_dump(), **settings})
        assert (changed == base) == (name == "base" or settings == {"enforce_eager": base.enforce_eager}), name


def test_a_row_whose_process_fails_brings_the_reason_and_no_exception(tmp_path: Path) -> None:
    row = run_row("base", ["--pages", __file__, "--work", str(tmp_path / "nothing")], timeout_seconds=200)

    assert row.error is not None
    assert "FileNotFoundError" in row.error
    assert "texts.json" in row.error


def test_a_row_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    row = run_row("base", ["--pages", __file__, "--work", str(tmp_path)], timeout_seconds=0.05)

    assert row.error is not None
    assert "--row-seconds" in row.error


def test_nonsense_is_refused_before_anything_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        gpu_throughput.main(["--pages", __file__, "--chunks", "0"])
    assert "must be at least 1" in capsys.readouterr().err
