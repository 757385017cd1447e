"""A corpus of a few texts on disk, read into a lake, ready for the stages that follow."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.schemas import Table
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.config import RefinerConfig, RefinerPair
from prox_assets.refiners.presets import preset
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.inference.program_table import InferenceSummary
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.lakes import lake_at
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments, FakeSession

KEY = "pages.jsonl"


def write_pages(path: Path, texts: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (json.dumps({"text": text, "url": f"https://example.org/{n}"}) for n, text in enumerate(texts))
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def make_plan(pages: Path, **changes: Any) -> RefinementPlan:
    return RefinementPlan(
        source=CorpusSource(name="web", urls=[str(pages)]), **{"refiners": preset("rules"), **changes}
    )


def with_policy(run: ShardRun, **changes: Any) -> ShardRun:
    """Return the run under another policy, in a plan made anew: a copy would bring along what the old one cached."""
    fields = {name: getattr(run.plan, name) for name in RefinementPlan.model_fields}
    return replace(run, plan=RefinementPlan(**{**fields, "policy": ExecutionPolicy(**changes)}))


def with_floor(floor: float, dialect: str = "prox") -> RefinerPair:
    """A pair whose chunk refiner has a floor of its own; what is inferred is up to the test's fake."""
    chunk = RefinerConfig(name="chunk", level="chunk", model="no/model", chunk_floor=floor, dialect=dialect)  # type: ignore[arg-type]
    return RefinerPair(name="fake", doc=None, chunk=chunk)


def read_shard_of(folder: Path, texts: list[str], run_id: str = "run-1", **changes: Any) -> ShardRun:
    """Write the texts as one file, discover it and read it."""
    pages = write_pages(folder / KEY, texts)
    return read_pages(folder, pages, run_id, **changes)


def read_pages(folder: Path, pages: Path, run_id: str = "run-1", **changes: Any) -> ShardRun:
    lake = lake_at(folder / "lake")
    plan = make_plan(pages, **changes)
    discover_shards(lake, plan, run_id)
    run = ShardRun(lake, plan, KEY, run_id)
    read_raw_shard(run)
    return run


def infer(
    run: ShardRun, documents: FakeDocuments | None = None, chunks: FakeChunks | None = None
) -> tuple[InferenceSummary, InferenceSummary]:
    """Run both program stages with fakes; by default they keep everything."""
    first = write_document_programs(run, FakeSession("doc", documents or FakeDocuments()))
    second = write_chunk_programs(run, FakeSession("chunk", chunks or FakeChunks()))
    return first, second


def rows(run: ShardRun, table: Table, *, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name not in without}
        for row in run.lake.rows(run.corpus, table, run.shard)
    ]
