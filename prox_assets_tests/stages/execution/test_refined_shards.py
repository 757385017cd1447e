"""Asset refined_shards: five outcomes, tables that agree, re-execution without a model."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from prox_assets.corpora.document import text_hash
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import EXECUTION_TABLES, Outcome, Table
from prox_assets.programs import ExecutionPolicy
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.run import ShardRun, StageError, StaleInputError
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments, FakeSession
from prox_assets_tests.stages.shard_runs import infer, read_shard_of, rows, with_floor, with_policy

TEXTS = {
    "kept": "A fine page.\nWith two lines.",
    "edited": "menu\nA page with a menu.\nThe end.",
    "doc-dropped": "spam spam spam",
    "emptied": "only a menu",
    "doc-failed": "a page that no document refiner can read",
    "chunk-failed": "a page that no chunk refiner can read",
    "blank": "  \n ",
    "bad-program": "menu\nA page whose program is broken.",
    "cut-off": "menu\nA page whose program was cut off.",
}
PROGRAMS = {
    TEXTS["edited"]: "remove_lines(0, 0)\nnormalize(source_str='fine', target_str='')",
    TEXTS["emptied"]: "remove_lines(0, 0)",
    TEXTS["bad-program"]: "remove_lines(0, 0)\nremove_lines(7, 9)",
    TEXTS["cut-off"]: "remove_lines(0, 0)\nremove_li",
}


def all_outcomes(folder, **policy) -> ShardRun:
    run = read_shard_of(folder, list(TEXTS.values()), policy=ExecutionPolicy(**{"on_empty": "drop", **policy}))
    infer(
        run,
        FakeDocuments(
            program=lambda text: "drop_doc()  # too much spam" if text.startswith("spam") else "keep_doc()",
            error=lambda text: "boom" if text == TEXTS["doc-failed"] else None,
        ),
        FakeChunks(
            program=lambda text: PROGRAMS.get(text, "keep_chunk()"),
            error=lambda text: "bang" if text == TEXTS["chunk-failed"] else None,
        ),
    )
    return run


def by_name(run: ShardRun, table: Table) -> dict[str, dict]:
    names = {row["doc_id"]: name for row, name in zip(rows(run, Table.DOCUMENTS), TEXTS, strict=True)}
    return {names[row["doc_id"]]: row for row in rows(run, table)}


def test_every_outcome_is_reached_with_its_reason(tmp_path):
    run = all_outcomes(tmp_path)
    summary = refine_shard(run)
    outcomes = by_name(run, Table.OUTCOMES)
    assert {name: (row["outcome"], row["reason"]) for name, row in outcomes.items()} == {
        "kept": ("kept_unchanged", None),
        "edited": ("kept_edited", None),
        "doc-dropped": ("dropped_by_document", "too much spam"),
        "emptied": ("dropped_by_chunks", "nothing_left"),
        "doc-failed": ("quarantined", "document level: boom"),
        "chunk-failed": ("quarantined", "chunk level: bang"),
        "blank": ("dropped_by_document", "empty"),
        "bad-program": ("kept_unchanged", None),
        "cut-off": ("kept_unchanged", None),
    }
    assert summary.outcomes == {
        Outcome.KEPT_UNCHANGED: 3,
        Outcome.KEPT_EDITED: 1,
        Outcome.DROPPED_BY_DOCUMENT: 2,
        Outcome.DROPPED_BY_CHUNKS: 1,
        Outcome.QUARANTINED: 2,
    }
    assert summary.documents == sum(summary.outcomes.values()) == len(TEXTS)


def test_a_document_that_its_programs_empty_stays_as_it_was_and_the_tables_say_so(tmp_path):
    run = all_outcomes(tmp_path, on_empty="keep")
    assert refine_shard(run).outcomes[Outcome.DROPPED_BY_CHUNKS] == 0
    outcome = by_name(run, Table.OUTCOMES)["emptied"]
    assert (outcome["outcome"], outcome["reason"]) == ("kept_unchanged", "nothing_left")
    assert outcome["characters_after"] == len(TEXTS["emptied"])
    assert (outcome["operations_applied"], outcome["operations_failed"]) == (0, 0)
    refined = by_name(run, Table.REFINED)["emptied"]
    assert (refined["text"], refined["refined_hash"]) == (TEXTS["emptied"], refined["raw_hash"])
    of_it = [[row for row in rows(run, t) if row["doc_id"] == outcome["doc_id"]] for t in EXECUTION_TABLES[2:]]
    [[verdict], [edit]] = of_it
    assert (verdict["verdict"], verdict["removed_lines"]) == ("reverted", [])
    assert (edit["status"], edit["characters_removed"]) == ("reverted", 0)


def test_lines_are_kept_for_the_expected_f1_of_the_document(tmp_path):
    text = "menu\nA sentence of main content.\nshare this\nAnother sentence of main content."
    run = read_shard_of(tmp_path, [text], refiners=with_floor(0.5, dialect="line-labels"))
    infer(run, chunks=FakeChunks(line_probabilities=lambda _: (0.1, 0.4, 0.2, 0.4)))
    expected = {"threshold": text, "expected_f1": "A sentence of main content.\nAnother sentence of main content."}
    for decision, refined in expected.items():
        moved = with_policy(run, line_decision=decision)
        assert write_chunk_programs(moved, FakeSession("chunk", FakeChunks())).reused
        refine_shard(moved)
        assert [row["text"] for row in rows(moved, Table.REFINED)] == [refined]


def test_outcomes_edits_and_refined_agree(tmp_path):
    run = all_outcomes(tmp_path)
    summary = refine_shard(run)
    outcomes, refined = by_name(run, Table.OUTCOMES), by_name(run, Table.REFINED)
    assert set(refined) == {"kept", "edited", "bad-program", "cut-off"}
    for name, row in refined.items():
        outcome = outcomes[name]
        assert row["raw_hash"] == text_hash(TEXTS[name])
        assert row["refined_hash"] == text_hash(row["text"])
        assert (outcome["characters_before"], outcome["characters_after"]) == (len(TEXTS[name]), len(row["text"]))
        assert (outcome["lines_before"], outcome["lines_after"]) == (
            TEXTS[name].count("\n") + 1,
            row["text"].count("\n") + 1,
        )
        assert row["url"].startswith("https://example.org/")
    assert refined["edited"]["text"] == "A page with a menu.\nThe end."
    edits = [row for row in rows(run, Table.EDITS) if row["doc_id"] == refined["edited"]["doc_id"]]
    assert [(row["position"], row["operation"], row["status"], row["characters_removed"]) for row in edits] == [
        (0, "remove_lines", "applied", len("menu\n")),
        (1, "normalize", "no_match", 0),
    ]
    assert (outcomes["edited"]["operations_applied"], outcomes["edited"]["operations_failed"]) == (1, 1)
    assert summary.operations_applied == sum(row["operations_applied"] for row in outcomes.values())
    assert summary.characters_after == sum(len(row["text"]) for row in refined.values())
    for name in ("doc-dropped", "emptied", "doc-failed"):
        assert (outcomes[name]["characters_after"], outcomes[name]["lines_after"]) == (0, 0)


def test_a_scored_chunk_is_cleaned_inside_the_lines_that_its_threshold_keeps(tmp_path):
    text = "menu[1]\nA line[2] of text.\nOne more."
    calls = 'normalize(source_str="[1]", target_str="")\nnormalize(source_str="[2]", target_str="")'
    run = read_shard_of(tmp_path, [text])
    infer(run, FakeDocuments(), FakeChunks(line_probabilities=lambda _: (0.3, 0.9, 0.9), calls=lambda _: calls))
    results = {}
    for threshold in (0.5, 0.2):
        refine_shard(with_policy(run, dialect="line-labels", line_keep_threshold=threshold))
        (refined,) = rows(run, Table.REFINED)
        results[threshold] = (refined["text"], [row["status"] for row in rows(run, Table.EDITS)])
    assert results[0.5] == ("A line of text.\nOne more.", ["applied", "already_removed", "applied"])
    assert results[0.2] == ("menu\nA line of text.\nOne more.", ["applied", "applied"])


def test_one_execution_is_published_whole_and_named_by_the_manifest(tmp_path):
    run = all_outcomes(tmp_path)
    summary = refine_shard(run)
    assert run.lake.execution("web", run.shard) == summary.execution_id
    for table in (*EXECUTION_TABLES, Table.POLICIES):
        assert {row["execution_id"] for row in rows(run, table)} == {summary.execution_id}
    manifest = json.loads(run.lake.storage.read_bytes(run.lake.manifest_path("web", run.shard)) or b"")
    assert manifest["rows"] == {
        "refined": 4,
        "outcomes": 9,
        "chunk_outcomes": 5,
        "edits": len(rows(run, Table.EDITS)),
    }


def test_every_chunk_of_an_executed_document_has_its_verdict_and_the_lines_that_went(tmp_path):
    run = all_outcomes(tmp_path)
    refine_shard(run)
    names = {row["doc_id"]: name for name, row in by_name(run, Table.OUTCOMES).items()}
    found = {
        (names[row["doc_id"]], row["chunk_index"]): (row["verdict"], row["removed_lines"])
        for row in rows(run, Table.CHUNK_OUTCOMES)
    }
    assert found == {
        ("kept", 0): ("no_change", []),
        ("edited", 0): ("applied", [{"line_start": 0, "line_end": 0}]),
        ("emptied", 0): ("applied", [{"line_start": 0, "line_end": 0}]),
        ("bad-program", 0): ("refused", []),
        ("cut-off", 0): ("refused", []),
    }


def test_executing_stored_programs_again_gives_the_same_rows(tmp_path):
    run = all_outcomes(tmp_path)
    changing = ("execution_id", "run_id")
    refine_shard(run)
    first = {table: rows(run, table, without=changing) for table in (Table.REFINED, Table.OUTCOMES, Table.EDITS)}
    refine_shard(replace(run, run_id="run-2"))
    for table, expected in first.items():
        assert rows(run, table, without=changing) == expected


def test_the_policy_that_was_in_force_is_stored_in_full(tmp_path):
    run = all_outcomes(tmp_path)
    refine_shard(run)
    [row] = rows(run, Table.POLICIES)
    policy = ExecutionPolicy.from_dict(json.loads(row["configuration"])["policy"])
    assert policy == run.plan.execution_policy
    assert policy.fingerprint() == row["execution_fingerprint"]


def test_a_line_threshold_is_moved_without_inference(tmp_path):
    text = "menu\nA sentence.\nshare\nAnother sentence."
    run = read_shard_of(tmp_path, [text], refiners=with_floor(0.5, dialect="line-labels"))
    infer(run, chunks=FakeChunks(line_probabilities=lambda text: (0.1, 0.95, 0.6, 0.8)))
    expected = {0.5: "A sentence.\nshare\nAnother sentence.", 0.7: "A sentence.\nAnother sentence.", 0.0: text}
    for threshold, refined in expected.items():
        moved = with_policy(run, line_keep_threshold=threshold)
        session = FakeSession("chunk", FakeChunks())
        assert write_chunk_programs(moved, session).reused
        refine_shard(moved)
        assert [row["text"] for row in rows(moved, Table.REFINED)] == [refined]


def test_a_kept_document_without_chunk_programs_stops_the_stage(tmp_path):
    run = read_shard_of(tmp_path, ["page one", "page two"])
    infer(run)
    info = run.lake.require("web", Table.CHUNK_PROGRAMS, run.shard)
    kept = rows(run, Table.CHUNK_PROGRAMS)[:1]
    with run.lake.write("web", run.shard, [Table.CHUNK_PROGRAMS], run.stamp(info.fingerprint, info.identity)) as [
        writer
    ]:
        writer.notes.update(info.notes)
        writer.write(kept[0])
    with pytest.raises(StageError, match="is kept but has no chunk programs; materialize chunk_programs"):
        refine_shard(run)
    assert run.lake.info("web", Table.REFINED, run.shard) is None


class KilledBeforeManifest(Lake):
    def write_manifest(self, corpus: str, shard: str, execution_id: str, run_id: str, rows: Mapping[str, int]) -> None:
        raise KeyboardInterrupt


def test_metrics_are_not_measured_over_an_execution_that_was_cut_short(tmp_path):
    run = all_outcomes(tmp_path)
    refine_shard(run)
    measure_shard(run)
    with pytest.raises(KeyboardInterrupt):
        refine_shard(replace(run, lake=KilledBeforeManifest(run.lake.url), force=True))
    with pytest.raises(StaleInputError, match="cut short before it was published; materialize refined_shards again"):
        measure_shard(run)
    refine_shard(run)
    assert measure_shard(run)["documents_in"] == len(TEXTS)


def test_metrics_are_not_measured_over_programs_written_since(tmp_path):
    run = all_outcomes(tmp_path)
    refine_shard(run)
    write_document_programs(run, FakeSession("doc", FakeDocuments(), fingerprint="new"))
    write_chunk_programs(run, FakeSession("chunk", FakeChunks()))
    with pytest.raises(StaleInputError, match="replaced since; materialize refined_shards again"):
        measure_shard(run)
