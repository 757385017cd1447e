"""All stages over many shards without an orchestrator: what `prox refine` runs.

Each stage runs over all shards before the next begins, so each refiner's engine starts once. A shard that fails drops
out with its error, and the others continue.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prox_assets.corpora.errors import CorpusError
from prox_assets.corpora.shards import Shard
from prox_assets.engines.protocol import EngineError, EngineStartError
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages import quality_metrics, raw_shards
from prox_assets.stages.execution import refined_shards
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.identities import (
    chunk_programs_identity,
    doc_programs_identity,
    documents_identity,
    refined_identity,
)
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.raw_shards import read_raw_shard
from prox_assets.stages.run import Progress, ShardRun, StageError

# Errors that a user can fix: shown in one line instead of a traceback.
EXPECTED_ERRORS = (CorpusError, StageError, LakeError, RefinerError, EngineError)

# Given (stage, shard key), returns the progress callback.
Report = Callable[[str, str], Progress]


class UnexpectedError(StageError):
    """An error that no stage expects: a bug, which fails the shard but not the run.

    Args:
        message: What happened, in one line.
        details: The traceback as text, because errors from worker processes arrive without one.
    """

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message, details)
        self.details = details

    def __str__(self) -> str:
        return self.args[0]


@dataclass
class PipelineResult:
    """The outcome of each shard.

    Attributes:
        metrics: The row of `shard_metrics` of every finished shard, by key.
        unchanged: Keys of finished shards that were already current.
        errors: The error of every other shard, by key.
    """

    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    unchanged: set[str] = field(default_factory=set)
    errors: dict[str, Exception] = field(default_factory=dict)


def refine_shards(
    lake: Lake,
    plan: RefinementPlan,
    shards: Sequence[Shard],
    run_id: str,
    *,
    limit: int | None = None,
    report: Report,
) -> PipelineResult:
    """Take shards from raw files to metrics, skipping work that is already current.

    Args:
        lake: Where results go.
        plan: The corpus's configuration.
        shards: Recorded shards, in processing order.
        run_id: Written into every row.
        limit: Total number of documents, taken from the front; None for all.
        report: Shows progress.

    Raises:
        RefinerError: A refiner cannot be used at all.
        EngineStartError: Its engine does not start.
    """
    result = PipelineResult()

    def run_for(stage: str, key: str) -> ShardRun:
        return ShardRun(lake, plan, key, run_id, report(stage, key))

    def each(keys: Sequence[str], work: Callable[[str], object]) -> Iterator[str]:
        return (key for key in keys if _succeeds(partial(work, key), key, result.errors))

    alive = [shard.key for shard, _ in read_shards(lake, plan, shards, run_id, result, limit=limit, report=report)]
    # Each stage works from what the previous one made under this plan, never from what another run has put there
    # meanwhile: of two runs with different configurations, one wins completely.
    made: dict[str, str] = {}

    def decide(key: str, session: RefinerSession) -> None:
        documents = lake.require(plan.corpus, Table.DOCUMENTS, key)
        write_document_programs(run_for("documents", key), session)
        made[key] = doc_programs_identity(session.fingerprint, documents.identity)

    def edit(key: str, session: RefinerSession) -> None:
        write_chunk_programs(run_for("chunks", key), session, made[key])
        made[key] = chunk_programs_identity(session.fingerprint, made[key], plan.chunk_floor)

    with plan.session("doc") as doc:
        alive = list(each(alive, lambda key: decide(key, doc)))
    with plan.session("chunk") as chunk:
        alive = list(each(alive, lambda key: edit(key, chunk)))
    alive = list(each(alive, lambda key: refine_shard(run_for("execute", key), made[key])))
    for key in each(alive, lambda key: _measure(run_for("measure", key), made[key])):
        row = next(lake.rows(plan.corpus, Table.SHARD_METRICS, key))
        result.metrics[key] = row
        # Had this run changed anything, it would have executed and measured the shard itself.
        if row["run_id"] != run_id:
            result.unchanged.add(key)
    return result


def read_shards(
    lake: Lake,
    plan: RefinementPlan,
    shards: Sequence[Shard],
    run_id: str,
    result: PipelineResult,
    *,
    limit: int | None,
    report: Report,
) -> Iterator[tuple[Shard, int | None]]:
    """Read raw shards into the lake; yield each readable shard with its limit of documents.

    `result` receives the errors of the others; see `refine_shards` for the other arguments.
    """
    remaining = limit
    for shard in shards:
        if remaining is not None and remaining <= 0:
            return
        run = ShardRun(lake, plan, shard.key, run_id, report("read", shard.key))
        if _succeeds(partial(_read, run, shard, remaining), shard.key, result.errors):
            yield shard, remaining
            if remaining is not None:
                remaining -= lake.require(plan.corpus, Table.DOCUMENTS, shard.key).rows


def _succeeds(work: Callable[[], object], key: str, errors: dict[str, Exception]) -> bool:
    """Do one shard's work and record its error; raise errors that would hit every other shard too."""
    try:
        work()
    except (RefinerError, EngineStartError):
        raise
    except EXPECTED_ERRORS as error:
        errors[key] = error
    except Exception as error:
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        message = f"{what}. That is a fault of prox_assets: please report it with its traceback."
        errors[key] = UnexpectedError(message, traceback.format_exc())
    else:
        return True
    return False


def _read(run: ShardRun, shard: Shard, limit: int | None) -> None:
    """Read the raw shard unless its documents are current; a complete read also serves a limited one."""
    info = run.lake.info(run.corpus, Table.DOCUMENTS, run.shard)
    whole = documents_identity(run.plan, shard)
    # The row of `shards` is written after the documents; a kill in between leaves a complete shard without its count.
    uncounted = info is not None and info.identity == whole and shard.rows is None
    if info is None or info.identity not in {documents_identity(run.plan, shard, limit), whole} or uncounted:
        read_raw_shard(run, None if uncounted else limit)


def _measure(run: ShardRun, chunk_programs: str) -> None:
    """Measure what this run executed, or found executed."""
    run.check_inputs({Table.OUTCOMES: refined_identity(run.plan, chunk_programs)})
    measure_shard(run)
    # Clear leases of killed runs whose work is finished: nobody will ever take them again.
    for asset in (raw_shards.ASSET, refined_shards.ASSET, quality_metrics.ASSET):
        run.lease(asset).clear_if_abandoned()
