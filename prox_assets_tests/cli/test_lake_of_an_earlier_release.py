"""A lake of an earlier release, which wrote no verdicts: every command works on it, and tells no wrong number."""

import json
from pathlib import Path

import pytest

from prox_assets.browser import links
from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import EXECUTION_TABLES, Table
from prox_assets_tests.browser.lakes import SERVER, client_of, judgement_form
from prox_assets_tests.cli.command_line import PAGE, metrics, one_line, prox, snapshot
from prox_assets_tests.lakes import as_an_earlier_release_executed_it
from prox_assets_tests.stages.shard_runs import write_pages

TEXTS = [PAGE.replace("river", f"river {number}") for number in range(4)]
SHARD = "pages.jsonl"

pytestmark = pytest.mark.local_lake


@pytest.fixture(params=["strict", "reference"])
def refine(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str | Path, ...]:
    pages = write_pages(tmp_path / SHARD, TEXTS)
    return ("refine", pages, "--lake", tmp_path / "lake", "--policy", f"mode={request.param}")


@pytest.fixture
def lake(refine: tuple[str | Path, ...], tmp_path: Path) -> Path:
    prox(*refine)
    as_an_earlier_release_executed_it(Lake(str(tmp_path / "lake")), "pages", SHARD)
    return tmp_path / "lake"


def test_it_is_current_and_nothing_is_done_again(refine, lake: Path) -> None:
    before = snapshot(lake)
    assert "everything was current" in prox(*refine)
    assert snapshot(lake) == before
    assert "1 done" in prox("shards", "--lake", lake)


def test_it_is_replayed_equal(lake: Path) -> None:
    assert f"equal {len(TEXTS)} " in one_line(prox("replay", "--lake", lake))


def test_every_question_has_an_answer(lake: Path) -> None:
    for question in ("totals", "operations", "removed-lines", "removed-strings", "sites", "edits", "probabilities"):
        prox("stats", question, "--lake", lake)
    [unknown] = json.loads(prox("stats", "programs", "--lake", lake, "--format", "json"))
    assert (unknown["problem"], unknown["programs"], unknown["share"]) == ("unknown verdict", len(TEXTS), 1.0)
    assert json.loads(prox("sql", "SELECT count(*) AS n FROM chunk_outcomes", "--lake", lake, "--format", "json")) == [
        {"n": 0}
    ]
    found = json.loads(prox("stats", "removed-lines", "--lake", lake, "--format", "json"))
    assert {"Share on Facebook": len(TEXTS)}.items() <= {row["text"]: row["documents"] for row in found}.items()


def test_traces_drift_and_the_report_are_made(lake: Path) -> None:
    [row, *_] = Lake(str(lake)).rows("pages", Table.OUTCOMES, SHARD)
    trace = json.loads(prox("trace", row["doc_id"], "--lake", lake, "--json"))
    assert trace["warnings"] == []
    assert {chunk["verdict"] for chunk in trace["chunks"]} == {None}
    assert row["doc_id"] in prox("trace", "--find", "forty miles to the sea", "--lake", lake)
    assert "nothing to judge yet" in one_line(prox("drift", "--lake", lake))
    prox("report", "--lake", lake)


def test_executed_again_it_has_verdicts(refine, lake: Path) -> None:
    again = prox(*refine, "--policy", "min_kept_characters=2", "--policy", "reference_threshold_2=0.94")
    assert "everything was current" not in again
    assert metrics(lake, "pages", SHARD)["programs_executed"] == len(TEXTS)
    opened = Lake(str(lake))
    execution = opened.execution("pages", SHARD)
    for table in EXECUTION_TABLES:
        assert {row["execution_id"] for row in opened.rows("pages", table, SHARD)} == {execution}
    assert prox("stats", "programs", "--lake", lake, "--format", "json").strip() == "[]"


def test_its_documents_can_be_read_and_judged(lake: Path) -> None:
    opened = Lake(str(lake))
    client = client_of(opened)
    [row, *_] = opened.rows("pages", Table.OUTCOMES, SHARD)
    place = DocumentPlace("pages", SHARD, row["doc_id"], row["source_row"])
    for address in (
        links.corpus("pages"),
        links.shard("pages", SHARD),
        links.documents("pages", {"edits": "yes"}),
        links.document("pages", row["doc_id"]),
    ):
        assert client.get(address).status_code == 200, address
    judged = client.post(
        links.judge("pages", row["doc_id"]),
        data=judgement_form(opened, place, "good_edit"),
        headers={"origin": SERVER},
    )
    assert judged.status_code == 200
