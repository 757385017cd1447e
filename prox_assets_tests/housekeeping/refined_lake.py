"""Two shards of pages by two sites, refined, and what else of a lake holds documents; and how to find a text in it."""

import io
import uuid
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.catalog.compaction import compact
from prox_assets.corpora.document import text_hash
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.judgements import append_judgement
from prox_assets.lake.records.proofs import SELECTOR_SCORES_SCHEMA
from prox_assets.lake.records.withdrawn import FOLDER
from prox_assets.lake.schemas import SCHEMAS, Table
from prox_assets.monitoring.report.write import write_report
from prox_assets.publishing.publish import publish
from prox_assets.publishing.settings import PublishedSource, PublishSettings
from prox_assets.refiners.presets import preset
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.running.pipeline import PipelineResult, refine_shards
from prox_assets.tokens.settings import Format, TableSource, TokenSettings
from prox_assets.tokens.writing.write import write_manifest, write_tokens
from prox_assets_tests.lakes import files_of, lake_at
from prox_assets_tests.stages.shard_runs import make_plan, write_pages
from prox_assets_tests.tokens.token_lakes import llama_like

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
PUBLISHED = PublishSettings(
    name="pages",
    corpora=("web",),
    include=("text", "programs"),
    sources=(PublishedSource(name="Pages of the test", licence="cc0-1.0"),),
)
FORMATS: tuple[Format, ...] = ("megatron", "datatrove", "parquet_documents")


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


def everything_else(lake: Lake, folder: Path) -> None:
    """Add what may hold a document beside tables: judgements, compactions, a report, exports, a selector's scores."""
    page = document(lake)
    names = SCHEMAS[Table.JUDGEMENTS].names
    row = {name: page.get(name) for name in names if name != "code_version"}
    append_judgement(
        lake, {**row, "judged_at": datetime.now(UTC), "judge": "me", "judgement": "bad_edit", "note": NAMED}
    )
    compact(lake, "web")
    write_report(lake, "web")
    rows = [{name: (page | {"score": 1.0}).get(name) for name in SELECTOR_SCORES_SCHEMA.names}]
    scores = pa.Table.from_pylist([*rows, {**rows[0], "doc_id": "0"}], SELECTOR_SCORES_SCHEMA)
    with lake.storage.new_files(["_proofs/proof/selector_scores/dsir.parquet"]) as [file]:
        pq.write_table(scores, file)
    publish(lake, PUBLISHED)
    write_tokens(lake, tokens := token_settings(folder))
    write_manifest(lake, tokens)


def token_settings(folder: Path) -> TokenSettings:
    source = TableSource(corpora=("web",))
    return TokenSettings(name="web", source=source, tokenizer=str(llama_like(folder / "tokenizer")), formats=FORMATS)


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
