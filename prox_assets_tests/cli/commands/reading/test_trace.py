"""`prox trace`: what it prints, writes and exits with."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prox_assets.cli import app
from prox_assets.lake.schemas import Table
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.catalog.lives import HOSTILE, TEXTS, _answer, all_fates, damage, in_dialect, place_of, scored
from prox_assets_tests.cli.command_line import prox
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments
from prox_assets_tests.stages.shard_runs import infer, read_shard_of, rows, with_policy


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> ShardRun:
    return all_fates(tmp_path_factory.mktemp("lake"))


def prox_trace(run: ShardRun, *arguments: str | Path, expected: int = 0) -> str:
    return prox("trace", *arguments, "--lake", run.lake.url, expected=expected, columns=160)


def trace(run: ShardRun, name: str, *arguments: str | Path) -> str:
    return prox_trace(run, place_of(run, name).doc_id, *arguments)


def test_a_kept_document_shows_programs_edits_and_a_diff(run):
    output = trace(run, "edited")
    for expected in (
        "kept_edited, 42 to 31 characters, 4 to 2 lines; 4 operations applied, 0 failed",
        "https://example.org/1",
        "row 1 of pages.jsonl",
        "chunk 0: lines 0 to 1, stop, 100 prompt and 9 answer tokens",
        'normalize(source_str="[1]", target_str="")',
        '{"source_str": "end", "target_str": "finish"} applied -3 +6',
        "     0 - menu",
        "     1 ~ A page[-[1]-] with a menu.",
        "     3 ~ The [-end-]{+finish+}.",
    ):
        assert expected in output
    for step in ("raw_shards", "doc_programs", "chunk_programs", "refined_shards"):
        [line] = [line for line in output.splitlines() if line.split()[:1] == [step]]
        assert line.split()[1:3] == ["done", "run-1"]
    assert "warning" not in output


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kept", "kept_unchanged"),
        ("doc-dropped", "drop_doc()  # too much spam"),
        ("doc-dropped", "dropped_by_document (too much spam), 14 characters not kept"),
        ("doc-dropped", "none: the chunk refiner is shown only documents that the document level lets through"),
        ("emptied", "dropped_by_chunks (nothing_left)"),
        ("doc-failed", "quarantined (document level: boom)"),
        ("chunk-failed", "failed: bang"),
        ("blank", "dropped_by_document (empty)"),
        ("bad-program", "program_rejected"),
        ("cut-off", "cut off by the token limit"),
        (
            "skipped-chunk",
            "chunk 1: lines 2 to 2, not shown to the refiner (line_longer_than_window), so kept as it was",
        ),
    ],
)
def test_each_fate_is_told(run, name, expected):
    assert expected in trace(run, name)


def test_a_dropped_document_shows_its_probability_against_the_threshold(tmp_path):
    run = scored(tmp_path)
    documents = rows(run, Table.DOCUMENTS)
    assert "P(keep) 0.4000 < doc_keep_threshold 0.5" in prox_trace(run, documents[1]["doc_id"])
    output = prox_trace(run, documents[0]["doc_id"])
    assert "P(keep) 0.9000 ≥ doc_keep_threshold 0.5" in output
    assert "0 P(keep) 0.100 < menu[1]" in output
    assert "4 lines scored, 1 below line_keep_threshold 0.5 (all with --all)" in output
    assert "P(keep) 0.950" not in output
    assert "1 P(keep) 0.950   A sentence." in prox_trace(run, documents[0]["doc_id"], "--all")


def test_the_cutoff_that_the_document_led_to_is_shown(tmp_path):
    run = scored(tmp_path, line_decision="expected_f1")
    output = prox_trace(run, rows(run, Table.DOCUMENTS)[0]["doc_id"])
    assert "4 lines scored; lines kept at P >= 0.446 (expected F1), 1 below (all with --all)" in output


def test_escape_sequences_and_markup_do_not_reach_the_terminal(run):
    for arguments in ((), ("--all",), ("--span", "0:40")):
        output = trace(run, "hostile", *arguments)
        assert not {character for character in output if not character.isprintable() and character != "\n"}
        assert "<script>alert('text')</script>" in output


def test_a_span_names_the_raw_text_it_came_from(run):
    output = trace(run, "edited", "--span", "0:31")
    assert output.splitlines() == [
        "refined 0:6 from raw 5:11 (line 1, column 0) copied",
        " A page",
        "refined 6:20 from raw 14:28 (line 1, column 9) copied",
        "  with a menu.⏎",
        "refined 20:24 from raw 34:38 (line 3, column 0) copied",
        " The ",
        "refined 24:30 from raw 38:41 (line 3, column 4) replaced",
        "-end",
        "+finish",
        "refined 30:31 from raw 41:42 (line 3, column 7) copied",
        " .",
    ]


def test_a_span_with_an_inserted_line_says_where_it_was_put_in(tmp_path):
    run = in_dialect(tmp_path, "ultrax", {"kept": [_answer(0, (0, 1), "add_line(1, 1, 'A new line.')")]})
    assert trace(run, "kept", "--span", "5:30").splitlines() == [
        "refined 5:13 from raw 5:13 (line 0, column 5) copied",
        " e page.⏎",
        "refined 13:25 from raw 13:13 (line 1, column 0) inserted",
        "+A new line.⏎",
        "refined 25:30 from raw 13:18 (line 1, column 0) copied",
        " With ",
    ]


@pytest.mark.parametrize(
    ("name", "span", "message"),
    [
        ("edited", "5:5", "5:5 is no range of a refined text of 31 characters"),
        ("edited", "0:32", "0:32 is no range of a refined text of 31 characters"),
        ("edited", "-1:3", "'-1:3' is not START:END"),
        ("edited", "one:two", "'one:two' is not START:END"),
        ("edited", "٣:٤", "'٣:٤' is not START:END"),
        ("doc-dropped", "0:1", "has no refined text"),
    ],
)
def test_a_span_that_does_not_exist_is_refused(run, name, span, message):
    output = prox_trace(run, place_of(run, name).doc_id, f"--span={span}", expected=1)
    assert message in output


def test_reference_mode_says_why_it_has_no_spans(tmp_path):
    run = with_policy(read_shard_of(tmp_path, ["a page of more than ten words " * 5]), mode="reference")
    infer(run)
    refine_shard(run)
    [row] = rows(run, Table.DOCUMENTS)
    assert "spans are traced in strict mode only" in prox_trace(run, row["doc_id"], "--span", "0:3", expected=1)


def test_the_page_is_written_with_everything_escaped(run, tmp_path):
    page = tmp_path / "page.html"
    assert trace(run, "hostile", "--html", page) == f"written to {page}\n"
    source = page.read_text()
    assert "&lt;script&gt;alert(&#39;program&#39;)&lt;/script&gt;" in source
    assert "<script" not in source


def test_a_page_that_cannot_be_written_is_told(run, tmp_path):
    assert "cannot write" in prox_trace(
        run, place_of(run, "kept").doc_id, "--html", tmp_path / "no" / "x.html", expected=1
    )


def test_json_holds_the_whole_record(run):
    record = json.loads(trace(run, "hostile", "--json", "--span", "0:3"))
    assert record["raw_text"] == TEXTS["hostile"]
    assert HOSTILE in record["refined_text"]
    assert record["chunks"][0]["edits"][1]["status"] == "unparsed"
    assert record["span"] == [
        {
            "place": "refined 0:3 from raw 5:8 (line 1, column 0)",
            "kind": "copied",
            "refined": HOSTILE[:3],
            "raw": HOSTILE[:3],
        }
    ]
    assert record["provenance"]["segments"]


def test_a_probability_that_is_no_number_is_told_and_is_null_in_json(tmp_path):
    run = read_shard_of(tmp_path, ["a page"])
    infer(run, FakeDocuments(probability=lambda _: float("nan")))
    refine_shard(run)
    [row] = rows(run, Table.DOCUMENTS)
    assert "P(keep) nan (no probability, so it decided nothing)" in prox_trace(run, row["doc_id"])
    assert json.loads(prox_trace(run, row["doc_id"], "--json"))["decision"]["keep_probability"] is None


def test_one_hit_is_traced_and_several_are_listed_with_their_ids(run):
    assert f"document {place_of(run, 'edited').doc_id}" in prox_trace(run, "--find", "The finish.")
    output = prox_trace(run, "--find", "menu")
    listed = {line.split()[0] for line in output.splitlines()[:-1]}
    # Refined texts that hold it come first; only where there is none, raw ones are looked at.
    assert listed == {place_of(run, name).doc_id for name in ("edited", "bad-program", "cut-off")}
    assert "documents match; `prox trace ID` shows one" in output
    assert prox_trace(run, "--find", "MENU", "-i") == output
    assert "-i ignores case" in " ".join(prox_trace(run, "--find", "MENU", expected=1).split())
    hits = json.loads(prox_trace(run, "--find", "menu", "--json"))
    assert {hit["place"]["doc_id"] for hit in hits} == listed
    assert "several documents match; name one by its id" in prox_trace(
        run, "--find", "menu", "--span", "0:1", expected=1
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--find", "nowhere to be found"], "matches 'nowhere to be found'"),
        (["--find", " "], "nothing to look for"),
        (["f" * 32], "there is no document 'ffffffffffffffffffffffffffffffff'"),
        ([], "name a document by its id, or find it with --find"),
        (["f" * 32, "--find", "x"], "name a document by its id"),
        (["f" * 32, "--corpus", "other"], "has no corpus 'other'; it has: web"),
        (["f" * 32, "--shard", "../../etc"], "cannot name a corpus or a shard"),
    ],
)
def test_what_cannot_be_found_is_told_in_one_line(run, arguments, message):
    output = prox_trace(run, *arguments, expected=1)
    assert output.startswith("error: ")
    assert message in output
    assert output.count("\n") == 1


def test_an_empty_lake_is_told(tmp_path):
    result = CliRunner().invoke(app, ["trace", "f" * 32, "--lake", str(tmp_path / "none")])
    assert (result.exit_code, "has no corpus yet; `prox refine` creates one" in result.output) == (1, True)


def test_long_programs_and_texts_are_shortened_unless_all_is_wanted(tmp_path):
    text = "\n".join(f"Line {number} of a long page." for number in range(200))
    run = read_shard_of(tmp_path, [text])
    infer(run, chunks=FakeChunks(program=lambda _: "\n".join(f"remove_lines({n}, {n})" for n in range(60, 140))))
    refine_shard(run)
    [row] = rows(run, Table.DOCUMENTS)
    short, long = prox_trace(run, row["doc_id"]), prox_trace(run, row["doc_id"], "--all")
    assert "… 58 lines kept, 1,324 characters (--all)" in short
    assert "… 68 lines removed" in short
    assert "… 56 more (--all)" in short
    assert "Line 100 of a long page." not in short
    for number in range(200):
        assert f"Line {number} of a long page." in long
    assert "(--all)" not in long


def test_stale_missing_and_damaged_steps_are_warned_of(tmp_path):
    run = all_fates(tmp_path)
    place = place_of(run, "edited")
    path = damage(run, Table.EDITS)
    Path(run.lake.uri("web", Table.DOC_PROGRAMS, run.shard)).unlink()
    output = prox_trace(run, place.doc_id)
    assert f"warning: {path} is damaged" in output
    assert "warning: doc_programs has not been run for this shard; materialize it" in output
    assert "warning: chunk_programs is stale" in output
    assert "none: doc_programs holds nothing on this document" in output
