"""`prox shards`, `prox estimate` and the help: for people, at 80 columns."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.stages.estimates.cost import estimate_cost
from prox_assets.stages.running.pipeline import EXPECTED_ERRORS
from prox_assets_tests.cli.command_line import PAGE, one_line, prox
from prox_assets_tests.stages.shard_runs import make_plan, write_pages


@pytest.mark.parametrize("command", [[], ["refine"], ["estimate"], ["shards"]])
def test_help_fits_into_80_columns(command):
    output = prox(*command, "--help")
    assert max(map(len, output.splitlines())) <= 80
    for word in command or ("refine", "estimate", "shards", "prox refine pages.jsonl.gz --lake lake"):
        assert word in one_line(output)


def test_the_command_alone_shows_the_help():
    assert "Usage: prox" in prox(expected=2)


def test_the_version_is_told():
    assert prox("--version") == f"prox_assets {version('prox_assets')}\n"


@pytest.mark.parametrize(
    "command",
    [
        ["refine"],
        ["shards"],
        ["trace"],
        ["replay"],
        ["sql"],
        ["report"],
        ["drift"],
        ["check"],
        ["metrics"],
        ["withdraw-shard"],
        ["catalog", "build"],
        ["catalog", "compact"],
        ["stats", "totals"],
        ["stats", "compare"],
    ],
)
def test_every_command_names_the_lake_in_the_same_way(command):
    """One option, one default, one variable: docs/questions.md says so once."""
    shown = one_line(prox(*command, "--help").replace("│", " "))
    assert "--lake -l <str> Folder or URL of the lake. [env var: PROX_LAKE] [default: lake]" in shown


def test_help_loads_no_model_library():
    code = """
import sys
from prox_assets.cli import app
try:
    app(["--help"])
except SystemExit:
    pass
print("LOADED", sorted({"torch", "vllm", "transformers", "dagster"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert "LOADED []" in done.stdout


@pytest.fixture
def lake(tmp_path) -> Path:
    """Three shards, of which the last is only listed."""
    folder = tmp_path / "raw"
    for name in ("CC-MAIN-2024-10-0001", "CC-MAIN-2024-10-0002", "CC-MAIN-2024-10-0003"):
        write_pages(folder / f"{name}.jsonl", [PAGE] * 2)
    prox("refine", folder, "--lake", tmp_path / "lake", "--corpus", "web", "--limit", "4")
    return tmp_path / "lake"


def test_shards_are_listed_with_their_state(lake):
    output = prox("shards", "--lake", lake)
    assert "corpus web: 3 shards, 2 done, refiners " in output
    first, second, third = [line for line in output.splitlines() if "CC-MAIN" in line]
    assert first.split()[:3] == ["CC-MAIN-2024-10-0001.jsonl", "2", "done"]
    assert second.split()[0] == "CC-MAIN-2024-10-0002.jsonl"
    assert third.split()[:4] == ["CC-MAIN-2024-10-0003.jsonl", "-", "raw_shards", "missing"]
    assert max(map(len, output.splitlines())) <= 80


def test_refiners_are_told_per_shard_where_they_differ(lake):
    prox("refine", lake.parent / "raw", "--lake", lake, "--corpus", "web", "--level", "doc", "--limit", "2")
    output = prox("shards", "--lake", lake)
    assert "refiners" not in output.splitlines()[0]
    assert "keep-all" in output
    assert max(map(len, output.splitlines())) <= 80


def test_the_lake_comes_from_the_environment(lake, monkeypatch):
    monkeypatch.setenv("PROX_LAKE", str(lake))
    assert "corpus web: 3 shards" in prox("shards")


def test_a_source_is_listed_without_refining_it(tmp_path):
    write_pages(tmp_path / "a.jsonl", [PAGE])
    settings = tmp_path / "defs.yaml"
    settings.write_text(f"attributes: {{corpus: web, urls: ['{tmp_path}/*.jsonl'], refiners: rules}}\n")
    command = ("shards", "--discover", "--settings", settings, "--lake", tmp_path / "lake")
    assert "corpus web: 1 shard in the source, 1 new" in prox(*command)
    write_pages(tmp_path / "b.jsonl", [PAGE])
    output = prox(*command)
    assert "corpus web: 2 shards in the source, 1 new" in output
    assert "raw_shards: 0 done, 2 missing: never made (2)" in output
    assert Lake(str(tmp_path / "lake")).shards("web", Table.SHARDS) == ["a.jsonl", "b.jsonl"]
    assert "--discover needs the --settings" in one_line(prox(*command[:2], *command[4:], expected=1))


def test_stale_shards_name_the_stage_to_run(lake):
    opened = Lake(str(lake))
    opened.storage.remove(opened.manifest_path("web", "CC-MAIN-2024-10-0001.jsonl"))
    opened.storage.remove(opened.table_path("web", Table.SHARD_METRICS, "CC-MAIN-2024-10-0002.jsonl"))
    output = prox("shards", "--lake", lake, "--corpus", "web")
    assert "refined_shards stale" in output
    assert "quality_metrics missing" in output


def test_a_lake_or_corpus_that_is_not_there_is_told(tmp_path, lake):
    assert "has no corpus yet; `prox refine` creates one" in one_line(
        prox("shards", "--lake", tmp_path / "none", expected=1)
    )
    assert "has no corpus 'other'; it has: web" in one_line(
        prox("shards", "--lake", lake, "--corpus", "other", expected=1)
    )
    assert "cannot be a lake" in one_line(prox("shards", "--lake", "nonsense://bucket", expected=1))


def test_a_damaged_lake_is_told(lake):
    path = lake / "web" / "documents" / "CC-MAIN-2024-10-0001.jsonl.parquet"
    path.write_bytes(b"nonsense")
    assert "damaged" in prox("shards", "--lake", lake, expected=1)


def test_an_estimate_names_rates_and_engine_hours_and_writes_nothing(tmp_path):
    pages = write_pages(tmp_path / "pages.jsonl", [PAGE] * 30)
    before = sorted(tmp_path.rglob("*"))
    output = prox("estimate", pages, "--sample", "10")
    assert "Sample of 10 documents" in output
    assert "30 documents in 1 file (counted): less than 0.01 engine hours" in one_line(output)
    assert "docs/s" in output
    assert "…" not in output
    assert max(map(len, output.splitlines())) <= 80
    assert sorted(tmp_path.rglob("*")) == before
    for progress in ("read pages.jsonl: 30 of 30", "documents pages.jsonl: 10 of 10"):
        assert progress in one_line(output)


def test_an_estimate_for_many_gpus_says_what_a_backfill_takes(tmp_path):
    for number in range(3):
        write_pages(tmp_path / "raw" / f"part-{number}.jsonl", [PAGE] * 4)
    output = one_line(prox("estimate", tmp_path / "raw", "--sample", "2", "--gpus", "64"))
    assert "64 GPUs, 3 shards, shards_per_run 1: less than 0.01 hours" in output
    assert "of them the model's; most of the others: " in output


def test_an_estimate_with_a_model_tells_tokens(tmp_path, tiny_llama):
    pages = write_pages(tmp_path / "pages.jsonl", [PAGE] * 4)
    refiners = tmp_path / "mine.yaml"
    refiners.write_text(
        f"doc: {{name: t, level: doc, model: {tiny_llama}, prompt_format: llama2-chat, probe: false}}\n"
    )
    output = prox("estimate", pages, "--refiner", refiners, "--engine-option", "dtype=float32")
    [line] = [line for line in output.splitlines() if line.strip().startswith("documents") and ":" not in line]
    assert "-" not in line.split()


def test_files_of_json_are_extrapolated_by_size_and_parquet_is_counted(tmp_path):
    folder = tmp_path / "raw"
    write_pages(folder / "a.jsonl", ["x" * 100] * 10)
    write_pages(folder / "b.jsonl", ["x" * 100] * 30)
    pq.write_table(pa.table({"text": ["short"] * 500}), folder / "c.parquet")
    result = estimate_cost(make_plan(folder), sample_size=5, seed=0)
    assert (result.files, result.counted, result.sample) == (3, 2, 5)
    assert result.documents == pytest.approx(540, abs=1)
    assert "2 counted, the others by their size" in one_line(prox("estimate", folder))


def test_parquet_files_are_all_counted(tmp_path):
    for number in range(4):
        table = pa.table({"text": ["y" * 1000] * (number + 1) * 7})
        pq.write_table(table, tmp_path / f"{number}.parquet", row_group_size=3)
    result = estimate_cost(make_plan(tmp_path), sample_size=5, seed=0)
    assert (result.files, result.counted, result.documents) == (4, 4, 70)


def test_a_file_without_documents_cannot_be_estimated(tmp_path):
    pages = write_pages(tmp_path / "pages.jsonl", [])
    assert "has no readable document" in one_line(prox("estimate", pages, expected=1))
    with pytest.raises(EXPECTED_ERRORS, match="name another file first"):
        estimate_cost(make_plan(pages), 5, 0)
