"""What a run costs, stage by stage: processor seconds, each stage's share, and the functions that take them.

    python -m benchmarks.stage_costs --pages FILE [--limit N] [--model-limit N] [--top N]

The pages are refined into lakes of their own in a temporary folder, by the stages that `prox refine` runs, with `rules`
and with the bundled refiner (of which a document's forward passes cost a second or so: --model-limit). Each run is done
twice: plainly for the seconds, then under cProfile for the functions, by their own time. "main thread" is the Python of
the stage; what other threads took is the model's forward pass, or polars in the last stage.
"""

import argparse
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.support.pages import default_pages_path, read_pages
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.refiners.presets import preset
from prox_assets.stages.chunk_programs import write_chunk_programs
from prox_assets.stages.discovery import discover_shards
from prox_assets.stages.doc_programs import write_document_programs
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.raw_shards import read_raw_shard
from prox_assets.stages.refined_shards import refine_shard
from prox_assets.stages.run import ShardRun

Stage = Callable[[ShardRun], object]
T = TypeVar("T")


def main(arguments: list[str] | None = None) -> int:
    """Print the tables of both refiners; return 0, or 1 where there are no pages."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stage_costs", description=__doc__)
    parser.add_argument("--pages", type=Path, default=default_pages_path(), required=default_pages_path() is None)
    parser.add_argument("--limit", type=int, default=300, help="pages for `rules`")
    parser.add_argument("--model-limit", type=int, default=30, help="pages for the bundled refiner; 0 leaves it out")
    parser.add_argument("--top", type=int, default=3, help="functions to name for each stage")
    options = parser.parse_args(arguments)
    texts = [page.text for page in read_pages(options.pages)]
    if not texts:
        print(f"stage_costs: {options.pages} holds no pages", file=sys.stderr)
        return 1
    for refiner, limit in (("rules", options.limit), ("bundled", options.model_limit)):
        if limit > 0:
            _measure(refiner, texts[:limit], options.top)
    return 0


def _measure(refiner: str, texts: list[str], top: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shard = Path(folder) / "pages.parquet"
        pq.write_table(pa.table({"text": texts, "url": [""] * len(texts)}), shard)
        seconds = _run(refiner, shard, Path(folder) / "plain", _plainly)
        profiles = _run(refiner, shard, Path(folder) / "profiled", _profiled)
    whole = sum(total for total, _ in seconds.values())
    print(f"\n{refiner}: {len(texts):,} pages, {sum(map(len, texts)):,} characters, {whole:.2f} CPU seconds\n")
    print("| stage | CPU seconds | share | main thread | functions (own seconds under the profiler) |")
    print("|---|---|---|---|---|")
    for name, (total, own) in seconds.items():
        functions = "; ".join(_largest(profiles[name], top))
        print(f"| {name} | {total:.2f} | {total / whole:.0%} | {own:.2f} | {functions} |", flush=True)


def _run(refiner: str, shard: Path, lake_folder: Path, measured: Callable[[Callable[[], object]], T]) -> dict[str, T]:
    """Take a shard through every stage; return what `measured` says of each."""
    pair = preset(refiner)
    plan = RefinementPlan(source=CorpusSource(name="pages", urls=[str(shard)]), refiners=pair, policy=pair.policy())
    lake = Lake(str(lake_folder))
    [found] = discover_shards(lake, plan, "stage-costs").shards
    run = ShardRun(lake, plan, found.key, "stage-costs")
    with plan.session("doc") as document, plan.session("chunk") as chunk:
        stages: dict[str, Stage] = {
            "read (raw_shards)": read_raw_shard,
            "documents (doc_programs)": partial(write_document_programs, session=document),
            "chunks (chunk_programs)": partial(write_chunk_programs, session=chunk),
            "execute (refined_shards)": refine_shard,
            "measure (quality_metrics)": measure_shard,
        }
        if plan.needs_engine:  # loading a model is no cost of a page
            document.document_refiner()
            chunk.chunk_refiner()
        return {name: measured(partial(stage, run)) for name, stage in stages.items()}


def _plainly(work: Callable[[], object]) -> tuple[float, float]:
    """Return the processor seconds of all threads and of this one."""
    everyone, own = time.process_time(), time.thread_time()
    work()
    return time.process_time() - everyone, time.thread_time() - own


def _profiled(work: Callable[[], object]) -> pstats.Stats:
    # Processor time of this thread: a profiler that reads the clock would call waiting for the model work.
    profile = cProfile.Profile(time.thread_time)
    profile.runcall(work)
    return pstats.Stats(profile)


def _largest(stats: pstats.Stats, top: int) -> list[str]:
    """Name the functions with the most time of their own."""
    by_own = sorted(stats.get_stats_profile().func_profiles.items(), key=lambda item: -item[1].tottime)[:top]
    return [f"`{name.strip('<>').replace('|', '/')}` {found.tottime:.2f}" for name, found in by_own]


if __name__ == "__main__":
    sys.exit(main())
