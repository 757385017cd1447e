"""Discovery where the lake and the raw files share a place: the lake's own files are never raw ones."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import boto3
import dagster as dg
import pytest

from prox_assets.catalog.compaction import compact
from prox_assets.corpora.shards import CorpusError
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.alert_status import AlertStatus, write_alert_status
from prox_assets.monitoring.report.write import write_report
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.orchestration.source_sensor import prepare_partitions
from prox_assets.refiners.presets import preset
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards, record_shard
from prox_assets.stages.running.pipeline import refine_shards
from prox_assets_tests.lakes import files_of
from prox_assets_tests.stages.shard_runs import make_plan, write_pages

PAGES = ["Menu\nA page of the story of the wall, which goes on for a while and ends here."]


def silent(stage: str, shard: str) -> Callable[[int, int], None]:
    return lambda done, total: None


def plan_of(*urls: Path | str, **options: object) -> RefinementPlan:
    source = CorpusSource.model_validate({"name": "web", "urls": list(map(str, urls)), **options})
    return RefinementPlan(source=source, refiners=preset("keep-all"))


def refined(lake: Lake, plan: RefinementPlan) -> list[str]:
    """Discover and refine, and return the source files found."""
    shards = discover_shards(lake, plan, "run").shards
    assert refine_shards(lake, plan, shards, "run", report=silent).errors == {}
    return [shard.source_file for shard in shards]


def fill(lake: Lake) -> None:
    """Let the lake hold every kind of file that it can."""
    compact(lake, "web")
    write_report(lake, "web")
    lake.storage.write_bytes("_resume/web/doc_programs/a.jsonl/0/0.parquet", b"unfinished")
    lake.storage.write_bytes("_leases/web/raw_shards/a.jsonl.json", b"{}")
    write_alert_status(lake, "web", AlertStatus(open=0, untold=0, failed_attempts=0, changed_at=0.0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pages(tmp_path / "in" / "a.jsonl", PAGES)
    return tmp_path / "in"


PLACES = ["in/lake", "in/deep/er/lake", "in", ".", "in/web"]
BOTH = ["a.jsonl", "b.parquet"]
FOUND = {"": BOTH, "/*": BOTH, "/**/*": BOTH, "/**/*.parquet": BOTH[1:], "/**/*.json*": BOTH[:1]}


@pytest.mark.parametrize("place", PLACES)
def test_no_pattern_matches_a_file_of_the_lake_however_often_it_is_run(folder, tmp_path, place):
    lake = Lake(str(tmp_path / place))
    for _ in range(2):
        assert refined(lake, plan_of(folder)) == ["a.jsonl"]
    fill(lake)
    write_pages(folder / "b.parquet", PAGES)
    for pattern, expected in FOUND.items():
        found = discover_shards(lake, plan_of(f"{folder}{pattern}"), "run").shards
        assert [shard.source_file for shard in found] == expected


def test_the_folder_that_one_stands_in_may_hold_the_lake(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for _ in range(2):
        assert refined(Lake("lake"), plan_of(".")) == ["a.jsonl"]
    monkeypatch.chdir(folder / "lake")
    assert refined(Lake("."), plan_of("..")) == ["a.jsonl"]
    monkeypatch.chdir(folder.parent)
    assert refined(Lake("in/lake/"), plan_of("in/")) == ["a.jsonl"]


def test_links_do_not_hide_the_lake(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    lake = Lake(str(folder / "lake"))
    assert refined(lake, plan_of(tmp_path / "link")) == ["a.jsonl"]
    assert refined(Lake(str(tmp_path / "link" / "lake")), plan_of(folder)) == ["a.jsonl"]
    elsewhere = tmp_path / "elsewhere"
    write_pages(elsewhere / "b.jsonl", PAGES)
    (elsewhere / "results").symlink_to(folder / "lake")
    (elsewhere / "refined").symlink_to(folder / "lake" / "web" / "refined")
    [table] = (folder / "lake" / "web" / "refined").iterdir()
    (elsewhere / "one.parquet").symlink_to(table)
    for pattern in ("", "/**/*.*"):
        found = discover_shards(lake, plan_of(f"{elsewhere}{pattern}"), "run").shards
        assert [shard.source_file for shard in found] == ["b.jsonl"]


@pytest.mark.parametrize("url", ["lake", "lake/web/refined", "lake/web/refined/*.parquet", "lake/**/*.parquet"])
def test_a_url_that_names_only_files_of_the_lake_is_refused(folder, url):
    lake = Lake(str(folder / "lake"))
    refined(lake, plan_of(folder))
    before = files_of(lake)
    with pytest.raises(CorpusError, match=r"matches only files of the lake that the results go to. Name the raw files"):
        discover_shards(lake, plan_of(folder / url), "run")
    [table] = (folder / "lake" / "web" / "refined").iterdir()
    with pytest.raises(CorpusError, match="only files of the lake"):
        discover_shards(lake, plan_of(table), "run")
    assert files_of(lake) == before


def test_the_tables_of_another_lake_are_raw_files_like_any_others(folder, tmp_path):
    lake = Lake(str(folder / "lake"))
    refined(lake, plan_of(folder))
    [shard] = discover_shards(Lake(str(tmp_path / "second")), plan_of(folder / "lake/web/refined"), "run").shards
    assert shard.source_file == "a.jsonl.parquet"


def test_raw_files_beside_a_corpus_in_the_lake_s_folder_are_read(tmp_path):
    write_pages(tmp_path / "web" / "a.jsonl", PAGES)
    write_pages(tmp_path / "web" / "shards" / "b.jsonl", PAGES)
    for _ in range(2):
        assert refined(Lake(str(tmp_path)), plan_of(tmp_path / "web")) == ["a.jsonl", "shards/b.jsonl"]


def test_every_file_that_a_lake_can_hold_is_its_own(folder, tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    refined(lake, plan_of(folder))
    fill(lake)
    assert [path for path in files_of(lake) if not lake.owns(lake.storage.fs, lake.storage.path(path))] == []


def test_partitions_are_made_of_raw_files_only(folder):
    lake = Lake(str(folder / "lake"))
    settings = CorpusSettings(corpus="web", urls=make_plan(folder).source.urls, refiners="keep-all")
    refined(lake, settings.plan)
    with dg.DagsterInstance.ephemeral() as instance:
        prepare_partitions(instance, lake, settings, "run")
        assert instance.get_dynamic_partitions(settings.partitions.name or "") == ["a.jsonl"]


@pytest.fixture
def bucket(s3_endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    client = boto3.client("s3")
    client.create_bucket(Bucket="both")
    client.upload_file(str(write_pages(tmp_path / "a.jsonl", PAGES)), "both", "raw/a.jsonl")
    yield s3_endpoint
    for entry in client.list_objects_v2(Bucket="both")["Contents"]:
        client.delete_object(Bucket="both", Key=entry["Key"])
    client.delete_bucket(Bucket="both")


@pytest.mark.parametrize(
    ("place", "said"), [("raw/lake", "environment"), ("raw/lake", "options"), ("raw", "environment"), ("", "options")]
)
def test_a_lake_in_the_bucket_of_the_raw_files_is_left_out(bucket, place, said):
    lake = Lake(f"s3://both/{place}", {"client_kwargs": {"endpoint_url": bucket}} if said == "options" else None)
    options = {"storage_options": {"endpoint_url": bucket}} if said == "options" else {}
    assert refined(lake, plan_of("s3://both/raw", **options)) == ["a.jsonl"]
    for url in ("s3://both/raw", "s3://both/raw/", "s3://both/raw/**/*"):
        found = discover_shards(lake, plan_of(url, **options), "run").shards
        assert [shard.source_file for shard in found] == ["a.jsonl"]
    with pytest.raises(CorpusError, match="only files of the lake"):
        discover_shards(lake, plan_of(f"{lake.url}/web/refined/*", **options), "run")


def test_a_bucket_of_that_name_on_another_server_is_another_place(bucket):
    lake = Lake("s3://both/lake", {"client_kwargs": {"endpoint_url": "http://127.0.0.1:9"}})
    other = Lake("s3://both/lake", {"endpoint_url": bucket})
    assert not lake.owns(other.storage.fs, "both/lake")
    assert other.owns(other.storage.fs, "both/lake")
    assert not other.owns(other.storage.fs, "both/lakes")
    assert not other.owns(Lake(os.curdir).storage.fs, "both/lake")


def test_new_corpora_get_keys_without_doubled_extensions_and_old_ones_keep_theirs(tmp_path):
    for name in ("a.jsonl.gz", "b.jsonl"):
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / "raw" / name).write_bytes(b"")
    plan = plan_of(tmp_path / "raw")
    new, old = Lake(str(tmp_path / "new")), Lake(str(tmp_path / "old"))
    [first, second] = discover_shards(new, plan, "run").shards
    assert [first.key, second.key] == ["a", "b.jsonl"]
    record_shard(old, "web", replace(first, key="a.jsonl.gz"), "an earlier release")
    (tmp_path / "raw" / "c.jsonl.zst").write_bytes(b"")
    assert [shard.key for shard in discover_shards(old, plan, "run").shards] == ["a.jsonl.gz", "b.jsonl", "c.jsonl.zst"]
    assert [shard.key for shard in discover_shards(new, plan, "run").shards] == ["a", "b.jsonl", "c"]
    for lake in (new, old):
        assert discover_shards(lake, plan, "run").added == ()
