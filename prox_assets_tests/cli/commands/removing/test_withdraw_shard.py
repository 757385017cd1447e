"""`prox withdraw-shard`, and what `prox shards` says of a shard that has left the source."""

import os
from pathlib import Path

import dagster as dg
import pytest
import yaml
from typer.testing import CliRunner

from prox_assets.cli import app
from prox_assets.lake.lake import Lake
from prox_assets.stages.reading.discovery import known_shards
from prox_assets_tests.cli.command_line import PAGE, one_line, prox
from prox_assets_tests.stages.shard_runs import write_pages


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Two shards, refined by a defs.yaml; the first has left the source since."""
    for name in "ab":
        write_pages(tmp_path / "raw" / f"{name}.jsonl", [PAGE])
    settings = tmp_path / "defs.yaml"
    settings.write_text(yaml.safe_dump({"attributes": {"corpus": "web", "urls": [f"{tmp_path}/raw/*.jsonl"]}}))
    prox("refine", "--settings", settings, "--lake", tmp_path / "lake")
    (tmp_path / "raw" / "a.jsonl").unlink()
    prox("refine", "--settings", settings, "--lake", tmp_path / "lake")
    return tmp_path / "lake"


def keys(lake: Path) -> list[str]:
    return list(known_shards(Lake(str(lake)), "web"))


def test_shards_say_what_is_gone_and_since_when(lake: Path) -> None:
    output = prox("shards", "--lake", lake)
    assert "corpus web: 2 shards, 2 done, 1 gone from the source" in output
    first, second = [line for line in output.splitlines() if ".jsonl" in line]
    assert "done, gone since 20" in first
    assert "gone" not in second


def test_files_that_a_command_names_are_not_the_whole_source(lake: Path, tmp_path: Path) -> None:
    write_pages(tmp_path / "raw" / "c.jsonl", [PAGE])
    prox("refine", tmp_path / "raw" / "c.jsonl", "--corpus", "web", "--lake", lake)
    assert "3 shards, 3 done, 1 gone" in prox("shards", "--lake", lake)


def test_a_shard_is_withdrawn_when_that_is_confirmed(lake: Path) -> None:
    command = ["withdraw-shard", "a.jsonl", "--corpus", "web", "--lake", str(lake)]
    refused = CliRunner().invoke(app, command, input="n\n")
    assert (refused.exit_code, keys(lake)) == (1, ["a.jsonl", "b.jsonl"])
    done = CliRunner().invoke(app, command, input="y\n")
    assert done.exit_code == 0, done.output
    assert "in Dagster its partition stays: run this with --dagster" in one_line(done.output)
    assert keys(lake) == ["b.jsonl"]
    assert "1 shard, 1 done" in prox("shards", "--lake", lake)


def test_one_that_is_there_and_one_that_is_not_known_are_refused(lake: Path) -> None:
    common = ("--corpus", "web", "--lake", lake, "--yes")
    assert "is in the source, as of the last listing" in one_line(
        prox("withdraw-shard", "b.jsonl", *common, expected=1)
    )
    assert "is not recorded in the lake" in one_line(prox("withdraw-shard", "c.jsonl", *common, expected=1))
    assert keys(lake) == ["a.jsonl", "b.jsonl"]
    prox("withdraw-shard", "b.jsonl", *common, "--force")
    assert keys(lake) == ["a.jsonl"]


def test_its_partition_goes_too_unless_work_is_under_way(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("withdraw-shard", "a.jsonl", "--corpus", "web", "--lake", lake, "--yes", "--dagster")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert "nothing was removed" in one_line(prox(*command, expected=1))
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setitem(os.environ, "DAGSTER_HOME", str(home))

    @dg.job(tags={"prox/corpus": "web"})
    def discovery() -> None:
        """Do nothing."""

    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("web_shards", ["a.jsonl", "b.jsonl"])
        run = instance.create_run_for_job(discovery, status=dg.DagsterRunStatus.STARTED, tags={"prox/corpus": "web"})
        assert run.run_id in one_line(prox(*command, expected=1))
        assert keys(lake) == ["a.jsonl", "b.jsonl"]
        instance.delete_run(run.run_id)
        assert "a.jsonl is withdrawn" in prox(*command)
        assert instance.get_dynamic_partitions("web_shards") == ["b.jsonl"]
    assert keys(lake) == ["b.jsonl"]
