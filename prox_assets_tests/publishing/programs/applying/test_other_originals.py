"""Originals that are not what the programs were written for: changed, moved, renamed, cut off."""

import json

import polars as pl
import pytest
from typer.testing import CliRunner

from prox_assets.cli import app
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.programs.applying.apply import apply_programs
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.proof.refined_sample import refine
from prox_assets_tests.publishing.programs.sets import (
    Programs,
    in_lake,
    out_of,
    refined,
    refusals,
    rewrite,
    same,
    written,
)

RULES = (
    "Home | Login\n"
    "This sentence is long enough to stay where it is, number {}.\n"
    "It has a second one, too, and that stays.\n"
)


def corpus_of(tmp_path, files: int = 2, documents: int = 5, **settings) -> tuple[Lake, Programs]:
    """Return a lake refined by rules, and its programs."""
    for number in range(files):
        path = tmp_path / "pages" / f"{number}.jsonl"
        path.parent.mkdir(exist_ok=True)
        texts = (RULES.format(f"{number}.{row}") * 6 for row in range(documents))
        rows = ({"text": text, "url": f"https://example.org/{row}"} for row, text in enumerate(texts))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lake = lake_at(tmp_path / "lake")
    refine(lake, CorpusSource(name="web", urls=[str(tmp_path / "pages")], **settings), level="chunk")
    return lake, written(lake, "web")


def by_text(rows):
    return sorted((row["doc_id"], row["text"], row["refined_hash"]) for row in rows)


def test_a_changed_document_is_refused_and_named_and_the_others_go_on(tmp_path):
    lake, programs = corpus_of(tmp_path)
    rewrite(tmp_path / "pages" / "1.jsonl", lambda rows: [*rows[:2], {**rows[2], "text": "Another page."}, *rows[3:]])
    applied = programs.apply(str(tmp_path / "pages"), out_of(lake))
    assert (applied.refined, applied.changed, applied.is_complete) == (9, 1, False)
    [refusal] = refusals(out_of(lake), "web")
    assert (refusal["problem"], refusal["source_file"], refusal["source_row"]) == ("changed", "1.jsonl", 2)
    assert refusal["expected"] != refusal["found"] is not None
    expected = [row for row in in_lake(lake, "web") if row["doc_id"] != refusal["doc_id"]]
    assert same(refined(out_of(lake), "web")) == expected


def test_rows_that_moved_are_found_by_their_hash(tmp_path):
    lake, programs = corpus_of(tmp_path)
    rewrite(tmp_path / "pages" / "0.jsonl", lambda rows: [rows[4], {"text": "A new page."}, *rows[:4]])
    applied = programs.apply(str(tmp_path / "pages"), out_of(lake))
    assert (applied.refined, applied.moved, applied.without_program, applied.is_complete) == (10, 5, 1, True)
    assert by_text(refined(out_of(lake), "web")) == by_text(in_lake(lake, "web"))
    assert [row["problem"] for row in refusals(out_of(lake), "web")] == ["without_program"]


def test_what_moved_in_an_earlier_application_is_removed(tmp_path):
    lake, programs = corpus_of(tmp_path)
    (tmp_path / "copy").mkdir()
    rows = [line for file in sorted((tmp_path / "pages").iterdir()) for line in file.read_text().splitlines()]
    (tmp_path / "copy" / "all.jsonl").write_text("".join(f"{row}\n" for row in reversed(rows)))
    for originals, moved in (("copy", 10), ("pages", 0)):
        applied = programs.apply(str(tmp_path / originals), out_of(lake))
        assert (applied.refined, applied.moved) == (10, moved)
        assert by_text(refined(out_of(lake), "web")) == by_text(in_lake(lake, "web"))


def test_a_name_that_two_files_have_says_nothing(tmp_path):
    lake, _ = corpus_of(tmp_path)
    for number, folder in enumerate(("de", "en")):
        (tmp_path / "pages" / folder).mkdir()
        (tmp_path / "pages" / f"{number}.jsonl").rename(tmp_path / "pages" / folder / "part.jsonl")
    refine(lake, CorpusSource(name="two", urls=[str(tmp_path / "pages" / "**")]), level="chunk")
    programs = written(lake, "two", "programs-of-two")
    applied = programs.apply(str(tmp_path / "pages" / "en"), out_of(lake))
    assert (applied.refined, applied.changed, applied.not_given, applied.is_complete) == (5, 0, 5, True)
    assert by_text(refined(out_of(lake), "two")) == by_text(in_lake(lake, "two")[5:])


def test_a_document_that_is_gone_is_missing(tmp_path):
    lake, programs = corpus_of(tmp_path)
    rewrite(tmp_path / "pages" / "0.jsonl", lambda rows: rows[1:])
    applied = programs.apply(str(tmp_path / "pages"), out_of(lake))
    assert (applied.refined, applied.moved, applied.missing, applied.changed) == (9, 4, 1, 0)
    [refusal] = refusals(out_of(lake), "web")
    assert (refusal["problem"], refusal["source_row"], refusal["found"]) == ("missing", 0, None)


def test_equal_texts_get_a_program_each(tmp_path):
    lake, programs = corpus_of(tmp_path, files=1)
    rewrite(tmp_path / "pages" / "0.jsonl", lambda rows: [rows[0], rows[0], *rows[1:]])
    applied = programs.apply(str(tmp_path / "pages"), out_of(lake))
    assert (applied.refined, applied.moved, applied.without_program) == (5, 4, 1)
    assert by_text(refined(out_of(lake), "web")) == by_text(in_lake(lake, "web"))


def test_the_corpus_as_one_parquet_file_of_another_name(tmp_path):
    lake, programs = corpus_of(tmp_path)
    path = tmp_path / "all.parquet"
    rows = pl.concat(pl.read_ndjson(one) for one in sorted((tmp_path / "pages").iterdir()))
    rows.sample(fraction=1, shuffle=True, seed=1).rename({"text": "body"}).write_parquet(path)
    source = CorpusSource.model_validate({"name": "web", "urls": [str(path)], "columns": {"text": "body"}})
    applied = apply_programs(programs.folder, programs.manifest, source, out_of(lake), workers=2)
    assert (applied.refined, applied.moved, applied.not_given, applied.is_complete) == (10, 10, 0, True)
    assert by_text(refined(out_of(lake), "web")) == by_text(in_lake(lake, "web"))


def test_files_in_other_folders_and_compressed_keep_their_places(tmp_path):
    lake, programs = corpus_of(tmp_path)
    (tmp_path / "copy" / "deep").mkdir(parents=True)
    (tmp_path / "pages" / "1.jsonl").rename(tmp_path / "copy" / "deep" / "1.jsonl")
    applied = programs.apply(str(tmp_path / "copy"), out_of(lake))
    assert (applied.refined, applied.moved, applied.not_given, applied.is_complete) == (5, 0, 5, True)
    assert same(refined(out_of(lake), "web")) == in_lake(lake, "web")[5:]


def test_shards_of_rows_and_of_many_files(tmp_path):
    (tmp_path / "rows").mkdir()
    lake, programs = corpus_of(tmp_path / "rows", rows_per_shard=2)
    assert len(programs.manifest.shards) == 6
    applied = programs.apply(str(tmp_path / "rows" / "pages"), out_of(lake))
    assert (applied.refined, applied.moved, applied.is_complete) == (10, 0, True)
    assert same(refined(out_of(lake), "web")) == in_lake(lake, "web")
    (tmp_path / "many").mkdir()
    lake, programs = corpus_of(tmp_path / "many", files=3, shard_bytes=1 << 20)
    [shard] = programs.manifest.shards
    assert shard.documents == 15
    applied = programs.apply(str(tmp_path / "many" / "pages"), out_of(lake))
    assert (applied.refined, applied.moved, applied.is_complete) == (15, 0, True)
    assert by_text(refined(out_of(lake), "web")) == by_text(in_lake(lake, "web"))


def test_rows_that_moved_behind_the_last_shard_of_a_file(tmp_path):
    lake, programs = corpus_of(tmp_path, files=1, rows_per_shard=2)
    rewrite(tmp_path / "pages" / "0.jsonl", lambda rows: [{"text": "new"}, *rows])
    applied = programs.apply(str(tmp_path / "pages"), out_of(lake))
    assert (applied.refined, applied.moved, applied.without_program, applied.is_complete) == (5, 5, 1, True)


@pytest.mark.local_lake
def test_the_command_says_what_is_refused_and_exits_with_1(tmp_path):
    lake, _ = corpus_of(tmp_path)
    folder, out = f"{lake.url}-programs", tmp_path / "refined"
    arguments = ["apply", folder, "--to", str(tmp_path / "pages"), "--out", str(out)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert same(refined(Storage(str(out)), "web")) == in_lake(lake, "web")
    rewrite(tmp_path / "pages" / "1.jsonl", lambda rows: [{**rows[0], "text": "other"}, *rows[1:]])
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert "1 documents were refused" in " ".join(done.output.split())
    assert [row["problem"] for row in refusals(Storage(str(out)), "web")] == ["changed"]
    done = CliRunner().invoke(app, ["apply", str(tmp_path / "pages"), "--to", str(tmp_path / "pages")])
    assert done.exit_code == 1
    assert "has no programs" in done.output
