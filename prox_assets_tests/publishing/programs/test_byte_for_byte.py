"""Programs applied to the original give the refined corpus byte for byte, whoever wrote them."""

from typing import Any

import pytest

from prox_assets.corpora.sample import sample_source
from prox_assets.lake.schemas import Table
from prox_assets.programs import Normalize, parse
from prox_assets.stages.run import ShardRun
from prox_assets_tests.catalog.lives import TEXTS, _answer, all_fates, in_dialect, scored
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.proof.refined_sample import refine
from prox_assets_tests.publishing.programs.sets import in_lake, out_of, refined, refusals, same, written
from prox_assets_tests.stages.shard_runs import KEY, rows


@pytest.mark.parametrize("refiner", ["rules", "lines"])
def test_the_sample_comes_out_as_it_is_in_the_lake(tmp_path, refiner):
    lake = lake_at(tmp_path / "lake")
    refine(lake, refiner=refiner)
    programs, out = written(lake, "sample"), out_of(lake)
    applied = programs.apply(sample_source().urls[0], out)
    expected = in_lake(lake, "sample")
    assert same(refined(out, programs.corpus)) == expected
    assert (applied.refined, applied.is_complete, applied.moved) == (len(expected), True, 0)
    assert applied.dropped + applied.refined == sum(shard.documents for shard in programs.manifest.shards)
    assert refusals(out, programs.corpus) == []


def test_programs_hold_no_line_of_the_text(tmp_path):
    lake = lake_at(tmp_path / "lake")
    refine(lake, refiner="lines")
    programs = written(lake, "sample")
    shards = programs.manifest.shards
    named = 0
    for row in programs.rows():
        for chunk in row["chunks"]:
            strings = [call for call in parse(chunk["program"]).operations if isinstance(call, Normalize)]
            named += sum(len(call.source) + len(call.target) for call in strings)
            assert chunk["program"].startswith(("remove_lines(", "normalize("))
    assert sum(shard.characters_of_strings for shard in shards) == named
    assert sum(shard.bytes for shard in shards) < 0.15 * sum(shard.characters_raw for shard in shards)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"error_limit": 1},
        {"error_limit": 9},
        {"min_kept_share": 0.9, "whole_words": False},
        {"mode": "reference"},
        {"mode": "reference", "reference_error_op": 0},
        {"on_empty": "keep"},
    ],
)
def test_every_fate_of_a_document(tmp_path, policy):
    run = all_fates(tmp_path, **policy)
    programs, out = written(run.lake, run.corpus), out_of(run.lake)
    applied = programs.apply(str(tmp_path / KEY), out)
    assert same(refined(out, programs.corpus)) == in_lake(run.lake, run.corpus)
    assert applied.is_complete
    [shard] = programs.manifest.shards
    failed = [row for row in rows(run, Table.OUTCOMES) if row["outcome"] == "quarantined"]
    assert shard.left_out == {"quarantined": len(failed)}
    assert applied.without_program == len(failed) > 0
    assert {row["found"] for row in refusals(out, programs.corpus)} == {
        row["text_hash"] for row in rows(run, Table.DOCUMENTS) if row["doc_id"] in {one["doc_id"] for one in failed}
    }
    assert len(TEXTS) == shard.documents + len(failed)


def test_what_had_no_effect_is_not_published(tmp_path):
    run = all_fates(tmp_path)
    by_text = programs_of(run)
    assert by_text["kept"] == []
    assert by_text["bad-program"] == []  # refused, with its strings
    assert by_text["cut-off"] == []
    assert by_text["hostile"] == [{"line_start": 0, "line_end": 2, "program": "remove_lines(line_start=0, line_end=0)"}]
    assert [row["program"] for row in by_text["edited"]] == [
        'remove_lines(line_start=0, line_end=0)\nnormalize(source_str="[1]", target_str="")',
        'remove_lines(line_start=2, line_end=2)\nnormalize(source_str="end", target_str="finish")',
    ]


def programs_of(run: ShardRun) -> dict[str, list[dict[str, Any]]]:
    """Return the published programs of each of TEXTS that is in the data set."""
    found = {row["doc_id"]: row["chunks"] for row in written(run.lake, run.corpus).rows()}
    ids = [row["doc_id"] for row in rows(run, Table.DOCUMENTS)]
    return {name: found[doc_id] for name, doc_id in zip(TEXTS, ids, strict=True) if doc_id in found}


@pytest.mark.parametrize(
    "policy",
    [
        {"line_keep_threshold": 0.7},
        {"line_decision": "expected_f1"},
        {"line_decision": "expected_f1", "line_min_gain": 0.3},
    ],
)
def test_scored_lines(tmp_path, policy):
    run = scored(tmp_path, **policy)
    programs, out = written(run.lake, run.corpus), out_of(run.lake)
    assert programs.apply(str(tmp_path / KEY), out).is_complete
    assert same(refined(out, programs.corpus)) == in_lake(run.lake, run.corpus)


DIALECT_ANSWERS = {
    "ultrax": {
        "edited": [
            _answer(0, (0, 1), "remove_lines(1, 1)\nreplace_str(2, '[1]', '')\nadd_line(0, 1, 'A title')"),
            _answer(1, (2, 3), "remove_lines(2, 3)\nadd_line(4, 2, 'Really.')\nadd_line(4, 1, 'That is all.')"),
        ],
        "emptied": [_answer(0, (0, 0), "remove_all()")],
        "cut-off": [_answer(0, (0, 1), "remove_all()\nremove_li", "length")],
        "skipped-chunk": [
            _answer(0, (0, 1), "remove_all()"),
            _answer(1, (2, 2), None, "skipped"),
            _answer(2, (3, 3), "remove_all()"),
        ],
        "hostile": [_answer(0, (0, 2), "replace_str(2, '</pre>', '<b>')\nremove_all(")],
    },
    "rescraper": {
        "edited": [_answer(0, (0, 3), '<edit>\n<extract>\nrm 1\n<edit>\nrm 3\nsub 2: "[1]"')],
        "emptied": [_answer(0, (0, 0), "<delete>\n<extract>\n<delete>")],
        "hostile": [_answer(0, (0, 2), "<rewrite>\n<extract>\nrm 1\n<rewrite>\nA\nnew page")],
    },
}


@pytest.mark.parametrize("dialect", DIALECT_ANSWERS)
@pytest.mark.parametrize("execute_rewrites", [False, True])
def test_programs_of_other_dialects(tmp_path, dialect, execute_rewrites):
    run = in_dialect(tmp_path, dialect, DIALECT_ANSWERS[dialect], execute_rewrites=execute_rewrites)
    outcomes = {row["doc_id"]: (row["outcome"], row["reason"]) for row in rows(run, Table.OUTCOMES)}
    by_text = {row["text"]: outcomes[row["doc_id"]] for row in rows(run, Table.DOCUMENTS)}
    assert by_text[TEXTS["emptied"]] == ("dropped_by_chunks", "judged_worthless")
    programs, out = written(run.lake, run.corpus), out_of(run.lake)
    applied = programs.apply(str(tmp_path / KEY), out)
    expected = in_lake(run.lake, run.corpus)
    assert same(refined(out, programs.corpus)) == expected
    assert (applied.is_complete, applied.refined) == (True, len(expected))
    assert programs.manifest.policies[programs.manifest.shards[0].policy].settings["dialect"] == "canonical"
    texts = {row["text"] for row in expected}
    if dialect == "ultrax":
        assert "A title\nA page with a menu.\nThe end.\nThat is all.\nReally." in texts
        assert "A line that is longer than the window." in texts
    else:
        assert "A page with a menu.\nThe end." in texts
        assert ("A\nnew page" in texts) == execute_rewrites
