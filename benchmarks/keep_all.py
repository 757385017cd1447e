"""Baseline: the whole pipeline with refiners that keep everything, `python -m benchmarks.keep_all INPUT LAKE CORPUS`.

`prox refine` always has a refiner at one level at least, so this hands the same pipeline a plan without any. What is
left is the price of accounting: reading, tables, execution of programs that do nothing, metrics.
"""

import sys

from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.presets import preset
from prox_assets.stages.discovery import discover_shards
from prox_assets.stages.pipeline import refine_shards
from prox_assets.stages.plan import RefinementPlan

RUN_ID = "keep-all"


def main() -> int:
    """Refine one corpus; return the process's exit code."""
    url, lake_url, corpus = sys.argv[1:]
    # Past validation: a pair without any refiner is a slip in a configuration, and just what a baseline needs.
    nobody = RefinerPair.model_construct(name="keep-all", doc=None, chunk=None)
    source = CorpusSource(name=corpus, urls=[url])
    plan = RefinementPlan(source=source, refiners=preset("rules")).model_copy(update={"refiners": nobody})
    lake = Lake(lake_url)
    shards = discover_shards(lake, plan, RUN_ID).shards
    result = refine_shards(lake, plan, shards, RUN_ID, report=lambda stage, shard: lambda done, total: None)
    for shard, error in result.errors.items():
        print(f"{shard}: {error}", file=sys.stderr)
    return 1 if result.errors else 0


if __name__ == "__main__":
    sys.exit(main())
