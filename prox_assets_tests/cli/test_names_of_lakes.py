"""Lakes, corpora and shards whose names a tool could read in another way: every question is answered as for any other.

DuckDB, fsspec and polars take paths for patterns, folders called `name=value` for columns, and some characters for
separators; the lake's path must change nothing.
"""

import json
import os
import shutil
from pathlib import Path

import boto3
import duckdb
import pytest

from prox_assets.catalog.compaction import compact
from prox_assets.catalog.file import write_catalog
from prox_assets.catalog.guarded import QueryError, run_select
from prox_assets.catalog.lookup import find_documents, places_of_id
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp
from prox_assets_tests.catalog.refined_lakes import refine_pages
from prox_assets_tests.cli.command_line import prox
from prox_assets_tests.lake.conftest import lake, s3_lake
from prox_assets_tests.lake.rows import sample_row

__all__ = ["lake", "s3_lake"]

BACKSLASHES = ["back\\slash", "a\\*b"]
NAMES = [
    "corpus=web",
    "run_id=7,execution_id=x",
    "[2024] dump",
    "[!a-c]",
    "**",
    "a*b",
    "a?b",
    "{a,b};c|d&e #1",
    """ it's "so" `a` """,
    "100%2F $HOME",
    "~",
    "s3:",
    "-x.parquet",
    "é中",
    "line\nbreak",
    *BACKSLASHES,
]
QUERIES = [
    "SELECT corpus, shard, run_id, execution_id, outcome, count(*) FROM outcomes GROUP BY ALL ORDER BY ALL",
    "SELECT corpus, shard, run_id, doc_refiner FROM shard_metrics",
    "SELECT * FROM manifests",
    "SELECT count(*), max(corpus), max(shard) FROM document_index",
    "SELECT count(*) FROM refined JOIN documents USING (corpus, shard, doc_id, source_row)",
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A refined lake."""
    folder = tmp_path_factory.mktemp("names")
    refine_pages(Lake(str(folder / "lake")), folder / "raw")
    return folder / "lake"


@pytest.fixture(scope="module")
def expected(plain: Path) -> list[str]:
    """What it says to every question."""
    return answers(str(plain))


def answers(lake: str) -> list[str]:
    """Ask everything, with and without compactions."""
    here = ("--lake", lake)
    found = json.loads(prox("sql", "SELECT min(doc_id) AS doc_id FROM documents", "--format", "json", *here))
    doc_id = found[0]["doc_id"]

    def ask() -> list[str]:
        said = [prox("sql", query, "--format", "json", *here) for query in QUERIES]
        return [*said, prox("stats", "totals", "--format", "json", *here), prox("trace", doc_id, "--json", *here)]

    said = ask()
    said.append(prox("trace", "--find", "about hills", "--json", *here))
    said.append(prox("trace", "--find", "about hills", "--shard", "one.jsonl", "--json", *here))
    prox("catalog", "compact", *here)
    said += ask()
    prox("report", *here)
    return said


@pytest.mark.local_lake
@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_any_name_answers_every_question(plain, expected, tmp_path, name):
    lake = tmp_path / name / "lake"
    shutil.copytree(plain, lake, ignore=shutil.ignore_patterns("compacted"))
    decoy = tmp_path / "aZb" / "lake"  # what some of the names match as patterns
    shutil.copytree(plain, decoy, ignore=shutil.ignore_patterns("compacted"))
    assert answers(str(lake)) == expected


@pytest.mark.local_lake
def test_a_folder_whose_name_is_no_text_answers_every_question(plain, expected, tmp_path):
    lake = Path(os.fsdecode(os.fsencode(tmp_path) + b"/no \xff text/lake"))
    shutil.copytree(plain, lake, ignore=shutil.ignore_patterns("compacted"))
    assert [run_select(Lake(str(lake)), query).num_rows for query in QUERIES] == [
        len(json.loads(said)) for said in expected[: len(QUERIES)]
    ]


@pytest.mark.local_lake  # and an object store
@pytest.mark.parametrize("name", ["run_id=7", "[a?*", "{a,b} #1 100%2F&é\\"])
def test_a_prefix_of_any_name_answers_every_question(plain, expected, s3_lake, s3_endpoint, monkeypatch, name):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    client = boto3.client("s3")
    for prefix in (name, "aZb"):
        for path in plain.rglob("*"):
            if path.is_file() and "compacted" not in path.parts:
                key = f"{prefix}/lake/{path.relative_to(plain).as_posix()}"
                client.put_object(Bucket="lakes", Key=key, Body=path.read_bytes())
    lake = Lake(f"s3://lakes/{name}/lake")
    found = [run_select(lake, query).to_pylist() for query in QUERIES]
    assert found == [json.loads(said) for said in expected[: len(QUERIES)]]
    [hit] = find_documents(lake, "about hills")
    assert places_of_id(lake, hit.place.doc_id) == [hit.place]
    assert prox("stats", "totals", "--format", "json", "--lake", lake.url) == expected[len(QUERIES)]


@pytest.mark.local_lake
@pytest.mark.parametrize("name", [name for name in NAMES if name not in BACKSLASHES])
def test_a_catalog_file_shows_the_lake_of_any_name(plain, tmp_path, name):
    lake = tmp_path / name / "lake"
    shutil.copytree(plain, lake)
    shutil.copytree(plain, tmp_path / "aZb" / "lake")
    with duckdb.connect(str(write_catalog(Lake(str(lake)), tmp_path / "catalog.duckdb")), read_only=True) as catalog:
        for table, rows in (("documents", 9), ("outcomes", 9), ("document_index", 9), ("manifests", 1)):
            assert catalog.table(table).project("corpus, shard").fetchall() == [("web", "one.jsonl")] * rows


@pytest.mark.local_lake
@pytest.mark.parametrize("name", BACKSLASHES)
def test_a_catalog_file_that_would_show_nothing_is_not_written(plain, tmp_path, name):
    shutil.copytree(plain, tmp_path / name / "lake")
    with pytest.raises(LakeError, match=r"DuckDB cannot look for files below .*`prox sql` can"):
        write_catalog(Lake(str(tmp_path / name / "lake")), tmp_path / "catalog.duckdb")
    assert not (tmp_path / "catalog.duckdb").exists()


@pytest.mark.local_lake
@pytest.mark.parametrize("name", ["a*b", "a?b", "a[Z]b"])
def test_what_a_lakes_name_matches_as_a_pattern_is_not_read(plain, tmp_path, name):
    for folder in (name, "aZb"):
        shutil.copytree(plain, tmp_path / folder / "lake")
        (tmp_path / folder / "lake" / "secret.csv").write_text("secret\n")
    lake = Lake(str(tmp_path / name / "lake"))
    for place in (lake.storage.root, str(tmp_path / "aZb" / "lake")):
        with pytest.raises(QueryError, match="a query may read the lake and nothing else"):
            run_select(lake, f"FROM read_text('{place}/secret.csv')")


ODD = ["[ab]", "a", "a*b", "aZb", "a?b", "{a,b}", "k=v", "100%2F", "it's", "a#b", "~", "é 中"]
PLACES = [*(("web", shard) for shard in ODD), *((corpus, "a") for corpus in ("w*b", "[web]", "it's"))]


def test_corpora_and_shards_of_any_name_are_told_apart(lake, tmp_path):
    wanted = sorted((corpus, shard, f"{number}") for number, (corpus, shard) in enumerate(PLACES))
    for corpus, shard, execution in wanted:
        stamp = FileStamp("f", "i", "run", "1", execution)
        with lake.write(corpus, shard, [Table.REFINED], stamp) as [writer]:
            writer.write(sample_row(Table.REFINED, 0))
        lake.write_manifest(corpus, shard, execution, "run", {})
    query = "SELECT corpus, shard, execution_id FROM {} ORDER BY ALL"
    for _ in range(2):
        for view in (Table.REFINED, "manifests"):
            assert [tuple(row.values()) for row in run_select(lake, query.format(view)).to_pylist()] == wanted
        for corpus in {corpus for corpus, _, _ in wanted}:
            compact(lake, corpus)
    for corpus, shard, execution in wanted:
        assert lake.scan(corpus, Table.REFINED, [shard]).select("execution_id").collect().rows() == [(execution,)]
    with duckdb.connect(str(write_catalog(lake, tmp_path / "catalog.duckdb", texts=True))) as catalog:
        assert catalog.execute(query.format(Table.REFINED)).fetchall() == wanted


def test_removing_a_file_whose_name_is_a_pattern_leaves_what_it_matches(lake):
    """A store's client removed all that matched: the lease of shard `a*` took those of `ab` and `ac` with it."""
    for shard in ODD:
        lake.storage.write_bytes(f"_leases/web/x/{shard}.json", b"{}")
        lake.storage.write_bytes(f"_resume/web/x/{shard}/windows/0.parquet", b"")
    for left, shard in enumerate(reversed(ODD)):
        lake.storage.remove(f"_leases/web/x/{shard}.json")
        lake.storage.remove(f"_resume/web/x/{shard}")
        rest = ODD[: len(ODD) - left - 1]
        assert lake.storage.list_files("_leases/web/x") == sorted(f"{shard}.json" for shard in rest)
        assert lake.storage.list_folders("_resume/web/x") == sorted(rest)


def test_a_key_that_a_stores_client_cuts_is_refused(s3_lake):
    with pytest.raises(LakeError, match="its client drops what follows"):
        s3_lake.shards("web?versionId=1", Table.REFINED)
