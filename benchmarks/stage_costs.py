"""CPU seconds of each stage, its share of the run, and its most expensive functions.

    python -m benchmarks.stage_costs --pages FILE [--limit N] [--model-limit N] [--top N]

Refines the pages into temporary lakes with the stages of `prox refine`: once with `rules`, once with the bundled
refiner, whose forward passes take a second or so per document (hence --model-limit). Each run is repeated: plain for
the seconds, then under cProfile for the functions with the most time of their own. "main thread" is the stage's Python
code; other threads run the model's forward pass, or polars in the last stage.
"""

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

from benchmarks.support.arguments import command_parser
from benchmarks.support.pages import read_pages
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.refiners.presets import preset
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun

Stage = Callable[[ShardRun], object]
T = TypeVar("T")


def main(arguments: list[str] | None = None) -> int:
    """Print a table for each refiner; return 1 if there are no pages."""
    parser = command_parser("stage_costs", __doc__)
    parser.add_argument("--limit", type=int, default=300, help="pages for `rules` (300)")
    parser.add_argument("--model-limit", type=int, default=30, help="pages for the bundled refiner, or 0 (30)")
    parser.add_argument("--top", type=int, default=3, help="functions to name per stage (3)")
    options = parser.parse_args(arguments)
    texts = [page.text for page in read_pages(options.pages)]
    if not texts:
        print(f"stage_costs: {options.pages} has no pages", file=sys.stderr)
        return 1
    for refiner, limit in (("rules", options.limit), ("bundled", options.model_limit)):
        if limit > 0:
            _measure(refiner, texts[:limit], options.top)
    return 0


def _measure(refiner: str, texts: list[str], top: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shard = Path(folder) / "pages.parquet"
        pq.write_table(pa.table({"text": texts, "url": [""] * len(texts)}), shard)
        seconds = _run(refiner, shard, Path(folder) / "plain", _timed)
        profiles = _run(refiner, shard, Path(folder) / "profiled", _profiled)
    whole = sum(total for total, _ in seconds.values())
    print(f"\n{refiner}: {len(texts):,} pages, {sum(map(len, texts)):,} characters, {whole:.2f} CPU seconds\n")
    print("| stage | CPU seconds | share | main thread | functions (own seconds under the profiler) |")
    print("|---|---|---|---|---|")
    for name, (total, own) in seconds.items():
        functions = "; ".join(_largest(profiles[name], top))
        print(f"| {name} | {total:.2f} | {total / whole:.0%} | {own:.2f} | {functions} |", flush=True)


def _run(refiner: str, shard: Path, lake_folder: Path, measure: Callable[[Callable[[], object]], T]) -> dict[str, T]:
    """Run every stage on a shard; return what `measure` reports for each."""
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
        if plan.needs_engine:  # load the model before measuring
            document.document_refiner()
            chunk.chunk_refiner()
        return {name: measure(partial(stage, run)) for name, stage in stages.items()}


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the CPU seconds of all threads, and of this one."""
    total, own = time.process_time(), time.thread_time()
    work()
    return time.process_time() - total, time.thread_time() - own


def _profiled(work: Callable[[], object]) -> pstats.Stats:
    # CPU time of this thread: by wall time, waiting for the model would look like work.
    profile = cProfile.Profile(time.thread_time)
    profile.runcall(work)
    return pstats.Stats(profile)


def _largest(stats: pstats.Stats, top: int) -> list[str]:
    """Return the functions with the most own time."""
    by_own = sorted(stats.get_stats_profile().func_profiles.items(), key=lambda item: -item[1].tottime)[:top]
    return [f"`{name.strip('<>').replace('|', '/')}` {found.tottime:.2f}" for name, found in by_own]


if __name__ == "__main__":
    sys.exit(main())
