"""The release checks find what must not be released, and withdrawn documents leave a folder whole."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from prox_assets.housekeeping.withdrawing import carry_out, find
from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy, remember
from prox_assets.programs import ExecutionPolicy
from prox_assets.publishing import forget
from prox_assets.publishing.forget import documents_of, forget_documents, is_unfinished
from prox_assets.publishing.manifest import read_manifest, write_manifest
from prox_assets.publishing.programs import forget as programs
from prox_assets.publishing.publish import Published, publish
from prox_assets.publishing.release import release_checks
from prox_assets_tests.catalog.refined_lakes import Page, refine_pages
from prox_assets_tests.publishing.published import (
    KEPT,
    PAGES,
    export_in,
    files_in,
    published,
    refined_lake,
    rows_of,
    settings_of,
)


def failed(lake: forget.Lake) -> dict[str, str]:
    return {check.name: "; ".join(check.problems) for check in release_checks(lake, export_in(lake)) if check.problems}


def tampered(made: Published) -> None:
    made.storage.write_bytes("README.md", b"something else")


def stray_file(made: Published) -> None:
    path = made.manifest.files[0].path
    made.storage.write_bytes("data/web/train-00007-of-00008.parquet", made.storage.read_bytes(path) or b"")


def wrong_count(made: Published) -> None:
    [config] = made.manifest.configs
    shards = [config.shards[0].model_copy(update={"published": 4})]
    changed = config.model_copy(update={"shards": tuple(shards)})
    write_manifest(made.storage, made.manifest.model_copy(update={"configs": (changed,)}))


def no_licence(made: Published) -> None:
    settings = {**made.manifest.settings, "sources": [{"name": "A crawl", "licence": "unknown"}]}
    write_manifest(made.storage, made.manifest.model_copy(update={"settings": settings}))


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (tampered, "hashes_right"),
        (stray_file, "hashes_right"),
        (stray_file, "documents_allowed"),
        (wrong_count, "counts_reconcile"),
        (no_licence, "licences_named"),
    ],
)
def test_finds_what_is_wrong(tmp_path: Path, spoil: Callable[[Published], None], check: str) -> None:
    lake, made = published(tmp_path)
    assert failed(lake) == {}
    spoil(made)
    assert check in failed(lake)


def test_finds_another_execution(tmp_path: Path) -> None:
    lake, made = published(tmp_path)
    refine_pages(lake, tmp_path / "raw", PAGES, policy=ExecutionPolicy(on_empty="keep"))
    assert "executed again" in failed(lake)["executions_published"]
    assert publish(lake, settings_of()).changed
    assert failed(lake) == {}
    manifest = read_manifest(made.storage)
    assert manifest is not None
    assert [change.what for change in manifest.history] == ["First written.", "Written again."]


def test_finds_documents_that_were_not_kept(tmp_path: Path) -> None:
    lake, _ = published(tmp_path)
    pages = tuple(
        page if "river" not in page.text else type(page)(page.text, "", keep=0.01, url=page.url) for page in PAGES
    )
    refine_pages(lake, tmp_path / "raw", pages)
    assert "1 document dropped_by_document" in failed(lake)["documents_allowed"]


def test_a_withdrawn_document_is_found_forgotten_and_stays_away(tmp_path: Path) -> None:
    lake, made = published(tmp_path, rows_per_file=2, samples=5)
    remember(lake, Withdrawal(WithdrawnBy.DOMAIN, "hills.example", "asked for"))
    assert "2 documents withdrawn (asked for)" in failed(lake)["documents_allowed"]
    gone = rows_of(made).filter(rows_of(made)["url"].str.contains("hills").fill_null(False))["doc_id"].to_list()
    untouched = {path: data for path, data in files_in(made).items() if not any(each.encode() in data for each in gone)}
    assert forget_documents(lake, export_in(lake), gone) == 2
    assert failed(lake) == {}
    assert rows_of(made).height == KEPT - 2
    for path, data in files_in(made).items():
        assert b"hills" not in data, path
        if path in untouched and path.endswith(".parquet"):
            assert data == untouched[path], path
    manifest = read_manifest(made.storage)
    assert manifest is not None
    assert manifest.history[-1].what == "2 documents withdrawn."
    assert manifest.configs[0].removed == 2
    assert forget_documents(lake, export_in(lake), gone) == 0
    again = publish(lake, settings_of(rows_per_file=2))
    assert again.manifest.configs[0].withheld == 2
    assert not any(b"hills" in data for data in files_in(again).values())
    assert failed(lake) == {}


def test_after_a_withdrawal_each_document_is_in_one_file(tmp_path: Path) -> None:
    pages = tuple(Page(f"page {n} of the river", url=f"https://{n}.example/") for n in range(12))
    lake = refined_lake(tmp_path, pages)
    publish(lake, settings_of(rows_per_file=4))
    carry_out(lake, find(lake, [Withdrawal(WithdrawnBy.DOMAIN, "1.example", "asked for")]), "run-2")
    again = publish(lake, settings_of(rows_per_file=4))
    assert rows_of(again)["text"].to_list() == [page.text for page in pages if page.url != "https://1.example/"]
    assert failed(lake) == {}


def test_forgetting_goes_on_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, made = published(tmp_path, rows_per_file=2, samples=5)
    gone = rows_of(made)["doc_id"].to_list()[1:3]
    rewrite = forget._rewrite
    done: list[str] = []

    def killed_at_the_second(storage: object, path: str, ids: frozenset[str]) -> int:
        if done:
            raise KeyboardInterrupt
        done.append(path)
        return rewrite(made.storage, path, ids)

    monkeypatch.setattr(forget, "_rewrite", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        forget_documents(lake, export_in(lake), gone)
    assert "hashes_right" in failed(lake)
    monkeypatch.undo()
    assert forget_documents(lake, export_in(lake), gone) == 1
    remember(lake, Withdrawal(WithdrawnBy.DOC_ID, gone[0], "asked for"))
    assert failed(lake) == {}
    manifest = read_manifest(made.storage)
    assert manifest is not None
    assert (manifest.rows, manifest.configs[0].removed) == (KEPT - 2, 2)
    assert not any(each.encode() in data for data in files_in(made).values() for each in gone)


def test_a_withdrawal_that_was_killed_before_the_card_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, made = published(tmp_path, samples=5, include=["text", "programs"])
    gone = rows_of(made)["doc_id"].to_list()[1:2]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(programs.ProgramsManifest, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            forget_documents(lake, export_in(lake), gone)
    for step in ("before the manifests", "after them"):
        assert is_unfinished(export_in(lake)), step
        assert forget_documents(lake, export_in(lake), ()) == 0
        assert not is_unfinished(export_in(lake)), step
        assert failed(lake) == {}
        manifest = read_manifest(made.storage)
        assert manifest is not None
        assert [change.what for change in manifest.history] == ["First written.", "1 document withdrawn."]
        # Killed after the manifest was written.
        made.storage.write_bytes("_unfinished.json", json.dumps(gone).encode())
    assert not any(gone[0].encode() in data for path, data in files_in(made).items() if path != "_unfinished.json")
    of_programs = programs.ProgramsManifest.read(made.storage, "programs/web")
    assert of_programs is not None
    [shard] = of_programs.shards
    assert shard.sha256 == hashlib.sha256(files_in(made)[f"programs/web/{shard.file}"]).hexdigest()


def test_what_is_no_longer_included_is_removed_and_programs_alone_are_counted(tmp_path: Path) -> None:
    lake, made = published(tmp_path, include=["text", "programs"])
    gone = rows_of(made)["doc_id"].to_list()[:1]
    publish(lake, settings_of())
    assert not [path for path in files_in(made) if path.startswith("programs/")]
    assert failed(lake) == {}
    publish(lake, settings_of(include=["programs"]))
    assert sorted(files_in(made)) == [
        "README.md",
        "checksums.txt",
        "croissant.json",
        "manifest.json",
        "programs/web/manifest.json",
        "programs/web/one.jsonl.parquet",
        "provenance.json",
    ]
    assert failed(lake) == {}
    assert b"for 6 documents." in files_in(made)["croissant.json"]
    assert b"The programs, without the text, of 6 documents" in files_in(made)["README.md"]
    carry_out(lake, find(lake, [Withdrawal(WithdrawnBy.DOC_ID, gone[0], "asked for")]), "run-2")
    manifest = read_manifest(made.storage)
    assert manifest is not None
    assert (manifest.rows, manifest.configs[0].published, manifest.configs[0].removed) == (5, KEPT - 1, 1)
    assert manifest.history[-1].what == "1 document withdrawn."
    assert failed(lake) == {}


def test_documents_are_found_in_the_folder_alone(tmp_path: Path) -> None:
    lake, made = published(tmp_path, columns=["doc_id", "text", "raw_hash"])
    made.storage.remove("manifest.json")
    lake.storage.remove("web")
    [frame] = documents_of(export_in(lake))
    assert frame.columns == ["corpus", "shard", "doc_id", "url", "text_hash"]
    assert set(frame["corpus"]) == {"web"}
    assert set(frame["shard"]) == {"one.jsonl"}
    assert frame["url"].null_count() == KEPT
