"""The table of a selector's scores."""

from pathlib import Path

import polars as pl

from prox_assets.catalog.connection import ask_catalog
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.proofs import SELECTOR_SCORES_SCHEMA
from prox_assets.proof.selectors.scores import DocumentToScore, score_documents, scores_path, write_scores
from prox_assets.refiners.selector.dsir import DsirRecord, DsirSelector

SELECTOR = DsirSelector.fit(
    ["the river and the mill"], ["buy now and buy more"], DsirRecord(ngrams=2, buckets=1000, gumbel=False, seed=0)
)


def test_scores_lie_in_the_lake_with_their_documents_and_reasons(tmp_path: Path) -> None:
    documents = [
        DocumentToScore("pages", shard, f"{shard}/{row}", row, text)
        for shard in ("a", "b")
        for row, text in enumerate(["the mill", "buy now", ""])
    ]
    table = score_documents(SELECTOR, iter([documents[:2], [], documents[2:]]))
    assert table.schema.equals(SELECTOR_SCORES_SCHEMA, check_metadata=True)
    lake = Lake(str(tmp_path))
    write_scores(lake, "proof", "like_gold", table)
    rows = pl.read_parquet(tmp_path / scores_path("proof", "like_gold"))
    assert rows["doc_id"].to_list() == [document.doc_id for document in documents]
    assert rows["source_row"].to_list() == [0, 1, 2] * 2
    assert rows["score"].to_list() == SELECTOR.score([document.text for document in documents])
    assert rows["selector"].unique().to_list() == ["dsir"]
    assert rows["reason"][2] == "log importance weight: 0"
    assert lake.corpora() == []  # a proof is no corpus
    query = "SELECT proof, arm, doc_id, score FROM selector_scores ORDER BY doc_id"
    shown = ask_catalog(lake, lambda con: con.sql(query).fetchall(), only=["selector_scores"])
    assert shown == [("proof", "like_gold", *row) for row in rows.select("doc_id", "score").sort("doc_id").rows()]


def test_no_documents_make_an_empty_table() -> None:
    assert score_documents(SELECTOR, []).schema.equals(SELECTOR_SCORES_SCHEMA)
