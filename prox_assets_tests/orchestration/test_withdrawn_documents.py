"""What Dagster is told of withdrawn documents: which shard is stale, and the check that nothing withdrawn is left."""

import json
from collections.abc import Callable

import pytest

from prox_assets.housekeeping.withdrawing import carry_out, find
from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy, remember
from prox_assets.lake.schemas import Table
from prox_assets.orchestration.checks import shard_checks
from prox_assets.orchestration.versions import observed_versions
from prox_assets.orchestration.withdrawal import log_withdrawn_documents
from prox_assets_tests.orchestration.conftest import CORPUS, Town

REQUEST = Withdrawal(WithdrawnBy.DOMAIN, "example.org", "asked by its owner")


@pytest.fixture
def town(make_town: Callable[..., Town]) -> Town:
    town = make_town()
    for name, url in {"a.jsonl": "https://example.org/", "b.jsonl": "https://example.net/"}.items():
        rows = [{"text": "Menu\nA page.", "url": url}, {"text": "Another page, of the same shard.", "url": None}]
        (town.folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    town.discover()
    for asset in ("raw_shards", "doc_programs", "chunk_programs", "refined_shards"):
        assert town.run(asset, shard="a.jsonl").success
    return town


def versions(town: Town) -> dict[str, str]:
    return observed_versions(town.instance, town.settings.key("source_files"))


def documents(town: Town) -> int:
    return town.lake.require(CORPUS, Table.DOCUMENTS, "a.jsonl").rows


def test_a_shard_that_waits_is_stale_until_its_next_run(town: Town) -> None:
    before = versions(town)
    done = carry_out(town.lake, find(town.lake, [REQUEST]), "withdraw", later=True)
    log_withdrawn_documents(town.instance, done.places, done.waiting)
    waiting = {**before, "a.jsonl": f"{before['a.jsonl']}+withdrawn"}
    assert versions(town) == waiting
    town.discover()
    assert versions(town) == waiting, "and a listing says the same"
    assert town.run("raw_shards", shard="a.jsonl").success
    assert documents(town) == 1
    town.discover()
    assert versions(town) == before
    assert town.run("refined_shards", shard="a.jsonl").success, "programs fit the documents that are left"


def test_a_removal_is_logged_and_makes_nothing_stale(town: Town) -> None:
    before = versions(town)
    done = carry_out(town.lake, find(town.lake, [REQUEST]), "withdraw")
    log_withdrawn_documents(town.instance, done.places, done.waiting)
    town.discover()
    assert versions(town) == before
    [record] = town.instance.fetch_observations(town.settings.key("refined_shards"), limit=5).records
    assert record.partition_key == "a.jsonl"
    assert documents(town) == 1


def test_the_check_fails_as_long_as_a_withdrawn_document_is_there(town: Town) -> None:
    def failed() -> list[str | None]:
        found = shard_checks.results(town.settings, town.lake, "a.jsonl")
        return [result.check_name for result in found if not result.passed]

    assert failed() == []
    remember(town.lake, REQUEST)  # killed right after it
    assert failed() == ["nothing_withdrawn"]
    carry_out(town.lake, find(town.lake, [REQUEST]), "withdraw")
    assert failed() == []
