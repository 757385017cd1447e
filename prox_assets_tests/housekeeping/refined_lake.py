"""Two shards of pages by two sites, refined, and what else of a lake holds documents; and how to find a text in it."""

import io
import uuid
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.catalog.compaction import compact
from prox_assets.corpora.document import text_hash
from prox_assets.lake.exports import Export, record_export
from prox_assets.lake.judgements import append_judgement
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.lake.withdrawn import FOLDER
from prox_assets.monitoring.report.write import write_report
from prox_assets.refiners.presets import preset
from prox_assets.stages.discovery import discover_shards
from prox_assets.stages.pipeline import PipelineResult, refine_shards
from prox_assets.stages.plan import RefinementPlan
from prox_assets_tests.lakes import files_of, lake_at
from prox_assets_tests.stages.shard_runs import make_plan, write_pages

NAMED = "Zanzibar"
PROSE = """The house stood at the end of a long road that nobody had used for years, and the garden had grown wild.
In the summer the children of the village came up the hill to look at it, and they told each other stories about it.
One of them said that a sailor had lived there with his dog, and that he had never spoken to any of the neighbours.
Another had heard from her grandmother that the rooms were full of maps, which he had drawn of places he had not seen.
When the roof fell in at last, the mayor sent two men with a cart, and they found nothing but dust and an old clock."""
PAGES = [
    f"Home | About | Login\n{PROSE}\nThe first page ends here, with a sentence of its own that belongs to it.\nShare",
    f"Home | About | Login\n{PROSE}\n{NAMED} is named on this page only, and its author wants it to be gone.\nShare",
    f"Home | About | Login\n{PROSE}\nThe third page has another ending, in which the clock begins to strike.\nShare",
]
URL = "https://example.org/1"


def plan_of(folder: Path, refiner: str = "rules") -> RefinementPlan:
    return make_plan(folder / "raw", refiners=preset(refiner))


def write_raw(folder: Path) -> None:
    """Write shard `a` with the page that will be withdrawn, and shard `b` without it."""
    write_pages(folder / "raw" / "a.jsonl", PAGES)
    write_pages(folder / "raw" / "b.jsonl", [text.replace("page", "leaf") for text in (PAGES[0], "Home", PAGES[2])])


def refined_lake(folder: Path) -> Lake:
    write_raw(folder)
    lake = lake_at(folder / "lake")
    refine(lake, folder)
    return lake


def refine(lake: Lake, folder: Path, refiner: str = "rules") -> PipelineResult:
    plan = plan_of(folder, refiner)
    shards = discover_shards(lake, plan, "run").shards
    result = refine_shards(lake, plan, shards, f"run-{uuid.uuid4().hex}", report=lambda *_: lambda *_: None)
    assert result.errors == {}
    return result


def document(lake: Lake, shard: str = "a.jsonl", row: int = 1) -> dict[str, Any]:
    return next(each for each in lake.rows("web", Table.DOCUMENTS, shard) if each["source_row"] == row)


def everything_else(lake: Lake) -> None:
    """Add what may hold a document beside tables: judgements, compactions, a report, an export, a selector's scores."""
    page = document(lake)
    names = SCHEMAS[Table.JUDGEMENTS].names
    row = {name: page.get(name) for name in names if name != "code_version"}
    append_judgement(
        lake, {**row, "judged_at": datetime.now(UTC), "judge": "me", "judgement": "bad_edit", "note": NAMED}
    )
    compact(lake, "web")
    write_report(lake, "web")
    scores = pa.table({"doc_id": [page["doc_id"], "0"], "score": [1.0, 2.0]})
    with lake.storage.new_files(["_proofs/proof/selector_scores/dsir.parquet"]) as [file]:
        pq.write_table(scores, file)
    export = Export("dataset", "pages", lake.storage.uri("_published/pages"), ("web",))
    record_export(lake, export)
    write_export(export, [page, document(lake, "b.jsonl", 0)])


def write_export(export: Export, rows: list[dict[str, Any]]) -> None:
    columns = ("corpus", "shard", "doc_id", "url", "text_hash", "text")
    storage = export.open()
    with storage.new_files(["data.parquet", "manifest.json"]) as [data, manifest]:
        pq.write_table(pa.Table.from_pylist([{name: row[name] for name in columns} for row in rows]), data)
        manifest.write_text("{}")


class PublishedFolder:
    """A room that writes exports of one Parquet file."""

    def documents_of(self, export: Export) -> Iterator[pl.DataFrame]:
        yield pl.read_parquet(io.BytesIO(export.open().read_bytes("data.parquet") or b"")).drop("text")

    def forget_documents(self, lake: Lake, export: Export, doc_ids: Collection[str]) -> int:
        rows = pl.read_parquet(io.BytesIO(export.open().read_bytes("data.parquet") or b""))
        write_export(export, rows.filter(~pl.col("doc_id").is_in(list(doc_ids))).to_dicts())
        return int(rows["doc_id"].is_in(list(doc_ids)).sum())


def places_of(lake: Lake, words: Collection[str]) -> list[str]:
    """Return the files that hold one of some words, compressed or not; records of withdrawals aside."""
    return [
        path
        for path, data in files_of(lake).items()
        if not path.startswith(f"{FOLDER}/") and any(word in readable(path, data) for word in words)
    ]


def readable(path: str, data: bytes) -> str:
    if not path.endswith(".parquet"):
        return data.decode(errors="replace")
    file = io.BytesIO(data)
    return f"{pq.read_table(file).to_pylist()}{pq.read_metadata(file).metadata}"


def words_of(page: dict[str, Any]) -> list[str]:
    """Return what must not be anywhere: the id, the hash of the text, and a word of the text."""
    assert page["text_hash"] == text_hash(page["text"])
    return [page["doc_id"], page["text_hash"], NAMED]
