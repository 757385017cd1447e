"""`prox refine`: what it writes, prints and exits with."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from prox_assets import RefinedCorpus
from prox_assets.cli import app
from prox_assets.cli.plan_options import corpus_name
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.stages import pipeline
from prox_assets.stages.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.stages.shard_runs import write_pages

PROSE = (
    "The river rises in the hills to the north of the town and runs for forty miles to the sea. "
    "In winter it floods the meadows, and the people who live there have learned to move their cattle early. "
    "A mill stood on its bank for three hundred years, and the stones of the old weir can be seen at low water. "
    "The museum tells the story of the mill and of the families that worked in it until the last war."
)
PAGE = f"Home | About us | Contact\n{PROSE}\n{PROSE[::-1]}\nShare on Facebook"


def prox(*arguments: str | Path, expected: int = 0) -> str:
    """Run a command; return what it printed, both streams."""
    result = CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "80"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == expected, result.output
    return result.output


def one_line(output: str) -> str:
    return " ".join(output.split())


@pytest.fixture
def pages(tmp_path) -> Path:
    return write_pages(tmp_path / "pages.jsonl", [PAGE, "", "buy " * 300, PAGE.replace("river", "stream")])


@pytest.fixture
def lake(tmp_path) -> Path:
    return tmp_path / "lake"


def snapshot(lake: Path) -> dict[str, int]:
    return {str(path.relative_to(lake)): path.stat().st_mtime_ns for path in lake.rglob("*") if path.is_file()}


def metrics(lake: Path, corpus: str, shard: str) -> dict:
    [row] = Lake(str(lake)).rows(corpus, Table.SHARD_METRICS, shard)
    return row


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


def test_a_model_that_is_not_there_is_one_error_however_many_files(tmp_path, lake):
    for name in "abc":
        write_pages(tmp_path / "raw" / f"{name}.jsonl", [PAGE])
    refiners = tmp_path / "mine.yaml"
    refiners.write_text(f"doc: {{name: gone, level: doc, model: {tmp_path}/no-model}}\n")
    output = prox("refine", tmp_path / "raw", "--lake", lake, "--refiner", refiners, expected=1)
    assert output.count("error:") == 1
    assert "no-model" in output


def test_a_defs_yaml_means_what_it_means_to_dagster(tmp_path, pages, lake, monkeypatch):
    monkeypatch.setenv("PAGES_FOLDER", str(tmp_path))
    defs = tmp_path / "defs.yaml"
    defs.write_text(
        "type: prox_assets.RefinedCorpus\nattributes:\n  corpus: crawl\n  group: web\n  refiners: rules\n"
        "  urls: ['{{ env.PAGES_FOLDER }}/pages.jsonl']\n  policy: {doc_keep_threshold: 0.7, whole_words: false}\n"
    )
    prox("refine", "--settings", defs, "--lake", lake)
    [row] = Lake(str(lake)).rows("crawl", Table.POLICIES, "pages.jsonl")
    policy = json.loads(row["configuration"])["policy"]
    assert (policy["doc_keep_threshold"], policy["whole_words"]) == (0.7, False)
    settings = RefinedCorpus.from_attributes_dict(attributes=yaml.safe_load(defs.read_text())["attributes"]).settings
    assert row["execution_fingerprint"] == settings.plan.execution_fingerprint

    prox("refine", "--settings", defs, "--lake", lake, "--policy", "doc_keep_threshold=0.5", "--corpus", "other")
    [row] = Lake(str(lake)).rows("other", Table.POLICIES, "pages.jsonl")
    policy = json.loads(row["configuration"])["policy"]
    assert (policy["doc_keep_threshold"], policy["whole_words"]) == (0.5, False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("colour: green", "there is no setting colour; attributes knows corpus, urls, format, columns"),
        ("policy: {tempo: 1}", "policy does not know tempo; it knows mode"),
        ("engine: {kind: abacus}", "engine: Input tag 'abacus'"),
        ("engine: {kind: server, base_url: localhost}", "engine.base_url: String should match"),
        ("refiners: {name: mine, doc: {level: doc}}", "refiners.doc.name: Field required"),
        ("corpus: Not A Name", "'Not A Name' cannot name a corpus"),
        ("refiners: nonsense", "no refiner preset 'nonsense'"),
        ("- a", "must hold a mapping"),
    ],
)
def test_a_wrong_setting_is_told_as_it_is_written(tmp_path, lake, line, message):
    (tmp_path / "defs.yaml").write_text(line if line[0] == "-" else f"corpus: web\nurls: [x]\n{line}\n")
    output = one_line(prox("refine", "--settings", tmp_path / "defs.yaml", "--lake", lake, expected=1))
    assert output.startswith("error: ")
    assert message in output
    assert "name the raw files" in one_line(prox("refine", "--lake", lake, expected=1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--refiner", "nonsense"],
            "no refiner preset 'nonsense', nor a folder of that name; choose one of: bundled, cascade, keep-all",
        ),
        (["--refiner", "missing.yaml"], "No such file or directory: 'missing.yaml'"),
        (["--refiner", "EMPTY"], "must hold a mapping with doc: and chunk:"),
        (["--engine", "EMPTY"], "must hold a mapping with kind: and the engine's settings"),
        (["--engine", "nonsense"], "choose one of: vllm, server, transformers"),
        (["--engine", "server:localhost"], "engine.base_url: String should match"),
        (["--engine-option", "dtype"], "'dtype' is not of the form NAME=VALUE"),
        (["--engine-option", "dtype=int3"], "engine.dtype: Input should be"),
        (["--policy", "tempo=1"], "--policy does not know tempo; it knows mode, error_limit"),
        (["--policy", "doc_keep_threshold=high"], "doc_keep_threshold: Input should be a valid number"),
        (["--policy", "doc_keep_threshold=1.5"], "doc_keep_threshold must lie in [0, 1]"),
        (["--corpus", "Not A Name"], "cannot name a corpus"),
        (["--format", "c4", "--text-column", "body"], "format 'c4' fixes its own columns"),
        (["--lake", "nonsense://bucket"], "nonsense://bucket cannot be a lake"),
    ],
)
def test_options_that_make_no_sense_are_told_in_one_line(tmp_path, pages, lake, arguments, message):
    (tmp_path / "empty.yaml").write_text("")
    arguments = [str(tmp_path / "empty.yaml") if argument == "EMPTY" else argument for argument in arguments]
    output = prox("refine", pages, "--lake", lake, *arguments, expected=1)
    assert message in one_line(output)
    assert output.startswith("error: ")
    assert not lake.exists()


def test_inputs_that_match_nothing_are_told_with_a_remedy(tmp_path, lake):
    output = one_line(prox("refine", tmp_path / "[none]" / "*.jsonl", "--lake", lake, expected=1))
    assert f"{tmp_path}/[none]/*.jsonl" in output
    assert "matches no file" in output


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("pages.jsonl.gz", "pages"),
        ("/data/CC-MAIN-2024-10/*.parquet", "cc_main_2024_10"),
        ("s3://bucket/web/", "web"),
        ("hf://datasets/HuggingFaceFW/fineweb/data/**/*.parquet", "data"),
        ("2024.json", "corpus_2024"),
        ("*", "corpus"),
        (f"{'x' * 100}.jsonl", "x" * 64),
    ],
)
def test_a_corpus_is_named_after_its_first_input(url, name):
    assert corpus_name(url) == name


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


def test_several_workers_refine_without_a_model_only(pages, lake):
    assert "shard" in prox("refine", pages, "--lake", lake, "--workers", "2")
    refused = one_line(prox("refine", pages, "--lake", lake, "--refiner", "bundled", "--workers", "2", expected=1))
    assert "error: --workers is for refiners without a model; bundled has one" in refused
    assert "--gpus spreads it over devices" in refused


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_model_that_is_not_there_is_told_before_anything_is_read(tmp_path, pages, lake, folder):
    (tmp_path / "empty").mkdir()
    refiner = f"refinex={tmp_path / folder}"
    said = one_line(prox("refine", pages, "--lake", lake, "--refiner", refiner, expected=1))
    assert {"nowhere": "does not exist", "empty": "has no weights"}[folder] in said
    assert not lake.exists()
