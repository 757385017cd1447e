"""A corpus of many small files: discovered into few shards, refined, traced, and listed again."""

from pathlib import Path

import pytest

from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.trace.read import read_trace
from prox_assets.catalog.trace.sentences import facts
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.chain import State
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.refiners.presets import preset
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading import discovery
from prox_assets.stages.reading.discovery import discover_shards, known_shard, known_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets.stages.running.pipeline import refine_shards
from prox_assets.stages.states.shard_states import shard_states
from prox_assets.stages.withdrawal.shards import withdraw_shard
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.stages.shard_runs import write_pages

TEXT = "\n".join(["A page with enough words on it to be worth keeping."] * 20)
FILES = {
    f"{letter}.jsonl": [f"{letter} {row}\n{TEXT}\nmenu" for row in range(rows)]
    for letter, rows in zip("abcd", (3, 1, 2, 2), strict=True)
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, texts in FILES.items():
        write_pages(tmp_path / "in" / name, texts)
    return tmp_path / "in"


def plan_of(folder: Path, corpus: str = "web", **options: object) -> RefinementPlan:
    source = CorpusSource.model_validate({"name": corpus, "urls": [str(folder)], **options})
    return RefinementPlan(source=source, refiners=preset("rules"))


def refine(lake: Lake, plan: RefinementPlan, run_id: str = "run-1") -> set[str]:
    """Refine what is not current; return the shards that were."""
    result = refine_shards(
        lake, plan, discover_shards(lake, plan, run_id).shards, run_id, report=lambda *_: lambda *_: None
    )
    assert result.errors == {}
    return result.unchanged


def test_it_is_refined_like_one_with_a_file_a_shard(folder, tmp_path):
    lake, alone = lake_at(tmp_path / "lake"), lake_at(tmp_path / "alone")
    many = plan_of(folder, shard_bytes="1MiB")
    refine(lake, many)
    refine(alone, plan_of(folder))
    assert list(known_shards(lake, "web")) == ["a.jsonl~4"]
    assert list(known_shards(alone, "web")) == list(FILES)
    for table in (Table.DOCUMENTS, Table.REFINED, Table.OUTCOMES, Table.EDITS):
        place = {"shard", "source_row", "run_id", "execution_id"}
        one, two = (
            sorted(
                (str({name: value for name, value in row.items() if name not in place}))
                for row in opened.scan("web", table).collect().iter_rows(named=True)
            )
            for opened in (lake, alone)
        )
        assert one == two
    assert refine(lake, many, "run-2") == {"a.jsonl~4"}, "nothing to do again"
    assert refine(lake, plan_of(folder), "run-3") == {"a.jsonl~4"}, "a shard stays as it is without the setting"


def test_a_row_of_it_is_traced_to_its_file(folder, tmp_path):
    lake = lake_at(tmp_path / "lake")
    refine(lake, plan_of(folder, shard_bytes="1MiB"))
    places = {}
    for row in lake.rows("web", Table.DOCUMENTS, "a.jsonl~4"):
        trace = read_trace(lake, DocumentPlace("web", "a.jsonl~4", row["doc_id"], row["source_row"]))
        places[trace.source_file, trace.file_row] = trace.raw_text
        source = dict(facts(trace))["source"]
        assert source == f"row {trace.file_row} of {trace.source_file} in {folder}/{trace.source_file}"
    assert places == {(name, row): text for name, texts in FILES.items() for row, text in enumerate(texts)}


def test_new_files_make_a_new_shard_and_nothing_is_written_anew(folder, tmp_path):
    lake, plan = lake_at(tmp_path / "lake"), plan_of(folder, shard_bytes="1MiB")
    refine(lake, plan)
    before = lake.storage.list_stamps("web/shards")
    write_pages(folder / "b2.jsonl", ["new"])
    write_pages(folder / "c2.jsonl", ["newer"])
    found = discover_shards(lake, plan, "run-2")
    assert (found.added, found.changed, found.gone) == (("b2.jsonl~2",), (), {})
    after = lake.storage.list_stamps("web/shards")
    assert {name: after[name] for name in before} == before
    assert discover_shards(lake, plan, "run-3").added == ()
    assert lake.storage.list_stamps("web/shards") == after


def test_a_file_that_leaves_takes_no_result_with_it_until_its_shard_is_read_again(folder, tmp_path):
    lake, plan = lake_at(tmp_path / "lake"), plan_of(folder, shard_bytes="1MiB")
    refine(lake, plan)
    (folder / "b.jsonl").unlink()
    found = discover_shards(lake, plan, "run-2")
    assert (found.changed, found.gone) == ((), {})
    [gone] = [file.source_file for file in known_shard(lake, "web", "a.jsonl~4").files or () if file.gone_since]
    assert gone == "b.jsonl"
    assert refine(lake, plan, "run-3") == {"a.jsonl~4"}

    read_raw_shard(ShardRun(lake, plan, "a.jsonl~4", "run-4"))
    assert {row["source_file"] for row in lake.rows("web", Table.DOCUMENTS, "a.jsonl~4")} == {
        "a.jsonl",
        "c.jsonl",
        "d.jsonl",
    }
    assert discover_shards(lake, plan, "run-5").changed == ()
    [state] = shard_states(lake, "web", known_shards(lake, "web").values())
    assert (state.stages["raw_shards"], state.stages["doc_programs"]) == (State.DONE, State.STALE)
    write_pages(folder / "b.jsonl", ["back"])
    assert discover_shards(lake, plan, "run-6").added == ("b.jsonl",)


def test_a_changed_file_makes_its_shard_stale_and_no_other(folder, tmp_path):
    lake, plan = lake_at(tmp_path / "lake"), plan_of(folder, shard_bytes=3000)
    refine(lake, plan)
    keys = list(known_shards(lake, "web"))
    assert keys == ["a.jsonl", "b.jsonl~2", "d.jsonl"]
    write_pages(folder / "c.jsonl", ["another text"])
    assert discover_shards(lake, plan, "run-2").changed == ("b.jsonl~2",)
    assert refine(lake, plan, "run-3") == {"a.jsonl", "d.jsonl"}


@pytest.mark.parametrize("read", [False, True])
def test_a_damaged_record_is_written_anew_with_its_files(folder, tmp_path, read):
    lake, plan = lake_at(tmp_path / "lake"), plan_of(folder, shard_bytes="1MiB")
    discover_shards(lake, plan, "run-1")
    if read:
        refine(lake, plan)
        write_pages(folder / "0.jsonl", ["a new file that would come first"])
    lake.storage.write_bytes("web/shards/a.jsonl~4.parquet", b"PAR1 and no more")
    found = discover_shards(lake, plan, "run-2")
    assert any("was damaged and has been written anew" in warning for warning in found.warnings)
    assert found.added == (("0.jsonl",) if read else ())
    assert [file.source_file for file in known_shard(lake, "web", "a.jsonl~4").files or ()] == list(FILES)
    assert refine(lake, plan, "run-3") == ({"a.jsonl~4"} if read else set())


def test_withdrawing_it_frees_its_files(folder, tmp_path):
    lake, plan = lake_at(tmp_path / "lake"), plan_of(folder, shard_bytes="1MiB")
    refine(lake, plan)
    for name in FILES:
        (folder / name).unlink()
    write_pages(folder / "z.jsonl", ["the last one"])
    assert list(discover_shards(lake, plan, "run-2").gone) == ["a.jsonl~4"]
    withdraw_shard(lake, "web", "a.jsonl~4", "run-3")
    write_pages(folder / "b.jsonl", ["back"])
    assert discover_shards(lake, plan, "run-4").added == ("b.jsonl",)


def test_too_many_shards_are_told_with_what_to_do(folder, tmp_path, monkeypatch):
    lake = lake_at(tmp_path / "lake")
    assert discover_shards(lake, plan_of(folder), "run-1").warnings == ()
    monkeypatch.setattr(discovery, "MAX_SHARDS", 3)
    [warning] = discover_shards(lake, plan_of(folder), "run-2").warnings
    assert "corpus 'web' has 4 shards, and with more than 3 Dagster's pages" in warning
    assert "`shard_bytes: 64.0MiB` or more (`--shard-bytes`)" in warning
