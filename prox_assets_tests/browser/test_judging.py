"""Judgements: who may write them, what is kept, and that nothing else is lost when a writer is killed."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep, time

import pytest

from prox_assets.browser import links
from prox_assets.catalog.connection import open_catalog
from prox_assets.catalog.guarded import run_select
from prox_assets.catalog.queries.judgements import judgement_counts, judgements, judgements_on
from prox_assets.lake.lake import Lake
from prox_assets.lake.records import appended
from prox_assets.lake.records.judgements import append_judgement, fold_judgements
from prox_assets.lake.schemas import Table
from prox_assets_tests.browser.lakes import CORPUS, SERVER, client_of, judgement_form, place_of_page, read_lake
from prox_assets_tests.catalog.refined_lakes import PAGES, refine_pages
from prox_assets_tests.lake.rows import sample_row
from prox_assets_tests.lakes import files_of

OWN = {"origin": SERVER, "sec-fetch-site": "same-origin"}


@pytest.fixture
def lake(tmp_path) -> Lake:
    return read_lake(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory) -> Lake:
    """A lake for tests in which nothing is written."""
    return read_lake(tmp_path_factory.mktemp("judged"))


def kept(lake: Lake) -> list[dict]:
    with open_catalog(lake) as catalog:
        return judgements(catalog).to_dicts()


def test_a_judgement_is_kept_with_who_what_and_which_refinement(lake):
    before = files_of(lake)
    place = place_of_page(lake, "Home\nabout rivers")
    client = client_of(lake)
    form = judgement_form(lake, place, "bad_edit", note=" the river is gone ", then=links.documents(CORPUS))
    answer = client.post(links.judge(CORPUS, place.doc_id), data=form, headers=OWN, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == links.documents(CORPUS)
    [row] = kept(lake)
    [outcome] = lake.rows_of_document(CORPUS, Table.OUTCOMES, place.shard, place.source_row)
    [document] = lake.rows_of_document(CORPUS, Table.DOCUMENTS, place.shard, place.source_row)
    [refined] = lake.rows_of_document(CORPUS, Table.REFINED, place.shard, place.source_row)
    assert {name: row[name] for name in ("judge", "judgement", "note", "outcome", "doc_id")} == {
        "judge": "ada",
        "judgement": "bad_edit",
        "note": "the river is gone",
        "outcome": "kept_edited",
        "doc_id": place.doc_id,
    }
    assert row["execution_id"] == outcome["execution_id"]
    assert row["text_hash"] == document["text_hash"]
    assert row["refined_hash"] == refined["refined_hash"]
    for level in ("doc", "chunk"):
        info = lake.require(CORPUS, Table(f"{level}_programs"), place.shard)
        assert row[f"{level}_refiner"] == info.fingerprint
    after = files_of(lake)
    assert {path: data for path, data in after.items() if "/judgements/" not in path} == before
    shown = client.get(links.document(CORPUS, place.doc_id)).text
    assert "the river is gone" in shown
    assert 'class="given"' in shown
    assert "bad edit" in client.get(links.documents(CORPUS)).text
    assert "the river is gone" in client.get(links.judgements(CORPUS)).text


def test_the_latest_of_a_person_counts_and_everyone_has_one(lake):
    client = client_of(lake)
    for text, judgement, judge in (
        ("Home\nabout rivers", "bad_edit", "ada"),
        ("Home\nabout rivers", "good_edit", "ada"),
        ("Home\nabout rivers", "should_drop", "zoë 王"),
        ("dropped", "should_keep", "ada"),
    ):
        place = place_of_page(lake, text)
        form = judgement_form(lake, place, judgement, judge=judge)
        assert client.post(links.judge(CORPUS, place.doc_id), data=form, headers=OWN).status_code == 200
    rivers = place_of_page(lake, "Home\nabout rivers").doc_id
    with open_catalog(lake) as catalog:
        assert [(row["judge"], row["judgement"]) for row in judgements_on(catalog, CORPUS, [rivers]).to_dicts()] == [
            ("zoë 王", "should_drop"),
            ("ada", "good_edit"),
        ]
        counted = judgement_counts(catalog).to_dicts()
    assert {row["judgement"]: row["share"] for row in counted} == pytest.approx(
        {"good_edit": 1 / 3, "should_drop": 1 / 3, "should_keep": 1 / 3}
    )
    asked = run_select(lake, "SELECT judge, judgement FROM judgements ORDER BY ALL").to_pylist()
    assert asked[0] == {"judge": "ada", "judgement": "good_edit"}
    assert len(asked) == 3
    # The name is remembered, whatever letters it has.
    assert 'value="ada"' in client.get(links.document(CORPUS, rivers)).text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": SERVER, "sec-fetch-site": "cross-site"},
        {"origin": SERVER, "sec-fetch-site": "same-site"},
        {"origin": SERVER, "host": "evil.example"},
    ],
)
def test_another_site_writes_nothing(untouched, headers):
    place = place_of_page(untouched, "Home\nabout rivers")
    form = judgement_form(untouched, place, "good_edit")
    answer = client_of(untouched).post(links.judge(CORPUS, place.doc_id), data=form, headers=headers)
    assert answer.status_code in (400, 403)
    assert not untouched.shards(CORPUS, Table.JUDGEMENTS)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"judgement": "splendid"}, 400),
        ({"judgement": "should_keep"}, 400),
        ({"judge": "  "}, 400),
        ({"row": "x"}, 400),
        ({"execution": "an earlier one"}, 400),
        ({"shard": "two.jsonl"}, 404),
        ({"note": "x" * 40_000}, 413),
    ],
)
def test_what_is_no_judgement_is_refused(untouched, change, status):
    place = place_of_page(untouched, "Home\nabout rivers")
    form = {**judgement_form(untouched, place, "good_edit"), **change}
    answer = client_of(untouched).post(links.judge(CORPUS, place.doc_id), data=form, headers=OWN)
    assert answer.status_code == status
    assert not untouched.shards(CORPUS, Table.JUDGEMENTS)


def test_a_form_leads_nowhere_else(lake):
    place = place_of_page(lake, "Home\nabout rivers")
    for then in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        form = judgement_form(lake, place, "good_edit", then=then)
        answer = client_of(lake).post(links.judge(CORPUS, place.doc_id), data=form, headers=OWN, follow_redirects=False)
        assert answer.headers["location"] == links.document(CORPUS, place.doc_id, place.shard)


def test_a_judgement_outlives_a_new_refinement_and_says_so(lake, tmp_path):
    place = place_of_page(lake, "Home\nabout rivers")
    client = client_of(lake)
    form = judgement_form(lake, place, "good_edit")
    client.post(links.judge(CORPUS, place.doc_id), data=form, headers=OWN)
    refine_pages(lake, tmp_path / "raw", PAGES)
    shown = client.get(links.document(CORPUS, place.doc_id)).text
    assert "on an earlier refinement" in shown


def row(number: int) -> dict:
    values = sample_row(Table.JUDGEMENTS, number)
    return {**values, "corpus": CORPUS, "shard": "a", "execution_id": "e", "doc_id": f"{number:032d}"}


def test_folding_keeps_every_judgement_and_may_run_twice_at_once(tmp_path, monkeypatch):
    lake = Lake(str(tmp_path))
    monkeypatch.setattr(appended, "FOLD_FROM", 10)
    for number in range(9):
        append_judgement(lake, row(number))
    assert fold_judgements(lake, CORPUS) == 0
    append_judgement(lake, row(9))
    wanted = sorted(told["doc_id"] for told in kept(lake))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: fold_judgements(Lake(str(tmp_path)), CORPUS), range(4)))
    assert sorted(told["doc_id"] for told in kept(lake)) == wanted
    assert len(lake.shards(CORPUS, Table.JUDGEMENTS)) < 10


WRITER = """
import sys
from prox_assets.lake.records.judgements import append_judgement
from prox_assets.lake.lake import Lake
from prox_assets_tests.browser.test_judging import row
lake = Lake(sys.argv[1])
number = int(sys.argv[2])
while True:
    append_judgement(lake, row(number))
    print(number, flush=True)
    number += 2
"""


@pytest.mark.local_lake
def test_two_writers_at_once_lose_nothing_when_killed(tmp_path):
    """What a writer has said to be kept is kept, whole, wherever the kill strikes; the other one goes on."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(first)], stdout=subprocess.PIPE, text=True)
        for first in (0, 1)
    ]
    lake = Lake(str(tmp_path))
    deadline = time() + 60
    while len(lake.shards(CORPUS, Table.JUDGEMENTS)) < 20 and time() < deadline:
        sleep(0.01)
    said: set[int] = set()
    for writer in writers:
        os.kill(writer.pid, signal.SIGKILL)
        output, _ = writer.communicate()
        said |= {int(line) for line in output.split()}
    assert len(said) >= 10
    found = {int(told["doc_id"]) for told in kept(lake)}
    assert said <= found
    assert len(found - said) <= 2
    assert not list(Path(tmp_path, CORPUS, "judgements").glob("*[!t]"))
