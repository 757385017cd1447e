"""Replay: stored programs give what is stored, and other rules are compared with it."""

import json
from dataclasses import replace

import pytest

from prox_assets.corpora.document import text_hash
from prox_assets.lake.errors import LakeError, MissingTableError
from prox_assets.lake.schemas import Table
from prox_assets.programs import EXECUTOR_VERSION, ExecutionPolicy
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.execution.shard_replay import NOT_INFERRED, Replay, Transition, replay_shard
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun, StageError, StaleInputError
from prox_assets_tests.catalog.lives import TEXTS, all_fates, damage, place_of, scored
from prox_assets_tests.lakes import table_file
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments, FakeSession
from prox_assets_tests.stages.shard_runs import infer, read_shard_of, rows, with_policy


def replayed(run: ShardRun, examples: int = 3, **changes) -> Replay:
    found = Replay()
    replay_shard(
        run.lake,
        run.corpus,
        run.shard,
        found,
        lambda stored: ExecutionPolicy.from_dict({**stored.as_dict(), **changes}),
        examples=examples,
    )
    return found


def rewrite(run: ShardRun, table: Table, change) -> None:
    """Write a table's file again with changed rows, everything it says about itself as it was."""
    info = run.lake.require(run.corpus, table, run.shard)
    changed = [change(row) for row in rows(run, table)]
    execution = changed[0].get("execution_id") if changed else None
    with run.lake.write(run.corpus, run.shard, [table], run.stamp(info.fingerprint, info.identity, execution)) as [
        writer
    ]:
        writer.notes.update(info.notes)
        for row in changed:
            if row is not None:
                writer.write(row)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"error_limit": 1},
        {"min_kept_share": 0.9, "whole_words": False},
        {"mode": "reference"},
        {"doc_keep_threshold": 0.9},
        {"on_empty": "keep"},
    ],
)
def test_under_the_stored_rules_every_document_comes_out_as_it_was_stored(tmp_path, policy):
    run = all_fates(tmp_path, **policy)
    found = replayed(run)
    assert (found.documents, found.equal, found.different) == (len(TEXTS), len(TEXTS), 0)
    assert found.reasons_changed == 0
    assert found.characters_replayed == found.characters_stored
    assert found.characters_stored == sum(len(row["text"]) for row in rows(run, Table.REFINED))
    assert found.executor_versions == {EXECUTOR_VERSION}


@pytest.mark.parametrize("policy", [{"line_keep_threshold": 0.7}, {"line_decision": "expected_f1"}])
def test_scored_documents_come_out_as_they_were_stored(tmp_path, policy):
    found = replayed(scored(tmp_path, **policy))
    assert (found.documents, found.equal) == (3, 3)


def test_a_lake_of_before_is_replayed_under_the_expected_f1_without_a_model(tmp_path):
    run = scored(tmp_path, on_empty="drop")
    [row] = rows(run, Table.POLICIES)
    stored = json.loads(row["configuration"])["policy"]
    assert not {"line_decision", "line_f1_beta", "on_empty"} & stored.keys(), "earlier releases had no such fields"
    assert replayed(run).equal == 3
    found = replayed(run, line_decision="expected_f1", line_f1_beta=0.5)
    assert found.differences == {Transition("kept_edited", "kept_edited"): 1}
    assert found.examples[0].first_difference == ("share", "Another sentence.")


@pytest.mark.parametrize(
    "changes",
    [
        {"error_limit": 1},
        {"error_limit": 100},
        {"min_kept_characters": 40},
        {"min_kept_characters": 40, "on_empty": "keep"},
        {"mode": "reference"},
    ],
)
def test_a_replay_under_other_rules_says_what_executing_under_them_gives(tmp_path, changes):
    run = all_fates(tmp_path)
    before = {row["doc_id"]: row["outcome"] for row in rows(run, Table.OUTCOMES)}
    texts_before = {row["doc_id"]: row["refined_hash"] for row in rows(run, Table.REFINED)}
    found = replayed(run, examples=100, **changes)
    refine_shard(with_policy(run, **{"error_limit": 2, "on_empty": "drop", **changes}))
    after = {row["doc_id"]: row["outcome"] for row in rows(run, Table.OUTCOMES)}
    texts_after = {row["doc_id"]: row["refined_hash"] for row in rows(run, Table.REFINED)}
    different = {
        doc: Transition(before[doc], after[doc])
        for doc in before
        if before[doc] != after[doc] or texts_before.get(doc) != texts_after.get(doc)
    }
    assert different, "the rules make a difference here"
    assert {example.doc_id: example.transition for example in found.examples} == different
    assert found.equal == len(TEXTS) - len(different)
    assert found.characters_replayed == sum(len(row["text"]) for row in rows(run, Table.REFINED))


def test_a_difference_shows_the_first_line_that_differs(tmp_path):
    run = all_fates(tmp_path)
    [example] = [e for e in replayed(run, error_limit=100).examples if e.doc_id == place_of(run, "bad-program").doc_id]
    assert example.first_difference == ("menu", "A page whose program is broken.")
    assert example.transition == ("kept_unchanged", "kept_edited")
    assert (example.characters_stored, example.characters_replayed) == (36, 31)


def test_examples_are_limited_for_each_transition_over_all_shards(tmp_path):
    found = Replay()
    for number in range(2):
        run = all_fates(tmp_path / str(number))
        replay_shard(
            run.lake,
            "web",
            run.shard,
            found,
            lambda _: ExecutionPolicy(error_limit=2, min_kept_characters=1000, on_empty="drop"),
            examples=1,
        )
    assert found.documents == 2 * len(TEXTS)
    assert found.differences == {Transition("kept_edited", "dropped_by_chunks"): 2 * 3}
    assert len(found.examples) == 1


def test_documents_below_the_floor_are_counted_and_not_guessed(tmp_path):
    run = scored(tmp_path, floor=0.5)
    found = replayed(run, doc_keep_threshold=0.3)
    assert (found.not_inferred, found.chunk_floors) == (1, {0.5})
    assert found.differences == {Transition("dropped_by_document", NOT_INFERRED): 1}
    assert found.equal == 2


def test_documents_above_a_lower_floor_can_be_replayed(tmp_path):
    run = scored(tmp_path, floor=0.3)
    found = replayed(run, doc_keep_threshold=0.3)
    assert found.not_inferred == 0
    assert found.differences == {Transition("dropped_by_document", "kept_unchanged"): 1}


def test_a_refined_text_that_its_programs_do_not_give_is_found(tmp_path):
    run = all_fates(tmp_path)
    doc = place_of(run, "edited").doc_id
    forged = {"text": "forged", "refined_hash": text_hash("forged")}
    rewrite(run, Table.REFINED, lambda row: row | forged if row["doc_id"] == doc else row)
    found = replayed(run)
    assert found.differences == {Transition("kept_edited", "kept_edited"): 1}
    assert found.examples[0].first_difference == ("forged", "A page with a menu.")


def test_a_forged_outcome_is_found(tmp_path):
    run = all_fates(tmp_path)
    doc = place_of(run, "doc-failed").doc_id
    rewrite(run, Table.OUTCOMES, lambda row: row | {"outcome": "dropped_by_document"} if row["doc_id"] == doc else row)
    assert replayed(run).differences == {Transition("dropped_by_document", "quarantined"): 1}


def test_another_reason_for_the_same_outcome_is_no_difference_but_counted(tmp_path):
    run = all_fates(tmp_path)
    doc = place_of(run, "doc-failed").doc_id
    rewrite(run, Table.OUTCOMES, lambda row: row | {"reason": "unknown"} if row["doc_id"] == doc else row)
    found = replayed(run)
    assert (found.different, found.reasons_changed) == (0, 1)


@pytest.mark.parametrize(
    ("table", "column", "message"),
    [
        (Table.REFINED, "text", "refined text of document .* not match its stored hash.*materialize refined_shards"),
        (Table.DOCUMENTS, "text", "text of document .* does not match its stored hash.*materialize raw_shards"),
    ],
)
def test_text_that_does_not_fit_its_hash_is_refused(tmp_path, table, column, message):
    run = all_fates(tmp_path)
    rewrite(run, table, lambda row: row | {column: row[column] + "!"})
    with pytest.raises(StageError, match=message):
        replayed(run)


@pytest.mark.parametrize("table", [Table.OUTCOMES, Table.REFINED])
def test_missing_rows_are_refused(tmp_path, table):
    run = all_fates(tmp_path)
    last = rows(run, table)[-1]["doc_id"]
    rewrite(run, table, lambda row: None if row["doc_id"] == last else row)
    with pytest.raises(StageError, match=r"aterialize refined_shards again"):
        replayed(run)


def test_chunks_that_do_not_fit_the_text_are_refused_with_the_document(tmp_path):
    run = all_fates(tmp_path)
    rewrite(run, Table.CHUNK_PROGRAMS, lambda row: row | {"line_end": 99})
    with pytest.raises(StageError, match=r"the chunk programs of document .* do not fit its text"):
        replayed(run)


@pytest.mark.parametrize(
    "table", [Table.DOCUMENTS, Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS, Table.OUTCOMES, Table.REFINED, Table.POLICIES]
)
@pytest.mark.parametrize("footer", [True, False])
def test_a_damaged_file_is_named(tmp_path, table, footer):
    run = all_fates(tmp_path)
    path = damage(run, table, footer=footer)
    found = Replay()
    with pytest.raises(LakeError, match=f"{path} is damaged.*again"):
        replay_shard(run.lake, run.corpus, run.shard, found)
    assert found == Replay(), "what cannot be replayed leaves no trace in the totals"


@pytest.mark.parametrize("table", [Table.CHUNK_PROGRAMS, Table.OUTCOMES, Table.POLICIES])
def test_a_missing_table_is_named_with_the_step_that_writes_it(tmp_path, table):
    run = all_fates(tmp_path)
    table_file(run.lake, "web", table, run.shard).unlink()
    with pytest.raises(MissingTableError, match=f"{table}/pages.jsonl.parquet is not there"):
        replayed(run)


def test_results_of_earlier_programs_are_stale(tmp_path):
    run = all_fates(tmp_path)
    write_document_programs(run, FakeSession("doc", FakeDocuments(), fingerprint="new"))
    write_chunk_programs(run, FakeSession("chunk", FakeChunks(), fingerprint="new"))
    with pytest.raises(StaleInputError, match=r"replaced since.*materialize refined_shards again"):
        replayed(run)


def test_programs_of_earlier_documents_are_stale(tmp_path):
    run = read_shard_of(tmp_path, ["a page"])
    infer(run)
    refine_shard(run)
    table_file(run.lake, "web", Table.DOCUMENTS, run.shard).unlink()
    read_raw_shard(run, limit=1)
    with pytest.raises(StaleInputError, match="read again since doc_programs"):
        replayed(run)


def test_an_execution_that_was_cut_short_is_refused(tmp_path):
    run = all_fates(tmp_path)
    path = run.lake.manifest_path("web", run.shard)
    manifest = run.lake.storage.read_bytes(path) or b""
    refine_shard(replace(run, force=True))
    run.lake.storage.write_bytes(path, manifest)
    with pytest.raises(LakeError, match="cut short before it was published"):
        replayed(run)
    run.lake.storage.write_bytes(path, b"{}")
    with pytest.raises(LakeError, match=r"manifests/pages.jsonl.json is damaged"):
        replayed(run)


def test_the_version_of_the_executor_is_reported_and_not_a_reason_to_stop(tmp_path):
    run = all_fates(tmp_path)

    def older(row):
        configuration = json.loads(row["configuration"])
        configuration["policy"]["executor_version"] = 1
        return row | {"configuration": json.dumps(configuration)}

    rewrite(run, Table.POLICIES, older)
    found = replayed(run)
    assert found.executor_versions == {1}
    assert found.equal == len(TEXTS)


def test_a_policy_with_rules_of_a_later_version_is_refused(tmp_path):
    run = all_fates(tmp_path)
    rewrite(run, Table.POLICIES, lambda row: row | {"configuration": json.dumps({"policy": {"mood": 1}})})
    with pytest.raises(StageError, match=r"cannot read the policy .*: unknown execution policy fields: mood"):
        replayed(run)
    rewrite(run, Table.POLICIES, lambda row: row | {"configuration": "[]"})
    with pytest.raises(LakeError, match="does not hold a configuration"):
        replayed(run)


def test_progress_is_reported_to_the_end(tmp_path):
    run = all_fates(tmp_path)
    calls: list[tuple[int, int]] = []
    replay_shard(run.lake, "web", run.shard, Replay(), progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (len(TEXTS), len(TEXTS))
