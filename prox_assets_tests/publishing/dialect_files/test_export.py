"""Exported programs: what is in the files, what becomes of inexact ones, and versions of a folder."""

import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prox_assets.corpora.document import text_hash
from prox_assets.housekeeping.exported import forget, look_into_exports
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import export_of
from prox_assets.lake.records.withdrawn import Withdrawal, WithdrawnBy, remember, withdrawn
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.storage import Storage
from prox_assets.programs import DIALECTS
from prox_assets.programs.expressing.express import run_alone
from prox_assets.publishing.dialect_files.forget import documents_of, forget_documents, is_unfinished
from prox_assets.publishing.dialect_files.manifest import ExportManifest
from prox_assets.publishing.dialect_files.settings import DIALECTS_OF_EXPORTS, ExportSettings
from prox_assets.publishing.dialect_files.write import Exported, export_programs
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.catalog.lives import all_fates, scored
from prox_assets_tests.publishing.programs.applying.test_other_originals import corpus_of
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments
from prox_assets_tests.stages.shard_runs import KEY, infer, read_shard_of, rows, with_floor, with_policy


def exported(
    lake: Lake, corpus: str, where: str = "export", shards: list[str] | None = None, **settings: Any
) -> Exported:
    chosen = ExportSettings.model_validate({"corpus": corpus, "dialect": "ultrax", **settings})
    return export_programs(lake, chosen, Storage(f"{lake.url}-{where}"), where, shards)


def read(done: Exported) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for shard in done.manifest.shards:
        with done.folder.open(shard.file) as file:
            data = file.read()
        if shard.file.endswith(".jsonl.gz"):
            found += map(json.loads, gzip.decompress(data).decode().splitlines())
        else:
            found += pl.read_parquet(data).to_dicts()
    return found


@pytest.fixture
def fates(tmp_path) -> ShardRun:
    return all_fates(tmp_path)


@pytest.mark.parametrize("dialect", DIALECTS_OF_EXPORTS)
@pytest.mark.parametrize("file_format", ["parquet", "jsonl"])
def test_every_program_leaves_the_text_whose_hash_is_beside_it(fates, dialect, file_format):
    done = exported(fates.lake, fates.corpus, dialect=dialect, format=file_format, with_text=True)
    refined = {row["doc_id"]: row["text"] for row in rows(fates, Table.REFINED)}
    found = read(done)
    for row in found:
        left = run_alone(row["text"], row["program"], DIALECTS[dialect])
        assert row["raw_hash"] == text_hash(row["text"])
        assert row["refined_hash"] == (None if left is None else text_hash(left))
        assert (row["fidelity"] == "exact") == (left == refined.get(row["doc_id"]))
        assert bool(row["unsaid"]) == (row["fidelity"] != "exact")
    assert {row["doc_id"] for row in found} > set(refined)  # and the dropped ones
    [shard] = done.manifest.shards
    assert shard.left_out == {"quarantined": 2}
    assert shard.documents == len(found) == sum(shard.outcomes.values()) == sum(shard.fidelity.values())
    if dialect in ("canonical", "ultrax"):
        assert shard.fidelity == {"exact": len(found)}


def test_scores_of_lines_become_removals(tmp_path):
    run = scored(tmp_path, line_keep_threshold=0.7)
    programs = [row["program"] for row in read(exported(run.lake, run.corpus))]
    assert programs == [
        "remove_lines(1, 1)\nremove_lines(3, 3)\nreplace_str(4, '[2]', '')",
        "remove_all()",
        "remove_all()",
    ]


def test_personal_data_is_a_change_like_any_other(tmp_path):
    run = read_shard_of(tmp_path, ["menu\nWrite to joe@acme.org today."])
    infer(run, FakeDocuments(), FakeChunks(program=lambda text: "remove_lines(0, 0)"))
    run = with_policy(run, personal_data=("email",))
    refine_shard(run)
    [row] = read(exported(run.lake, run.corpus))
    assert (row["fidelity"], row["unsaid"]) == ("exact", [])
    left = run_alone("menu\nWrite to joe@acme.org today.", row["program"], DIALECTS["ultrax"])
    assert left == "Write to email@example.com today."
    [row] = read(exported(run.lake, run.corpus, "removals", dialect="refinex"))
    assert (row["fidelity"], row["unsaid"]) == ("inexact", ["puts_text"])


@pytest.mark.parametrize("mode", ["strict", "reference"])
def test_a_rewrite_that_was_executed_is_said_in_the_dialect_that_it_came_from(tmp_path, mode):
    answer = f"<rewrite>\n<extract>\n<rewrite>\nThe page\n\nin other words, by joe@acme.org: {'word ' * 60}end."
    run = read_shard_of(tmp_path, ["menu\n\nA page."], refiners=with_floor(0.0, "rescraper"))
    infer(run, FakeDocuments(), FakeChunks(program=lambda text: answer))
    beyond = {"execute_rewrites": True, "personal_data": ("email",)} if mode == "strict" else {}
    run = with_policy(run, mode=mode, dialect="rescraper", line_numbers="chunk", **beyond)
    refine_shard(run)
    [row] = read(exported(run.lake, run.corpus, dialect="rescraper"))
    assert row["program"] == (answer.replace("joe@acme.org", "email@example.com") if mode == "strict" else answer)
    assert row["fidelity"] == "exact"
    [row] = read(exported(run.lake, run.corpus, "line-by-line", dialect="ultrax"))
    assert row["fidelity"] == "exact"


def test_lines_that_the_released_executor_inserted_are_not_guessed_at(tmp_path):
    page = f"A page\n\n{'of words ' * 60}\nand an end."
    run = read_shard_of(tmp_path, [page], refiners=with_floor(0.0, "ultrax"))
    infer(run, FakeDocuments(), FakeChunks(program=lambda text: "add_line(4, 1, 'And more.')"))
    run = with_policy(run, mode="reference", dialect="ultrax")
    refine_shard(run)
    [row] = read(exported(run.lake, run.corpus))
    assert (row["program"], row["fidelity"], row["unsaid"]) == ("keep_all()", "inexact", ["not_traced"])


def test_an_execution_as_released_is_exported_line_by_line(tmp_path):
    long = "a line with more than ten words, so that the released code keeps the page as it is[1]"
    run = read_shard_of(tmp_path, [f"menu\n{long}\nshare", f"{long}\nshare"])
    answer = 'remove_lines(start=0, end=0)\nnormalize(source_str="[1]", target_str="")'
    infer(run, FakeDocuments(), FakeChunks(program=lambda text: answer if text.startswith("menu") else "untouch_doc()"))
    run = with_policy(run, mode="reference")
    refine_shard(run)
    changed, same = read(exported(run.lake, run.corpus))
    assert (changed["program"], changed["fidelity"]) == ("remove_lines(1, 1)\nreplace_str(2, '[1]', '')", "exact")
    assert same["program"] == "keep_all()"


def test_what_another_refiner_did_is_exported_too(tmp_path):
    pages = {
        "menu\none\n\ntwo": "remove_lines(1, 1)\nreplace_str(4, 'two', '2')\nadd_line(4, 1, 'end')",
        "worthless": "remove_all()",
        "fine": "keep_all()",
    }
    run = read_shard_of(tmp_path, list(pages), refiners=with_floor(0.0, "ultrax"))
    infer(run, FakeDocuments(), FakeChunks(program=lambda text: pages[text]))
    refine_shard(run)
    exact = {"exact": 3}
    assert exported(run.lake, run.corpus, "canonical", dialect="canonical").manifest.total("fidelity") == exact
    assert [row["program"] for row in read(exported(run.lake, run.corpus))] == list(pages.values())
    edited, worthless, fine = read(exported(run.lake, run.corpus, "rescraper", dialect="rescraper"))
    assert (edited["program"], edited["unsaid"]) == ("<keep>\n<extract>\nrm 1\n<keep>", ["inserts_line", "puts_text"])
    assert worthless["program"].startswith("<delete>")
    assert fine["program"].startswith("<keep>")


def test_what_becomes_of_documents_that_cannot_be_said(fates):
    kept = exported(fates.lake, fates.corpus, "keep", dialect="dataorchestra-np")
    inexact = kept.manifest.total("fidelity")["inexact"]
    assert inexact == kept.manifest.total("unsaid")["inside_line"] == 1
    dropped = exported(fates.lake, fates.corpus, "drop", dialect="dataorchestra-np", inexact="drop-document")
    assert dropped.manifest.total("left_out") == {"quarantined": 2, "inexact": inexact}
    assert dropped.manifest.documents == kept.manifest.documents - inexact
    with pytest.raises(ProgramsError, match="inside_line"):
        exported(fates.lake, fates.corpus, "fail", dialect="dataorchestra-np", inexact="fail")


def test_the_layout_of_released_tools(fates):
    ultrax = read(exported(fates.lake, fates.corpus, "ultrax", layout="released"))
    documents = {row["doc_id"]: row["text"] for row in rows(fates, Table.DOCUMENTS)}
    assert all(row["original"] == documents[row["doc_id"]] and row["model_output"] for row in ultrax)
    rescraper = read(exported(fates.lake, fates.corpus, "rescraper", dialect="rescraper", layout="released"))
    by_id = {row["doc_id"]: row["input"] for row in rescraper}
    edited = next(doc_id for doc_id, text in documents.items() if text.startswith("menu\nA page[1]"))
    assert by_id[edited] == "<lid:1> menu\n<lid:2> A page[1] with a menu.\n<lid:3> share\n<lid:4> The end."
    with pytest.raises(ValueError, match="released"):
        ExportSettings(corpus="web", dialect="refinex", layout="released")


@pytest.mark.local_lake
@pytest.mark.parametrize("file_format", ["parquet", "jsonl"])
def test_equal_programs_are_equal_bytes_and_current_files_stay(tmp_path, file_format):
    lake, _ = corpus_of(tmp_path)
    first = exported(lake, "web", format=file_format)
    assert first.written == 2
    paths = [f"{first.folder.root}/{shard.file}" for shard in first.manifest.shards]
    before = [Path(path).stat().st_ino for path in paths]
    again = exported(lake, "web", format=file_format)
    assert (again.written, again.manifest) == (0, first.manifest)
    assert [Path(path).stat().st_ino for path in paths] == before
    other = exported(lake, "web", "other", format=file_format)
    assert [shard.sha256 for shard in other.manifest.shards] == [shard.sha256 for shard in first.manifest.shards]


def test_chosen_shards_and_what_is_no_longer_asked_for(tmp_path):
    lake, _ = corpus_of(tmp_path, files=3)
    names = [shard.shard for shard in exported(lake, "web").manifest.shards]
    done = exported(lake, "web", shards=names[:2])
    assert [shard.shard for shard in done.manifest.shards] == names[:2]
    assert [done.folder.exists(f"{name}.parquet") for name in names] == [True, True, False]
    assert done.written == 0
    changed = exported(lake, "web", shards=names[:1], dialect="refinex")
    assert (changed.written, changed.manifest.settings.dialect) == (1, "refinex")
    with pytest.raises(ProgramsError, match="no refined shard nowhere"):
        exported(lake, "web", shards=["nowhere"])
    with pytest.raises(ProgramsError, match="prox refine"):
        exported(lake, "nothing")


def test_no_file_of_others_is_replaced(tmp_path):
    lake, _ = corpus_of(tmp_path)
    folder = Storage(f"{lake.url}-export")
    folder.write_bytes("notes.txt", b"mine")
    with pytest.raises(ProgramsError, match="choose an empty folder"):
        exported(lake, "web")
    assert exported(lake, "web", "other").written == 2
    chosen = ExportSettings(corpus="web", dialect="ultrax")
    with pytest.raises(ProgramsError, match="withdrawals must reach"):
        export_programs(lake, chosen, Storage(f"{lake.url}-third"), "other")


def test_a_withdrawn_document_is_left_out_later_and_taken_out_of_what_is_there(tmp_path):
    lake, _ = corpus_of(tmp_path)
    done = exported(lake, "web")
    before = read(done)
    export = export_of(lake, "programs", "export")
    assert export is not None
    frames = pl.concat(list(documents_of(export)))
    assert frames.columns == ["corpus", "shard", "doc_id", "url", "text_hash"]
    assert frames["doc_id"].to_list() == [row["doc_id"] for row in before]
    gone = before[0]["doc_id"]
    assert forget_documents(lake, export, [gone]) == 1
    after = ExportManifest.read(done.folder)
    assert after is not None
    assert (after.documents, after.total("left_out")) == (len(before) - 1, {"withdrawn": 1})
    assert forget_documents(lake, export, [gone]) == 0
    done.manifest.write(done.folder)  # as if a kill had come before the manifest
    done.folder.write_bytes("_forgetting.json", json.dumps([gone]).encode())
    assert is_unfinished(export)
    forget_documents(lake, export, [])
    assert ExportManifest.read(done.folder) == after
    assert not is_unfinished(export)
    remember(lake, Withdrawal(WithdrawnBy.DOC_ID, gone, "asked to"))
    again = exported(lake, "web")
    assert again.written == 0
    assert gone not in {row["doc_id"] for row in read(exported(lake, "web", "fresh"))}


def test_a_damaged_file_is_written_again(tmp_path):
    lake, _ = corpus_of(tmp_path)
    done = exported(lake, "web")
    file = done.manifest.shards[0].file
    done.folder.write_bytes(file, b"PAR1 rubbish")
    again = exported(lake, "web")
    assert (again.written, again.manifest) == (1, done.manifest)
    done.folder.write_bytes("manifest.json", b"{}")
    with pytest.raises(ProgramsError, match=r"manifest\.json"):
        exported(lake, "web")


EXPORT_AND_DIE = """
import os, signal, sys
from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.dialect_files.settings import ExportSettings
from prox_assets.publishing.dialect_files.write import export_programs
def progress(done, total):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)
settings = ExportSettings(corpus="web", dialect=sys.argv[3])
export_programs(Lake(sys.argv[1]), settings, Storage(sys.argv[2]), "killed", progress=progress)
"""


@pytest.mark.local_lake
def test_an_export_that_was_killed_goes_on_and_says_meanwhile_that_it_is_not_whole(tmp_path):
    lake, _ = corpus_of(tmp_path, files=3)

    def killed(dialect: str) -> None:
        done = subprocess.run([sys.executable, "-c", EXPORT_AND_DIE, lake.url, f"{lake.url}-killed", dialect])
        assert done.returncode == -signal.SIGKILL

    killed("ultrax")
    folder = Path(f"{lake.storage.root}-killed")
    finished = {path.name: path.stat().st_ino for path in folder.glob("*.parquet")}
    assert len(finished) == 2
    assert not (folder / "manifest.json").exists()
    done = exported(lake, "web", "killed")
    assert done.written == 1
    assert {name: (folder / name).stat().st_ino for name in finished} == finished
    killed("refinex")  # with the files of both dialects there, no manifest speaks for either
    assert not (folder / "manifest.json").exists()
    assert exported(lake, "web", "killed", dialect="refinex").written == 1
    assert exported(lake, "web", "killed").manifest == done.manifest
    assert not (folder / "_unfinished").exists()


def test_an_index_of_where_the_files_are_is_kept_by_the_lake(tmp_path):
    run = all_fates(tmp_path)
    done = exported(run.lake, run.corpus)
    export = export_of(run.lake, "programs", "export")
    assert export is not None
    assert (export.url, export.corpora) == (done.folder.root, (run.corpus,))
    assert done.manifest.shards[0].shard == KEY


def test_a_withdrawal_finds_it_and_takes_the_document_out(tmp_path):
    lake, _ = corpus_of(tmp_path)
    done = exported(lake, "web")
    gone = read(done)[3]
    remember(lake, Withdrawal(WithdrawnBy.URL, gone["url"], "asked to"))
    [held] = look_into_exports(lake, withdrawn(lake))
    assert (held.name, held.problem) == ("programs export", "")
    found = {each.doc_id for *_, each in held.documents}
    assert found == {row["doc_id"] for row in read(done) if row["url"] == gone["url"]}
    assert forget(lake, held) == len(found) == 2
    [held] = look_into_exports(lake, withdrawn(lake))
    assert held.documents == ()
    done.folder.remove("manifest.json")
    [held] = look_into_exports(lake, withdrawn(lake))
    assert "finish it" in held.problem
