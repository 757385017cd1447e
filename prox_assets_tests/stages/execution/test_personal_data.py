"""Personal data is replaced in the text that programs leave, as edits that never say what was there."""

import json

import pytest

from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.trace.read import read_trace
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.metrics.reconciliation import reconcile
from prox_assets.personal_data import find
from prox_assets.programs import ExecutionPolicy, SegmentKind, execute
from prox_assets.stages.execution.personal_data import with_replacements
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.execution.shard_replay import Replay, replay_shard
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.catalog.lives import Chunks, _answer
from prox_assets_tests.publishing.programs.sets import in_lake, out_of, refined, same, written
from prox_assets_tests.stages.fake_refiners import FakeDocuments
from prox_assets_tests.stages.shard_runs import KEY, infer, read_shard_of, rows, with_policy

PAGE = "menu\nAsk jane@site.com[1] or joe@site.org.\nshare\nlogged in: 188.102.30.236 (jane@site.com)\nend"
TEXTS = (PAGE, "no personal data", "only@this.one")
ORIGINALS = ("jane@", "joe@", "188.102", "only@")


def executed(folder, *kinds: str, program: str = 'normalize("[1]", "")') -> ShardRun:
    run = with_policy(read_shard_of(folder, list(TEXTS)), personal_data=kinds)
    answers = {
        PAGE: [
            _answer(0, (0, 1), f"remove_lines(0, 0)\n{program}"),
            _answer(1, (2, 3), "remove_lines(2, 2)"),
            _answer(2, (4, 4), None, "skipped"),
        ]
    }
    chunks = Chunks(rows=lambda text: answers.get(text, [_answer(0, (0, 0), "keep_chunk()")]))
    infer(run, FakeDocuments(), chunks)  # type: ignore[arg-type]
    refine_shard(run)
    return run


def texts(run: ShardRun) -> list[str]:
    return [row["text"] for row in rows(run, Table.REFINED)]


def test_it_is_replaced_after_the_programs_and_recorded(tmp_path):
    run = executed(tmp_path, "email", "ip_address")
    assert texts(run) == [
        "Ask email@example.com or email@example.com.\nlogged in: 192.0.2.1 (email@example.com)\nend",
        "no personal data",
        "email@example.com",
    ]
    edits = [row for row in rows(run, Table.EDITS) if row["operation"] == "replace_personal_data"]
    assert [(row["chunk_index"], row["position"], *json.loads(row["arguments"]).values()) for row in edits] == [
        (0, 2, "email", 1, "email@example.com"),
        (0, 3, "email", 1, "email@example.com"),
        (1, 1, "ip_address", 3, "192.0.2.1"),
        (1, 2, "email", 3, "email@example.com"),
        (0, 1, "email", 0, "email@example.com"),
    ]
    assert {row["status"] for row in edits} == {"applied"}
    assert [row["outcome"] for row in rows(run, Table.OUTCOMES)] == ["kept_edited", "kept_unchanged", "kept_edited"]
    assert not any(original in json.dumps(rows(run, Table.EDITS)) for original in ORIGINALS)
    assert reconcile(run.lake, run.corpus, run.shard).problems == ()


def test_metrics_count_it_and_replay_and_trace_know_it(tmp_path):
    run = executed(tmp_path, "email", "ip_address")
    counts = {(one["operation"], one["status"]): one["count"] for one in measure_shard(run)["operations"]}
    assert counts["replace_personal_data", "applied"] == 5
    found = Replay()
    replay_shard(run.lake, run.corpus, run.shard, found)
    assert (found.equal, found.different) == (3, 0)
    place = rows(run, Table.DOCUMENTS)[0]

    trace = read_trace(run.lake, DocumentPlace(run.corpus, run.shard, place["doc_id"], place["source_row"]))
    assert trace.provenance_gap is None
    provenance = trace.provenance
    assert provenance is not None
    text = texts(run)[0]
    assert provenance.refined_length == len(text)
    for segment in provenance.segments:
        refined_piece = text[segment.refined_start : segment.refined_end]
        raw_piece = PAGE[segment.raw_start : segment.raw_end]
        if segment.kind is SegmentKind.COPIED:
            assert refined_piece == raw_piece
        else:
            assert (refined_piece, raw_piece[-5:]) in {
                ("email@example.com", "e.com"),
                ("email@example.com", "e.org"),
                ("192.0.2.1", "0.236"),
            }
    assert sum(segment.kind is SegmentKind.REPLACED for segment in provenance.segments) == 4


def test_published_programs_do_not_say_what_was_there(tmp_path):
    run = executed(tmp_path, "email", "ip_address")
    programs, out = written(run.lake, run.corpus), out_of(run.lake)
    assert programs.apply(str(tmp_path / KEY), out).is_complete
    assert same(refined(out, run.corpus)) == in_lake(run.lake, run.corpus)
    assert not any(original in json.dumps(programs.rows()) for original in ORIGINALS)


def test_programs_that_name_personal_data_are_published_as_spans(tmp_path):
    run = executed(tmp_path, "email", "ip_address", program='normalize("Ask jane@site.com[1]", "Ask her")')
    programs, out = written(run.lake, run.corpus), out_of(run.lake)
    assert programs.apply(str(tmp_path / KEY), out).is_complete
    assert same(refined(out, run.corpus)) == in_lake(run.lake, run.corpus)
    assert texts(run)[0].startswith("Ask her or email@example.com.\n")
    assert not any(original in json.dumps(programs.rows()) for original in ORIGINALS)


@pytest.mark.parametrize("kinds", [(), ("ip_address",)])
def test_only_what_is_asked_for_is_replaced(tmp_path, kinds):
    run = executed(tmp_path, *kinds)
    assert ("188.102" in texts(run)[0]) == (not kinds)
    assert "jane@site.com" in texts(run)[0]
    assert texts(run)[2] == "only@this.one"


def test_it_is_placed_in_lines_that_were_inserted_and_rewritten():
    rules = {"min_kept_share": 0, "execute_rewrites": True, "personal_data": ("email",)}
    policy = ExecutionPolicy(dialect="canonical", **rules)
    page = "menu\na@site.com\nshare\nmore\nb@site.com"
    programs = [
        (
            (0, 1),
            'insert_line(-1, "c@site.com")\nremove_lines(0, 0)\ninsert_line(0, "x")\ninsert_line(1, "d@site.com")',
        ),
        ((2, 3), 'rewrite("two\\ne@site.com\\nthree")'),
        ((4, 4), "keep_chunk()"),
    ]
    refinement = execute(page, programs, policy)
    assert refinement.text == "c@site.com\nx\na@site.com\nd@site.com\ntwo\ne@site.com\nthree\nb@site.com"
    chunks = [{"chunk_index": index, "line_start": a, "line_end": b} for index, ((a, b), _) in enumerate(programs)]
    done = with_replacements(refinement, find(refinement.text, policy.personal_data), chunks)
    found = [
        (edit.chunk_index, json.loads(edit.arguments)["line"])
        for edit in done.edits
        if edit.operation == "replace_personal_data"
    ]
    # Each is said to be in the line that it follows, or in which its chunk begins.
    assert found == [(0, 0), (0, 1), (0, 1), (1, 2), (2, 4)]
