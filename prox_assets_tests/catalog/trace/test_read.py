"""A document's life as it is read from its shard's files."""

import json

import pytest

from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.trace import sentences
from prox_assets.catalog.trace.read import read_trace
from prox_assets.lake.chain import State
from prox_assets.lake.errors import LakeError
from prox_assets.lake.schemas import Outcome, Table
from prox_assets.programs import EXECUTOR_VERSION
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.catalog.lives import TEXTS, all_fates, damage, life_of, place_of, scored
from prox_assets_tests.lakes import as_an_earlier_release_executed_it, table_file
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments, FakeSession
from prox_assets_tests.stages.shard_runs import infer, read_shard_of, rows, with_policy


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> ShardRun:
    return all_fates(tmp_path_factory.mktemp("lake"))


@pytest.fixture
def own(tmp_path) -> ShardRun:
    """A shard that the test may damage."""
    return all_fates(tmp_path)


@pytest.mark.parametrize("name", TEXTS)
def test_a_life_says_what_the_tables_say(run, name):
    life = life_of(run, name)
    outcome = rows(run, Table.OUTCOMES)[life.place.source_row]
    assert (life.raw_text, life.url) == (TEXTS[name], f"https://example.org/{life.place.source_row}")
    assert life.outcome is not None
    assert (life.outcome.outcome, life.outcome.reason) == (outcome["outcome"], outcome["reason"])
    assert life.outcome.characters_after == len(life.refined_text or "")
    assert life.warnings == ()
    assert {step.state for step in life.steps} == {State.DONE}
    assert {step.run_id for step in life.steps} == {"run-1"}
    edits = [row for row in rows(run, Table.EDITS) if row["doc_id"] == life.place.doc_id]
    assert [edit.status for chunk in life.chunks for edit in chunk.edits] == [row["status"] for row in edits]
    assert life.execution_id == run.lake.execution("web", run.shard)
    assert life.policy == run.plan.execution_policy.as_dict()


def test_every_outcome_occurs(run):
    outcomes = {life.outcome.outcome for life in (life_of(run, name) for name in TEXTS) if life.outcome}
    assert outcomes == set(Outcome)


def test_an_edited_document_is_led_back_to_its_raw_text(run):
    life = life_of(run, "edited")
    assert life.refined_text == "A page with a menu.\nThe finish."
    assert life.provenance is not None
    assert [life.raw_text[start:end] for start, end in life.provenance.removed()] == ["menu\n", "[1]", "share\n"]
    assert [(chunk.line_start, chunk.line_end, len(chunk.edits)) for chunk in life.chunks] == [(0, 1, 2), (2, 3, 2)]


def test_a_dropped_document_has_its_program_and_no_chunks(run):
    life = life_of(run, "doc-dropped")
    assert life.decision is not None
    assert life.decision.program == "drop_doc()  # too much spam"
    assert (life.chunks, life.refined_text, life.provenance, life.provenance_gap) == ((), None, None, None)


def test_a_quarantined_document_says_at_which_level_it_failed(run):
    first, second = life_of(run, "doc-failed"), life_of(run, "chunk-failed")
    assert first.decision is not None
    assert (first.decision.error, first.chunks) == ("boom", ())
    assert [chunk.error for chunk in second.chunks] == ["bang"]


def test_a_truncated_answer_and_a_skipped_chunk_are_seen(run):
    assert [chunk.finish_reason for chunk in life_of(run, "cut-off").chunks] == ["length"]
    skipped = life_of(run, "skipped-chunk")
    assert [chunk.skip_reason for chunk in skipped.chunks] == [None, "line_longer_than_window", None]
    assert skipped.refined_text == "A page.\nA line that is longer than the window."


@pytest.mark.parametrize(
    ("name", "verdicts", "words"),
    [
        ("edited", ["applied", "applied"], "stop, 100 prompt and 9 answer tokens, carried out"),
        ("kept", ["no_change"], "carried out, without a change"),
        ("bad-program", ["refused"], "refused as a whole"),
        ("cut-off", ["cut_off"], "refused as a whole, since it was cut off"),
        ("skipped-chunk", ["applied", "skipped", "applied"], "carried out"),
        ("doc-dropped", [], None),
        ("chunk-failed", [], None),
    ],
)
def test_the_executors_verdict_on_each_chunk_is_told(run, name, verdicts, words):
    life = life_of(run, name)
    assert [chunk.verdict for chunk in life.chunks if chunk.verdict] == verdicts
    if words:
        assert sentences.chunk(life.chunks[0]).endswith(words)


def test_an_execution_of_an_earlier_release_has_chunks_without_a_verdict(own):
    as_an_earlier_release_executed_it(own.lake, own.corpus, own.shard)
    life = life_of(own, "edited")
    assert [chunk.verdict for chunk in life.chunks] == [None, None]
    assert life.warnings == ()


def test_scored_documents_show_probabilities_beside_the_thresholds_in_force(tmp_path):
    run = scored(tmp_path, line_keep_threshold=0.7)
    kept, dropped, _ = (
        read_trace(run.lake, DocumentPlace("web", run.shard, row["doc_id"], row["source_row"]))
        for row in rows(run, Table.DOCUMENTS)
    )
    assert kept.decision is not None
    assert dropped.decision is not None
    assert (kept.decision.keep_probability, kept.decision.threshold) == (0.9, 0.5)
    assert (dropped.decision.keep_probability, dropped.chunks, dropped.chunk_floor) == (0.4, (), 0.5)
    assert kept.chunks[0].line_keep_probabilities == pytest.approx((0.1, 0.95, 0.6, 0.8))
    assert kept.refined_text == "A sentence.\nAnother sentence."
    assert kept.provenance is not None
    assert [kept.raw_text[start:end] for start, end in kept.provenance.removed()] == ["menu[1]\n", "share\n", "[2]"]


def test_the_cutoff_of_the_document_is_told_where_the_expected_f1_decided(tmp_path):
    run = scored(tmp_path, line_decision="expected_f1")
    place = rows(run, Table.DOCUMENTS)[0]
    life = read_trace(run.lake, DocumentPlace("web", run.shard, place["doc_id"], place["source_row"]))
    lines = sentences.scored_lines(life, life.chunks[0])
    # F1 is 2 * (.95 * 2 + .6 + .8 * 2) / (5 + .1 + 4.1), and the cutoff half of it.
    assert life.line_cutoff == pytest.approx(4.1 / 9.2)
    assert [line.removed for line in lines] == [True, False, False, False]
    assert sentences.scores(life, lines) == "4 lines scored; lines kept at P >= 0.446 (expected F1), 1 below"
    assert life.refined_text == "A sentence.\nshare\nAnother sentence."
    assert life.provenance is not None


def test_a_document_that_would_gain_too_little_says_so(tmp_path):
    run = scored(tmp_path, line_decision="expected_f1", line_min_gain=0.9)
    place = rows(run, Table.DOCUMENTS)[0]
    life = read_trace(run.lake, DocumentPlace("web", run.shard, place["doc_id"], place["source_row"]))
    lines = sentences.scored_lines(life, life.chunks[0])
    assert not any(line.removed for line in lines)
    assert sentences.scores(life, lines) == (
        "4 lines scored, all kept: to remove some would gain too little (line_min_gain 0.9)"
    )
    assert life.refined_text is not None
    assert life.refined_text.startswith("menu")


def test_a_reverted_document_says_what_was_taken_back(tmp_path):
    life = life_of(all_fates(tmp_path, on_empty="keep"), "emptied")
    assert sentences.outcome(life).startswith("kept_unchanged (nothing_left), 11 to 11 characters")
    assert sentences.chunk(life.chunks[0]).endswith(
        "carried out and taken back, since too little of the document would be left"
    )
    assert [edit.status for edit in life.chunks[0].edits] == ["reverted"]
    assert life.refined_text == life.raw_text
    assert life.provenance is not None


def test_the_refiner_of_each_level_is_the_one_recorded_beside_its_programs(run):
    life = life_of(run, "kept")
    for who, table in ((life.doc_refiner, Table.DOC_PROGRAMS), (life.chunk_refiner, Table.CHUNK_PROGRAMS)):
        assert who is not None
        info = run.lake.require("web", table, run.shard)
        assert (who.name, who.fingerprint) == (info.notes["refiner"]["name"], info.fingerprint)


def test_reference_mode_says_why_spans_are_not_traced(tmp_path):
    run = with_policy(read_shard_of(tmp_path, ["a page of more than ten words " * 5]), mode="reference")
    infer(run)
    refine_shard(run)
    [row] = rows(run, Table.DOCUMENTS)
    life = read_trace(run.lake, DocumentPlace("web", run.shard, row["doc_id"], 0))
    assert life.refined_text == row["text"]
    assert life.provenance is None
    assert life.provenance_gap is not None
    assert "strict mode only" in life.provenance_gap


@pytest.mark.parametrize(
    ("table", "lost"),
    [
        (Table.DOC_PROGRAMS, "decision"),
        (Table.OUTCOMES, "outcome"),
        (Table.REFINED, "refined_text"),
        (Table.POLICIES, "policy"),
        (Table.SHARDS, "source_url"),
    ],
)
def test_a_damaged_table_leaves_a_gap_and_a_warning_that_names_it(own, table, lost):
    place = place_of(own, "edited")
    path = damage(own, table)
    life = read_trace(own.lake, place)
    assert getattr(life, lost) is None
    assert any(path in warning and "again" in warning for warning in life.warnings)
    assert life.raw_text == TEXTS["edited"]


def test_missing_rules_are_said_and_leave_the_thresholds_out(own):
    place = place_of(own, "edited")
    table_file(own.lake, "web", Table.POLICIES, own.shard).unlink()
    life = read_trace(own.lake, place)
    assert life.decision is not None
    assert (life.policy, life.decision.threshold) == (None, None)
    assert life.provenance_gap == "the rules of the execution are not known"
    assert life.warnings == ("the rules of the execution are missing (policies); materialize refined_shards again",)


def test_a_lost_record_of_the_raw_file_is_not_taken_for_a_change_of_it(own):
    place = place_of(own, "edited")
    table_file(own.lake, "web", Table.SHARDS, own.shard).unlink()
    life = read_trace(own.lake, place)
    assert {step.state for step in life.steps} == {State.DONE}
    assert life.warnings == (
        "there is no record of the raw file, so changes to it cannot be detected; run discovery again",
    )


def test_damaged_edits_leave_the_chunks_without_edits(own):
    place = place_of(own, "edited")
    path = damage(own, Table.EDITS)
    life = read_trace(own.lake, place)
    assert [chunk.edits for chunk in life.chunks] == [(), ()]
    assert [path in warning for warning in life.warnings] == [True]


def test_a_damaged_raw_document_is_an_error_that_names_the_file(own):
    place = place_of(own, "edited")
    path = damage(own, Table.DOCUMENTS)
    with pytest.raises(LakeError, match=f"{path} is damaged.*run raw_shards again"):
        read_trace(own.lake, place)


def test_a_damaged_manifest_is_a_warning_and_hides_the_execution(own):
    place = place_of(own, "edited")
    own.lake.storage.write_bytes(own.lake.manifest_path("web", own.shard), b"{")
    life = read_trace(own.lake, place)
    assert (life.outcome, life.refined_text, life.execution_id) == (None, None, None)
    assert any("manifests/pages.jsonl.json is damaged" in warning for warning in life.warnings)


def test_steps_that_have_not_been_run_are_said(own):
    place = place_of(own, "edited")
    for table in (Table.CHUNK_PROGRAMS, Table.OUTCOMES, Table.REFINED, Table.EDITS, Table.POLICIES):
        table_file(own.lake, "web", table, own.shard).unlink()
    own.lake.storage.remove(own.lake.manifest_path("web", own.shard))
    life = read_trace(own.lake, place)
    assert [step.state for step in life.steps] == [State.DONE, State.DONE, State.MISSING, State.MISSING]
    assert life.warnings == (
        "chunk_programs has not been run for this shard; materialize it",
        "refined_shards has not been run for this shard; materialize it",
    )
    assert life.outcome is None


def test_programs_written_anew_make_the_result_stale_and_the_map_is_not_made_up(own):
    place = place_of(own, "edited")
    write_document_programs(own, FakeSession("doc", FakeDocuments(), fingerprint="new"))
    write_chunk_programs(own, FakeSession("chunk", FakeChunks(), fingerprint="new"))
    life = read_trace(own.lake, place)
    assert life.steps[-1].state is State.STALE
    assert (
        "refined_shards is stale: what it was made from has changed; materialize refined_shards again" in life.warnings
    )
    assert life.provenance is None
    assert life.provenance_gap is not None
    assert "produce a different text" in life.provenance_gap


def test_a_changed_source_is_said_for_every_step(own):
    place = place_of(own, "edited")
    with own.lake.write("web", own.shard, [Table.SHARDS], own.stamp("f", "i")) as [writer]:
        writer.write(next(iter(rows(own, Table.SHARDS, without=("etag",)))) | {"etag": "modified later"})
    life = read_trace(own.lake, place)
    assert {step.state for step in life.steps} == {State.STALE}
    assert "raw_shards is stale: the source file has changed; materialize raw_shards again" in life.warnings


def test_another_executor_version_is_said_instead_of_a_map(own):
    place = place_of(own, "edited")
    [row] = rows(own, Table.POLICIES)
    configuration = json.loads(row["configuration"])
    configuration["policy"]["executor_version"] = EXECUTOR_VERSION + 1
    stamp = own.stamp("f", "i", row["execution_id"])
    with own.lake.write("web", own.shard, [Table.POLICIES], stamp) as [writer]:
        writer.write(row | {"configuration": json.dumps(configuration)})
    life = read_trace(own.lake, place)
    assert life.refined_text is not None
    assert life.provenance_gap is not None
    assert f"executor version {EXECUTOR_VERSION + 1}" in life.provenance_gap


def test_an_execution_that_was_cut_short_is_not_shown(own):
    place = place_of(own, "edited")
    manifest = own.lake.storage.read_bytes(own.lake.manifest_path("web", own.shard))
    assert manifest is not None
    refine_shard(with_policy(own, error_limit=1))
    own.lake.storage.write_bytes(own.lake.manifest_path("web", own.shard), manifest)
    life = read_trace(own.lake, place)
    assert (life.outcome, life.refined_text) == (None, None)
    assert any("cut short before it was published" in warning for warning in life.warnings)


def test_a_place_that_holds_another_document_by_now_is_refused(own):
    place = place_of(own, "edited")
    read_raw_shard(own)
    with pytest.raises(LakeError, match="look the document up again"):
        read_trace(own.lake, DocumentPlace(place.corpus, place.shard, "f" * 32, place.source_row))
