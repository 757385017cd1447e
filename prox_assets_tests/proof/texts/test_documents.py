"""The documents of a proof: all of them, in one order, and no site on two sides."""

import json
from pathlib import Path

import polars as pl
import pytest

from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.schemas import Table
from prox_assets.programs.scripts import is_mostly_outside
from prox_assets.proof.errors import ProofError
from prox_assets.proof.tables import DOCUMENTS
from prox_assets.proof.texts.documents import DocumentTable, training_texts, write_documents
from prox_assets_tests.catalog.refined_lakes import PAGES, Page, refine_pages
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.proof.refined_sample import proof_of, refine


def site_pages(sites: int, of_each: int = 3) -> tuple[Page, ...]:
    return tuple(
        Page(f"page {page} of site {site}", url=f"https://www.site{site}.example/{page}")
        for page in range(of_each)
        for site in range(sites)
    )


def test_every_document_is_there_once_in_order_and_sites_are_on_one_side(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    for shard in ("one.jsonl", "two.jsonl"):
        refine_pages(lake, tmp_path / "raw", site_pages(40), shard=shard)
    settings, folder = proof_of(tmp_path / "proof", corpus="web", seed=3)
    notes = write_documents(lake, settings, folder)
    table = pl.read_parquet(folder.documents())
    assert table.columns == DOCUMENTS.names
    assert table["position"].to_list() == list(range(240))
    stored = lake.scan("web", Table.DOCUMENTS).select("shard", "doc_id", "source_row", pl.col("text").str.len_chars())
    assert table.select("shard", "doc_id", "source_row", text="characters").rows() == stored.collect().rows()
    sides = table.group_by("site").agg(pl.col("held_out").unique())
    assert sides.height == 40
    assert sides["held_out"].list.len().max() == 1
    assert set(sides["site"]) == {f"site{site}.example" for site in range(40)}
    assert 2 <= notes.held_out_sites <= 18  # of 40, a quarter on average
    assert (notes.documents, notes.held_out) == (240, 6 * notes.held_out_sites)
    held_out = set(table.filter(pl.col("held_out"))["site"])
    raw = set(training_texts(lake, folder))
    assert raw == {page.text for page in site_pages(40) if f"site{page.text.split()[-1]}.example" not in held_out}

    assert write_documents(lake, settings, folder) == notes
    other = write_documents(lake, settings.model_copy(update={"seed": 4}), folder)
    assert set(pl.read_parquet(folder.documents()).filter(pl.col("held_out"))["site"]) != held_out
    assert other.identity != notes.identity


def test_documents_that_a_refiner_failed_on_are_in_no_arm(tmp_path: Path) -> None:
    pages = (*site_pages(16), Page("it failed", error="no answer", url="https://site0.example/failed"))
    lake = lake_at(tmp_path / "lake")
    refine_pages(lake, tmp_path / "raw", pages)
    settings, folder = proof_of(tmp_path / "proof", {"kind": "refined"}, corpus="web")
    notes = write_documents(lake, settings, folder)
    assert notes.quarantined == {"web": 1}
    assert notes.documents == len(pages) - 1
    assert DocumentTable(folder).notes == notes
    without, _ = proof_of(tmp_path / "proof", corpus="web")
    assert write_documents(lake, without, folder).documents == len(pages)  # no arm asks that refiner


def test_sites_are_those_of_a_column_or_of_the_address_or_the_documents_themselves(tmp_path: Path) -> None:
    rows = [
        {"text": "a", "url": "https://host.example/1", "owner": "one"},
        {"text": "b", "url": "https://host.example/2", "owner": 2},
        {"text": "c", "url": "https://host.example/3", "owner": None},
        {"text": "d", "url": None},
    ]
    rows += [{"text": "more", "url": f"https://{name}.example", "owner": name} for name in "efghijkl"]
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    lake = lake_at(tmp_path / "lake")
    refine(lake, CorpusSource(name="web", urls=[str(tmp_path / "rows.jsonl")]))
    settings, folder = proof_of(tmp_path / "proof", corpus="web", text={"site": "owner", "held_out": 0.5})
    write_documents(lake, settings, folder)
    table = pl.read_parquet(folder.documents())
    assert table["site"].to_list()[:4] == ["one", "2", "host.example", table["doc_id"][3]]
    misspelt = settings.model_copy(update={"text": settings.text.model_copy(update={"site": "onwer"})})
    with pytest.raises(ProofError, match="'onwer'"):
        write_documents(lake, misspelt, folder)
    assert pl.read_parquet(folder.documents()).equals(table), "a failed attempt leaves the table as it was"


def test_documents_in_other_scripts_are_in_no_arm(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    refine(lake)
    settings, folder = proof_of(tmp_path / "proof", text={"held_out": 0.4})
    every = write_documents(lake, settings, folder)
    assert every.other_scripts == 0
    settings, folder = proof_of(tmp_path / "latin", text={"held_out": 0.4, "scripts": ["latin"]})
    latin = write_documents(lake, settings, folder)
    assert latin.other_scripts > 5
    assert latin.documents == every.documents - latin.other_scripts
    assert latin.identity != every.identity
    raw = [text for text in training_texts(lake, folder) if text.strip()]
    assert not any(is_mostly_outside(text, ["latin"]) for text in raw)
    with pytest.raises(ValueError, match="no script is called latn"):
        proof_of(tmp_path, text={"scripts": ["latn"]})


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    lake = lake_at(tmp_path / "lake")
    settings, folder = proof_of(tmp_path / "proof", {"kind": "refined"}, corpus="web")
    with pytest.raises(ProofError, match="no corpus web; it has none"):
        write_documents(lake, settings, folder)
    refine_pages(lake, tmp_path / "raw", PAGES[:1])
    with pytest.raises(ProofError, match=r"[01] of 1 sites are"):
        write_documents(lake, settings, folder)
    lake.storage.remove(lake.manifest_path("web", "one.jsonl"))
    with pytest.raises(
        ProofError, match=r"refined_shards of shard 'one\.jsonl' of corpus web is stale: run `prox refine`"
    ):
        write_documents(lake, settings, folder)
    assert not folder.documents().exists()


def test_refined_text_of_a_corpus_that_is_not_compared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="refined text for wep, which is not among the corpora"):
        proof_of(tmp_path, {"kind": "refined", "corpora": {"wep": "web_lines"}}, corpus="web")
