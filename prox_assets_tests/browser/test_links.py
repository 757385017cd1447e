"""Addresses: they fit the server's routes, and Dagster's definitions need no web framework for them."""

import subprocess
import sys

import pytest
from starlette.testclient import TestClient

from prox_assets.browser import links
from prox_assets_tests.browser.lakes import CORPUS, SHARD, client_of, place_of_page, read_lake

HOSTILE_NAMES = ("a b", "a/b", "a?b=c", "a#b", "ü", "%2e%2e", "a&b")


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> TestClient:
    return client_of(read_lake(tmp_path_factory.mktemp("linked")))


def test_every_address_is_a_page(client):
    doc_id = place_of_page(client.app.state.browser.lake, "Log in").doc_id  # type: ignore[attr-defined]
    server = "http://127.0.0.1/"
    for address in (
        links.home(server),
        links.corpus(CORPUS, server),
        links.shard(CORPUS, SHARD, server),
        links.documents(CORPUS, {"site": "a b", "outcome": ("kept_edited",)}, server),
        links.document(CORPUS, doc_id, SHARD, server),
        links.judgements(CORPUS, server),
        links.new_sample(CORPUS, {"edits": "yes"}, server),
        links.sample(CORPUS, "seed", 1, {"shard": SHARD}),
        links.comparison(CORPUS, "web_two", {"only": "one-keeps"}, server),
        links.side_by_side((CORPUS, "web_two"), doc_id, server),
    ):
        assert client.get(address).status_code == 200, address


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_stays_one_part_of_an_address(client, name):
    for address in (links.shard(CORPUS, name), links.document(CORPUS, name), links.corpus(name)):
        assert address.count("/") == links.shard(CORPUS, "x").count("/") - (2 if address == links.corpus(name) else 0)
        assert client.get(address).status_code in (404, 500)


@pytest.mark.parametrize(
    ("run", "dagster", "address"),
    [
        ("0c3e", "http://d/", "http://d/runs/0c3e"),
        ("prox-refine-0c3e", "http://d", None),
        (None, "http://d", None),
        ("0c3e", None, None),
    ],
)
def test_only_runs_of_dagster_are_linked(run, dagster, address):
    assert links.dagster_run(run, dagster) == address


def test_the_code_server_imports_no_web_framework():
    code = (
        "import sys, prox_assets.orchestration.components.refined_corpus\n"
        "assert 'prox_assets.browser.links' in sys.modules\n"
        "print({'starlette', 'uvicorn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
