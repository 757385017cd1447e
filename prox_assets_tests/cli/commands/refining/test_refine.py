"""`prox refine`: what it writes, prints and exits with."""

import gzip
import json
import os
import subprocess
import sys

import pytest

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets.stages.running import pipeline
from prox_assets_tests.cli.command_line import PAGE, metrics, one_line, prox, snapshot
from prox_assets_tests.stages.shard_runs import write_pages


def test_a_real_process_refines_a_file_and_says_what_happened(pages, lake):
    command = [
        sys.executable,
        "-c",
        "from prox_assets.cli import main; main()",
        "refine",
        str(pages),
        "--lake",
        str(lake),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"}, timeout=120)
    assert done.returncode == 0, done.stderr
    row = metrics(lake, "pages", "pages.jsonl")
    assert row["documents_in"] == 4
    assert row["kept_edited"] >= 1
    assert row["dropped_by_document"] >= 1
    [line] = [line for line in done.stdout.splitlines() if line.startswith(" pages.jsonl")]
    kept = row["kept_unchanged"] + row["kept_edited"]
    dropped = row["dropped_by_document"] + row["dropped_by_chunks"]
    numbers = list(map(str, [4, kept, row["kept_edited"], dropped, row["quarantined"], row["rows_rejected"]]))
    assert line.split()[1:7] == numbers
    assert f"refined text: {lake}/pages/refined/*.parquet" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines() if not line.startswith("refined text")) <= 80


def test_a_second_run_does_nothing_anew(pages, lake):
    first = prox("refine", pages, "--lake", lake)
    assert "documents pages.jsonl: 4 of 4" in first
    before = snapshot(lake)

    again = prox("refine", pages, "--lake", lake)

    assert "everything was current" in again
    assert "of 4" not in again
    assert first[first.index("Documents") :].rpartition("refined text")[0] in again
    assert snapshot(lake) == before
    assert not list(lake.glob("_tmp/*"))
    assert not list(lake.glob("_leases/**/*.json"))


def test_another_threshold_executes_again_without_reading_or_inferring(pages, lake):
    prox("refine", pages, "--lake", lake)
    before = snapshot(lake)
    prox("refine", pages, "--lake", lake, "--policy", "min-kept-share=0.9")
    changed = {path.split("/")[1] for path, time in snapshot(lake).items() if before.get(path) != time}
    assert changed == {
        "refined",
        "outcomes",
        "chunk_outcomes",
        "edits",
        "policies",
        "manifests",
        "shard_metrics",
        "shard_metrics_history",
    }


def test_a_changed_file_is_read_again_and_said_to_be(pages, lake):
    prox("refine", pages, "--lake", lake)
    write_pages(pages, [PAGE])
    assert "changed since they were last read, so read again: pages.jsonl" in one_line(
        prox("refine", pages, "--lake", lake)
    )
    assert metrics(lake, "pages", "pages.jsonl")["documents_in"] == 1


def test_a_bad_file_is_reported_and_the_others_are_finished(tmp_path, lake):
    folder = tmp_path / "raw[1]"
    write_pages(folder / "good.jsonl", [PAGE])
    packed = gzip.compress(b"".join(json.dumps({"text": str(n) * 50}).encode() + b"\n" for n in range(200)))
    (folder / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    output = one_line(prox("refine", folder, "--lake", lake, "--corpus", "raw", expected=1))
    assert "error: cut:" in output
    assert f"{folder}/cut.jsonl.gz" in output, "brackets are printed as they are"
    assert metrics(lake, "raw", "good.jsonl")["documents_in"] == 1
    assert Lake(str(lake)).shards("raw", Table.DOCUMENTS) == ["good.jsonl"]


def test_bad_rows_are_counted_and_the_rest_goes_on(tmp_path, lake):
    path = write_pages(tmp_path / "pages.jsonl", [PAGE])
    path.write_text(path.read_text() + "{broken\n" + '{"text": 7}\n')
    prox("refine", path, "--lake", lake)
    assert metrics(lake, "pages", "pages.jsonl")["rows_rejected"] == 2


def test_a_limit_counts_documents_over_all_files(tmp_path, lake):
    for name in "abc":
        write_pages(tmp_path / "raw" / f"{name}.jsonl", [PAGE] * 3)
    prox("refine", tmp_path / "raw", "--lake", lake, "--limit", "4")
    opened = Lake(str(lake))
    assert {s: opened.require("raw", Table.OUTCOMES, s).rows for s in opened.shards("raw", Table.OUTCOMES)} == {
        "a.jsonl": 3,
        "b.jsonl": 1,
    }
    output = one_line(prox("shards", "--lake", lake))
    assert "first 1 done" in output
    prox("refine", tmp_path / "raw", "--lake", lake)
    assert [opened.require("raw", Table.OUTCOMES, s).rows for s in opened.shards("raw", Table.OUTCOMES)] == [3, 3, 3]


def test_a_limit_never_cuts_down_what_is_finished(pages, lake):
    prox("refine", pages, "--lake", lake)
    before = snapshot(lake)
    prox("refine", pages, "--lake", lake, "--limit", "1")
    assert snapshot(lake) == before


@pytest.mark.parametrize(
    ("level", "drops", "edits"), [("doc", True, False), ("chunk", False, True), ("both", True, True)]
)
def test_a_level_can_be_left_out(pages, lake, level, drops, edits):
    prox("refine", pages, "--lake", lake, "--level", level)
    row = metrics(lake, "pages", "pages.jsonl")
    # The empty document is dropped whoever judges.
    assert (row["dropped_by_document"] > 1, row["kept_edited"] > 0) == (drops, edits)


def test_format_columns_and_names_can_be_given(tmp_path, lake):
    path = tmp_path / "2024 Crawl.jsonl"
    path.write_text(json.dumps({"body": PAGE, "link": "https://example.org"}) + "\n")
    options = ["--format", "jsonl", "--text-column", "body", "--url-column", "link", "--corpus", "mine"]
    prox("refine", path, "--lake", lake, *options)
    [shard] = Lake(str(lake)).shards("mine", Table.DOCUMENTS)
    [document] = Lake(str(lake)).rows("mine", Table.DOCUMENTS, shard)
    assert (document["text"], document["url"]) == (PAGE, "https://example.org")


def test_large_files_are_cut_into_shards(pages, lake):
    prox("refine", pages, "--lake", lake, "--rows-per-shard", "3")
    assert Lake(str(lake)).shards("pages", Table.REFINED) == ["pages.jsonl@0-3", "pages.jsonl@3-4"]


def test_refiners_and_engine_come_from_yaml_files(tmp_path, pages, lake, tiny_llama):
    refiners = tmp_path / "mine.yaml"
    refiners.write_text(
        f"""
doc: {{name: tiny, level: doc, model: {tiny_llama}, prompt_format: llama2-chat, probe: false}}
chunk: {{name: rules, level: chunk, kind: rules}}
"""
    )
    engine = tmp_path / "engine.yml"
    engine.write_text("kind: transformers\ndevice: cpu\ndtype: float32\n")
    prox("refine", pages, "--lake", lake, "--refiner", refiners, "--engine", engine, "--engine-option", "threads=1")
    decisions = list(Lake(str(lake)).rows("pages", Table.DOC_PROGRAMS, "pages.jsonl"))
    assert [row["finish_reason"] for row in decisions] == ["scored", "skipped", "scored", "scored"]
    assert metrics(lake, "pages", "pages.jsonl")["tokens_in"] > 0


def test_pages_in_scripts_that_the_bundled_refiner_does_not_know_stay_as_they_are(tmp_path, lake):
    texts = [
        "ទំព័រដើម\nនៅពេលល្ងាច ទូកនេសាទបានត្រឡប់មកកំពង់ផែវិញ។\nចែករំលែក",
        "ညနေခင်းတွင် ငါးဖမ်းလှေများ ဆိပ်ကမ်းသို့ ပြန်လာကြသည်။",
        "དགོང་དྲོར་ཉ་གྲུ་རྣམས་གྲུ་ཁ་ལ་ཕྱིར་ལོག་བྱུང་།\nHome",
        "Log in\nSign up",
    ]
    pages = write_pages(tmp_path / "pages.jsonl", texts)
    output = prox("refine", pages, "--lake", lake, "--refiner", "bundled")
    assert "3 documents were kept because no refiner was trained on their script" in one_line(output)
    opened = Lake(str(lake))
    outcomes = list(opened.rows("pages", Table.OUTCOMES, "pages.jsonl"))
    assert [(row["outcome"], row["reason"]) for row in outcomes[:3]] == [("kept_unchanged", "outside_training")] * 3
    assert outcomes[3]["reason"] != "outside_training"
    refined = {row["source_row"]: row["text"] for row in opened.rows("pages", Table.REFINED, "pages.jsonl")}
    assert [refined[row] for row in range(3)] == texts[:3]
    for table in (Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS):
        rows = list(opened.rows("pages", table, "pages.jsonl"))
        assert [(row["finish_reason"], row["skip_reason"]) for row in rows[:3]] == [("skipped", "outside_training")] * 3
    assert metrics(lake, "pages", "pages.jsonl")["documents_outside_training"] == 3
    trace = one_line(prox("trace", outcomes[0]["doc_id"], "--lake", lake))
    assert "kept_unchanged (outside_training)" in trace
    assert "document level" in trace
    assert trace.count("not shown to the refiner (outside_training)") == 2
    gauges = prox("metrics", "--lake", lake)
    assert 'prox_documents_outside_training{corpus="pages"} 3.0' in gauges


def test_another_file_of_the_same_name_is_refused_unless_the_corpus_is_named(tmp_path, pages, lake):
    prox("refine", pages, "--lake", lake)
    (tmp_path / "other").mkdir()
    other = write_pages(tmp_path / "other" / "pages.jsonl", [PAGE])

    refused = one_line(prox("refine", other, "--lake", lake, expected=1))

    assert "already has shard" in refused
    assert "--corpus pages" in refused
    assert metrics(lake, "pages", "pages.jsonl")["documents_in"] == 4
    prox("refine", other, "--lake", lake, "--corpus", "pages")
    assert metrics(lake, "pages", "pages.jsonl")["documents_in"] == 1


def test_files_of_any_name_are_refined(tmp_path, lake):
    for name in ("中文.jsonl", "_part0.jsonl", "-a.jsonl", "a[bold].jsonl"):
        write_pages(tmp_path / "odd" / name, [PAGE])

    prox("refine", tmp_path / "odd" / "*.jsonl", "--lake", lake, "--corpus", "odd")

    assert len(Lake(str(lake)).shards("odd", Table.REFINED)) == 4


def test_a_file_of_which_every_row_is_rejected_is_an_error(tmp_path, lake):
    path = tmp_path / "wrong.jsonl"
    path.write_text('{"body": "x"}\n{"body": "y"}\n')

    output = one_line(prox("refine", path, "--lake", lake, "--format", "c4", expected=1))

    assert "every row was rejected" in output
    assert metrics(lake, "wrong", "wrong.jsonl")["rows_rejected"] == 2


def test_an_error_that_nobody_foresaw_costs_one_shard_and_shows_its_traceback(tmp_path, lake, monkeypatch):
    folder = tmp_path / "raw"
    for name in "abc":
        write_pages(folder / f"{name}.jsonl", [PAGE])

    def read(run: ShardRun, limit: int | None) -> None:
        if run.shard == "b.jsonl":
            raise ValueError("year 10001 is out of range")
        read_raw_shard(run, limit)

    monkeypatch.setattr(pipeline, "read_raw_shard", read)
    output = prox("refine", folder, "--lake", lake, expected=1)
    assert "error: b.jsonl: ValueError: year 10001 is out of range. That is a fault of prox_assets" in one_line(output)
    assert output.count("Traceback (most recent call last)") == 1
    assert Lake(str(lake)).shards("raw", Table.SHARD_METRICS) == ["a.jsonl", "c.jsonl"]
