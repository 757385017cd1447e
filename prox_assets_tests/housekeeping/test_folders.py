"""Folders of labs and proofs: the rows of withdrawn documents go, and a proof that had one is emptied."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prox_assets.housekeeping.folders import clean_folder
from prox_assets.lake.records.withdrawn import Withdrawal, Withdrawn, WithdrawnBy
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.tables import DOCUMENTS
from prox_assets.training.data.seeds import SEED_DOCUMENTS
from prox_assets.training.data.tables import read_table, write_table

ASKED = Withdrawn([Withdrawal(WithdrawnBy.URL, "https://example.org/1", "")])


def test_rows_of_a_lab_go(tmp_path: Path) -> None:
    table, answers = tmp_path / "lab" / "doc" / "training_set.parquet", tmp_path / "lab" / "doc" / "answers.jsonl"
    table.parent.mkdir(parents=True)
    rows = [{"doc_id": "x", "text": "a"}, {"doc_id": "y", "url": "http://example.org/1/"}, {"doc_id": "z", "text": "c"}]
    write_table(table, SEED_DOCUMENTS, rows)
    answers.write_text("".join(json.dumps({"doc_id": name, "answer": "é"}) + "\n" for name in "xyz"), encoding="utf-8")
    places = [Path(each.place).name for each in clean_folder(tmp_path, ASKED, {"x"})]
    assert places == ["training_set.parquet", "answers.jsonl"]
    assert [row["doc_id"] for row in read_table(table)] == ["z"]
    assert [json.loads(line)["doc_id"] for line in answers.read_text(encoding="utf-8").splitlines()] == ["y", "z"]
    assert list(clean_folder(tmp_path, ASKED, {"x"})) == []


def test_a_damaged_file_is_told_and_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"doc_id": "\xff"}\n')
    (tmp_path / "documents.parquet").write_bytes(b"PAR1 rubbish")
    (tmp_path / "z.jsonl").write_text('{"doc_id": "x"}\n')
    cleaned = list(clean_folder(tmp_path, ASKED, {"x"}))
    assert {Path(each.place).name: each.failed for each in cleaned} == {
        "documents.parquet": True,
        "a.jsonl": True,
        "z.jsonl": False,
    }
    assert (tmp_path / "z.jsonl").read_text() == ""


def test_the_lake_below_a_folder_is_left_alone(tmp_path: Path) -> None:
    record = tmp_path / "lake" / "_withdrawn" / "removed" / "a.parquet"
    record.parent.mkdir(parents=True)
    pq.write_table(pa.table({"doc_id": ["x"]}), record)
    assert list(clean_folder(tmp_path, ASKED, {"x"}, without=tmp_path / "lake")) == []
    assert pq.read_table(record).num_rows == 1


@pytest.mark.parametrize("doc_id", ["x", "elsewhere"])
def test_a_proof_that_had_a_document_is_emptied_and_keeps_its_models(tmp_path: Path, doc_id: str) -> None:
    proof = ProofFolder(tmp_path / "proof")
    row = {"position": 0, "corpus": "web", "shard": "a", "doc_id": "x", "source_row": 0, "site": "s", "held_out": False}
    pq.write_table(pa.Table.from_pylist([{**row, "characters": 3}], DOCUMENTS), proof.documents())
    texts = [proof.arm("raw"), proof.tokens("raw") / "tokens.bin", proof.evaluation("gold"), proof.report()]
    for path in texts:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"") if path.suffix != ".parquet" else pq.write_table(pa.table({"a": [1]}), path)
    model = tmp_path / "proof" / "models" / "raw" / "model.safetensors"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"")
    cleaned = list(clean_folder(tmp_path, ASKED, {doc_id}))
    is_emptied = doc_id == "x"
    assert [Path(each.place).name for each in cleaned] == ["proof"] * is_emptied
    assert [path.exists() for path in (proof.documents(), *texts)] == [not is_emptied] * 5
    assert model.exists()
