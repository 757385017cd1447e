"""All stages over many shards without an orchestrator: what `prox refine` runs.

Stage by stage over all shards, so that each refiner's engine starts once. A shard that fails drops out with its error;
the others go on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prox_assets.corpora.errors import CorpusError
from prox_assets.corpora.shards import Shard
from prox_assets.engines.protocol import EngineError
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.chunk_programs import write_chunk_programs
from prox_assets.stages.doc_programs import write_document_programs
from prox_assets.stages.identities import documents_identity
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.raw_shards import read_raw_shard
from prox_assets.stages.refined_shards import refine_shard
from prox_assets.stages.run import Progress, ShardRun, StageError

# What a user can mend: told in one line instead of a traceback.
EXPECTED_ERRORS = (CorpusError, StageError, LakeError, RefinerError, EngineError)


@dataclass
class PipelineResult:
    """What became of each shard.

    Attributes:
        metrics: The row of `shard_metrics` of every shard that was finished, by key.
        errors: What went wrong with the others, by key.
    """

    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)


def refine_shards(
    lake: Lake,
    plan: RefinementPlan,
    shards: Sequence[Shard],
    run_id: str,
    *,
    limit: int | None = None,
    report: Callable[[str, str], Progress],
) -> PipelineResult:
    """Take shards from raw files to metrics; what is current already is not done again.

    Args:
        lake: Where results go.
        plan: The corpus's configuration.
        shards: Recorded shards, in the order they are wanted.
        run_id: Written into every row.
        limit: Documents in all, taken from the front; None for everything.
        report: Given (stage, shard key), returns the callback that is told of progress.
    """
    result = PipelineResult()
    alive: list[str] = []

    def run_for(stage: str, key: str) -> ShardRun:
        return ShardRun(lake, plan, key, run_id, report(stage, key))

    def each(keys: Sequence[str], work: Callable[[str], object]) -> Iterator[str]:
        for key in keys:
            try:
                work(key)
            except EXPECTED_ERRORS as error:
                result.errors[key] = error
            else:
                yield key

    remaining = limit
    for shard in shards:
        if remaining is not None and remaining <= 0:
            break
        read = partial(_read, shard=shard, limit=remaining)
        alive += each([shard.key], lambda key, read=read: read(run_for("read", key)))
        if remaining is not None and shard.key in alive:
            remaining -= lake.require(plan.corpus, Table.DOCUMENTS, shard.key).rows
    with RefinerSession(plan.refiners.doc, "doc", plan.engine) as doc:
        alive = list(each(alive, lambda key: write_document_programs(run_for("documents", key), doc)))
    with RefinerSession(plan.refiners.chunk, "chunk", plan.engine) as chunk:
        alive = list(each(alive, lambda key: write_chunk_programs(run_for("chunks", key), chunk)))
        alive = list(each(alive, lambda key: refine_shard(run_for("execute", key))))
    for key in alive:
        run = run_for("measure", key)
        result.metrics[key] = measure_shard(run)
        run.progress(1, 1)
    return result


def _read(run: ShardRun, shard: Shard, limit: int | None) -> None:
    """Read the raw shard unless its documents are current."""
    info = run.lake.info(run.corpus, Table.DOCUMENTS, run.shard)
    if info is not None and info.identity == documents_identity(run.plan, shard, limit):
        run.progress(info.rows, info.rows)
        return
    read_raw_shard(run, limit)
