"""Lakes of a few refined pages, made by the real stages from given programs, in a folder or on an object store."""

import json
from dataclasses import dataclass
from pathlib import Path

from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.presets import preset
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.stages.fake_refiners import FakeChunks, FakeDocuments
from prox_assets_tests.stages.shard_runs import infer


@dataclass(frozen=True)
class Page:
    """A page and what its refiners answer: P(keep), and the program of its only chunk."""

    text: str
    program: str = "keep_chunk()"
    keep: float = 0.9
    url: str | None = "https://example.org/page"
    error: str | None = None
    id: str | None = None


PAGES = (
    Page("keep me as I am"),
    Page(
        "Home\nabout rivers\nHome",
        'remove_lines(0, 0)\nremove_lines(2, 2)\nnormalize(source_str=" rivers", target_str="")',
    ),
    Page("Home\nabout hills", "remove_lines(0, 0)", url="https://www.example.org/hills"),
    Page("Log in\nHome\nabout trees", "remove_lines(0, 1)", keep=0.6, url="http://user@Trees.example:8080/x"),
    Page("broken\nprogram", "remove_lines(0, 0)\nremove_lines(5, 9)", keep=0.75, url=None),
    Page("unreadable", "what?"),
    Page("loops", "keep_chunk()\n" * 8),
    Page("nothing left", "remove_lines(0, 0)", keep=0.7),
    Page("dropped", "", keep=0.04),
)


def refine_pages(
    lake: Lake,
    folder: Path,
    pages: tuple[Page, ...] = PAGES,
    *,
    corpus: str = "web",
    shard: str = "one.jsonl",
    bad_rows: int = 0,
    policy: ExecutionPolicy | None = None,
    refiners: RefinerPair | None = None,
) -> ShardRun:
    """Take pages through every stage, as one shard of a corpus; a shard of that name is replaced.

    Args:
        lake: Where to.
        folder: Of the raw files.
        pages: What the shard holds; each text once.
        corpus: Name of the corpus.
        shard: Name of the raw file.
        bad_rows: Rows at its end that cannot be read.
        policy: How programs are executed; if None, so that what is emptied is dropped.
        refiners: Says in which dialect the programs are; ProX by default.
    """
    folder.mkdir(parents=True, exist_ok=True)
    named = ({"text": page.text, "url": page.url, **({"id": page.id} if page.id else {})} for page in pages)
    rows = map(json.dumps, named)
    (folder / shard).write_text("".join(f"{row}\n" for row in rows) + "{broken\n" * bad_rows)
    source = CorpusSource(name=corpus, urls=[str(folder / "*.jsonl")])
    policy = policy or ExecutionPolicy(on_empty="drop")
    plan = RefinementPlan(source=source, refiners=refiners or preset("rules"), policy=policy)
    discover_shards(lake, plan, "run-1")
    run = ShardRun(lake, plan, shard, "run-1", force=True)
    read_raw_shard(run)
    answers = {page.text: page for page in pages}
    infer(
        run,
        FakeDocuments(probability=lambda text: answers[text].keep),
        FakeChunks(program=lambda text: answers[text].program, error=lambda text: answers[text].error),
    )
    refine_shard(run)
    if not plan.needs_engine:  # else tokens would be counted with the tokenizer of a model that is not there
        measure_shard(run)
    return run
