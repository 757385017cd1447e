"""`prox replay`: what it prints and exits with."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from prox_assets.cli import app
from prox_assets.lake.schemas import Table
from prox_assets.stages.run import ShardRun
from prox_assets_tests.catalog.lives import TEXTS, all_fates, damage, place_of, scored
from prox_assets_tests.cli.command_line import prox
from prox_assets_tests.stages.shard_runs import rows


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> ShardRun:
    return all_fates(tmp_path_factory.mktemp("lake"))


def prox_replay(run: ShardRun, *arguments: str, expected: int = 0) -> str:
    return prox("replay", *arguments, "--lake", run.lake.url, expected=expected, columns=160)


def snapshot(run: ShardRun) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in Path(run.lake.url).rglob("*") if path.is_file()}


def cells(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()]


def test_under_the_stored_rules_all_are_equal_and_nothing_is_written(run):
    before = snapshot(run)
    output = prox_replay(run)
    assert ["all", str(len(TEXTS))] in cells(output)
    assert ["equal", str(len(TEXTS))] in cells(output)
    assert "replayed under the stored rules" in output
    assert snapshot(run) == before


def test_other_rules_show_transitions_and_examples_and_are_no_failure(run):
    output = prox_replay(run, "--policy", "error-limit=100")
    assert "replayed under error_limit=100" in output
    assert ["kept_unchanged", "kept_edited", "1"] in cells(output)
    assert f"{place_of(run, 'bad-program').doc_id}  kept_unchanged -> kept_edited  36 -> 31 characters" in output
    assert "-menu\n+A page whose program is broken." in output


def test_another_decision_about_lines_changes_the_text_of_a_lake_of_before_without_a_model(tmp_path):
    before = scored(tmp_path, on_empty="drop")
    assert "line_decision" not in rows(before, Table.POLICIES)[0]["configuration"]
    assert ["equal", "3"] in cells(prox_replay(before))
    output = prox_replay(before, "--policy", "line_decision=expected_f1", "--policy", "line_f1_beta=0.5")
    assert "replayed under line_decision=expected_f1, line_f1_beta=0.5" in output
    assert ["kept_edited", "another", "text", "1"] in cells(output)
    assert "-share\n+Another sentence." in output


def test_a_threshold_is_tried_where_the_expected_f1_has_decided(tmp_path):
    run = scored(tmp_path, line_decision="expected_f1")
    assert ["kept_edited", "another", "text", "1"] in cells(prox_replay(run, "--policy", "line_keep_threshold=0.7"))


def test_the_number_of_examples_can_be_chosen(run):
    assert "->" not in prox_replay(run, "--policy", "error_limit=100", "--limit-examples", "0")


def test_reference_mode_is_one_option(run):
    output = prox_replay(run, "--mode", "reference")
    assert "replayed under mode=reference" in output
    assert "too_few_words" in output


def test_json_says_the_same(run):
    arguments = ["replay", "--policy", "error_limit=100", "--json", "--lake", run.lake.url]
    result = json.loads(CliRunner().invoke(app, arguments).stdout)
    web = result["corpora"]["web"]
    assert (web["documents"], web["different"]) == (len(TEXTS), 1)
    assert web["differences"] == [{"stored": "kept_unchanged", "replayed": "kept_edited", "documents": 1}]
    assert web["examples"][0]["transition"] == {"stored": "kept_unchanged", "replayed": "kept_edited"}
    assert result["errors"] == []


def test_documents_below_the_floor_are_told_with_the_remedy(tmp_path):
    output = prox_replay(scored(tmp_path), "--policy", "doc_keep_threshold=0.3")
    assert ["dropped_by_document", "not_inferred", "1"] in cells(output)
    assert "1 documents would be kept but have no chunk programs" in output
    assert (
        "is below chunk_floor 0.5; they count as empty here. To see what becomes of them, lower chunk_floor" in output
    )


def test_a_damaged_shard_is_reported_and_the_others_are_replayed(tmp_path):
    run = all_fates(tmp_path)
    path = damage(run, Table.REFINED)
    output = prox_replay(run, expected=1)
    assert f"error: web/pages.jsonl: {path} is damaged" in output
    assert ["all", "0"] in cells(output)


def test_a_result_that_its_programs_do_not_give_fails(tmp_path):
    run = all_fates(tmp_path)
    info = run.lake.require("web", Table.OUTCOMES, run.shard)
    rows = list(run.lake.rows("web", Table.OUTCOMES, run.shard))
    with run.lake.write("web", run.shard, [Table.OUTCOMES], run.stamp("f", info.identity, "x")) as [writer]:
        writer.notes.update(info.notes)
        for row in rows:
            writer.write(row | ({"outcome": "dropped_by_chunks"} if row["outcome"] == "quarantined" else {}))
    output = prox_replay(run, expected=1)
    assert ["dropped_by_chunks", "quarantined", "2"] in cells(output)
    assert "the stored results are not what the programs give; materialize refined_shards again" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "mood=1"], "--policy does not know mood"),
        (["--policy", "dialect=prox"], "--policy does not know dialect"),
        (["--policy", "min_kept_share=2"], "min_kept_share must lie in [0, 1]"),
        (["--policy", "error_limit=high"], "error_limit: Input should be a valid integer"),
        (["--shard", "other"], "no shard other has been read into the lake"),
        (["--corpus", "other"], "has no corpus 'other'"),
    ],
)
def test_options_that_make_no_sense_are_told_in_one_line(run, arguments, message):
    output = prox_replay(run, *arguments, expected=1)
    assert output.startswith("error: ")
    assert message in output
    assert output.count("\n") == 1


def test_a_mode_that_does_not_exist_is_a_usage_error(run):
    assert "'backwards' is not one of" in prox_replay(run, "--mode", "backwards", expected=2)
