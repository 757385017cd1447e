"""Build a lake of any size quickly: `python -m benchmarks.synthetic_lake --output DIR --shards 1000`.

One shard of made-up pages is really refined, with `rules`. The other shards are copies of its tables with their own
shard names, document ids and execution ids, written by the lake's own writer. Footers, manifests, row order and
compression are therefore those of a real lake.
"""

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.support.arguments import command_parser, positive
from prox_assets.corpora.document import document_id
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.appended import LATEST
from prox_assets.lake.schemas import EXECUTION_TABLES, SCHEMAS, Table
from prox_assets.lake.table_files import FileStamp
from prox_assets.refiners.presets import preset
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards, known_shards
from prox_assets.stages.running.pipeline import refine_shards

CORPUS = "synthetic"
DOCUMENTS_PER_SHARD = 1_000
RUN = "synthetic-run"
_TOPICS = (
    "rivers",
    "bridges",
    "orchards",
    "lanterns",
    "harbours",
    "ledgers",
    "violins",
    "glaciers",
    "markets",
    "kilns",
)
_VERBS = ("describe", "measure", "restore", "compare", "gather", "explain", "remember", "visit", "repair", "collect")
_MENU = ("Home", "About us", "Contact", "Privacy policy", "Log in", "Share on Facebook", "Subscribe to our newsletter")


def page(rng: random.Random, number: int) -> dict[str, str]:
    """Return a made-up page with its URL: menus around paragraphs."""
    site = f"site{rng.randrange(500)}.example"
    sentences = [
        f"The {rng.choice(_TOPICS)} of the {rng.choice(_TOPICS)} {rng.choice(_VERBS)} what the people of the "
        f"{rng.choice(_TOPICS)} have seen, and in {rng.randrange(1700, 2000)} they were {rng.choice(_VERBS)}d again."
        for _ in range(rng.randrange(3, 12))
    ]
    menus = [rng.sample(_MENU, rng.randrange(1, 4)) for _ in range(2)]
    middle = len(sentences) // 2
    lines = [*menus[0], *sentences[:middle], rng.choice(_MENU), *sentences[middle:], *menus[1]]
    return {"text": "\n".join(lines), "url": f"https://{site}/page/{number}"}


def make_lake(folder: Path, shards: int, documents: int = DOCUMENTS_PER_SHARD, seed: int = 0) -> Lake:
    """Write a lake with one corpus, CORPUS.

    Args:
        folder: The lake's folder; must not contain CORPUS yet.
        shards: Number of shards.
        documents: Documents per shard.
        seed: Seed of the made-up pages.
    """
    lake = Lake(str(folder))
    with tempfile.TemporaryDirectory() as work:
        template = _refined_shard(Path(work), documents, seed)
        for number in range(shards):
            _write_copy(lake, template, f"part-{number:05d}.jsonl")
    return lake


def _refined_shard(work: Path, documents: int, seed: int) -> dict[Table, tuple[pa.Table, dict[str, str]]]:
    """Refine one shard; return its tables and the metadata in their footers."""
    rng = random.Random(seed)
    pages = work / "template.jsonl"
    with pages.open("w", encoding="utf-8") as file:
        for number in range(documents):
            file.write(json.dumps(page(rng, number)) + "\n")
    lake = Lake(str(work / "lake"))
    plan = RefinementPlan(source=CorpusSource(name=CORPUS, urls=[str(pages)]), refiners=preset("rules"))
    discover_shards(lake, plan, RUN)
    [shard] = known_shards(lake, CORPUS)
    done = refine_shards(
        lake,
        plan,
        list(known_shards(lake, CORPUS).values()),
        RUN,
        report=lambda _stage, _key: lambda _done, _total: None,
    )
    if done.errors:
        raise RuntimeError(f"the template shard failed: {done.errors}")
    tables: dict[Table, tuple[pa.Table, dict[str, str]]] = {}
    for table in set(Table) - LATEST.keys():  # those have no file per shard
        with lake.storage.open(lake.table_path(CORPUS, table, shard)) as file:
            parquet = pq.ParquetFile(file)
            footer = {k.decode(): v.decode() for k, v in (parquet.metadata.metadata or {}).items()}
            tables[table] = (parquet.read().cast(SCHEMAS[table]), footer)
    return tables


def _write_copy(lake: Lake, template: dict[Table, tuple[pa.Table, dict[str, str]]], shard: str) -> None:
    execution = f"execution-{shard}"
    rows_of_source = template[Table.DOCUMENTS][0]["source_row"].to_pylist()
    ids = {row: document_id(CORPUS, shard, row) for row in rows_of_source}
    for table, (rows, footer) in template.items():
        changed: dict[str, Any] = {"shard": shard, "source_file": shard, "execution_id": execution}
        for name in rows.column_names:
            if name in changed:
                rows = _with(rows, name, pa.array([changed[name]] * rows.num_rows, rows.schema.field(name).type))
            elif name == "doc_id":
                rows = _with(rows, name, pa.array([ids[row] for row in rows["source_row"].to_pylist()], pa.string()))
        stamp = FileStamp(
            footer["prox.fingerprint"], footer["prox.identity"], RUN, footer["prox.code_version"], execution
        )
        with lake.write(CORPUS, shard, [table], stamp) as [writer]:
            writer.write_table(rows)
            writer.notes.update(json.loads(footer["prox.notes"]))
            if table in EXECUTION_TABLES and "execution_id" in writer.notes:
                writer.notes["execution_id"] = execution
    counts = {str(table): template[table][0].num_rows for table in EXECUTION_TABLES}
    lake.write_manifest(CORPUS, shard, execution, RUN, counts)


def _with(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), rows.schema.field(name), values)


def main() -> None:
    """Write a lake and print its size."""
    parser = command_parser("synthetic_lake", __doc__, pages=False)
    parser.add_argument("--output", type=Path, required=True, help="folder of the lake")
    parser.add_argument("--shards", type=positive, default=1_000, help="number of shards (1000)")
    parser.add_argument("--documents", type=positive, default=DOCUMENTS_PER_SHARD, help="documents per shard (1000)")
    arguments = parser.parse_args()
    lake = make_lake(arguments.output, arguments.shards, arguments.documents)
    print(f"{lake.url}: {arguments.shards:,} shards, {arguments.shards * arguments.documents:,} documents")


if __name__ == "__main__":
    main()
