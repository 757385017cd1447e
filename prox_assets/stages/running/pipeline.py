"""All stages over many shards without an orchestrator: what `prox refine` runs.

Each stage runs over all shards before the next begins, so each refiner's engine starts once. A shard that fails drops
out with its error, and the others continue.
"""

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Self, get_args

from prox_assets.corpora.errors import CorpusError
from prox_assets.corpora.shards import Shard
from prox_assets.engines.protocol import EngineError, EngineStartError
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages import quality_metrics
from prox_assets.stages.execution import refined_shards
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.quality_metrics import measure_shard
from prox_assets.stages.reading import raw_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import Progress, ShardRun, StageError
from prox_assets.stages.states.identities import (
    chunk_programs_identity,
    doc_programs_identity,
    documents_identity,
    refined_identity,
)
from prox_assets.stages.withdrawal.documents import remove_what_is_pending

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


Step = Literal["read", "documents", "chunks", "execute", "measure"]
STEPS: tuple[Step, ...] = get_args(Step)


class ShardSteps:
    """The steps that take a shard from its raw file to its metrics; use it as a context manager.

    The refiner of the level that was last asked for stays open, so that its engine serves every shard after the first.

    Args:
        lake: Where results go.
        plan: The corpus's configuration.
        run_id: Written into every row.
        report: Shows progress.

    Attributes:
        result: What became of the shards.
        made: The identity of what the last step made of each shard. Each step works from what the previous one made
            under this plan, never from what another run has put there meanwhile: of two runs with different
            configurations, one wins completely.
    """

    def __init__(self, lake: Lake, plan: RefinementPlan, run_id: str, report: Report) -> None:
        self._lake = lake
        self._plan = plan
        self._run_id = run_id
        self._report = report
        self._session: tuple[Step, RefinerSession] | None = None
        self.result = PipelineResult()
        self.made: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._close()

    def read_all(self, shards: Sequence[Shard], limit: int | None) -> Iterator[tuple[Shard, int | None]]:
        """Read raw shards into the lake; yield each readable shard with its limit of documents.

        Args:
            shards: Recorded shards, in processing order.
            limit: Total number of documents, taken from the front; None for all.
        """
        remaining = limit
        for shard in shards:
            if remaining is not None and remaining <= 0:
                return
            if self.do("read", shard, remaining):
                yield shard, remaining
                if remaining is not None:
                    remaining -= self._lake.require(self._plan.corpus, Table.DOCUMENTS, shard.key).rows

    def do(self, step: Step, shard: Shard, limit: int | None = None) -> bool:
        """Do one step of a shard; return whether it succeeded. `result` receives the error if it did not.

        Args:
            step: The step; those before it have been done, here or elsewhere with `made` as it was there.
            shard: The shard.
            limit: How many documents `read` takes.

        Raises:
            RefinerError: A refiner cannot be used at all.
            EngineStartError: Its engine does not start.
        """
        run = ShardRun(self._lake, self._plan, shard.key, self._run_id, self._report(step, shard.key))
        match step:
            case "read":
                work = partial(_read, run, shard, limit)
            case "documents":
                work = partial(self._decide, run)
            case "chunks":
                work = partial(self._edit, run)
            case "execute":
                self._close()  # no engine is needed from here on
                work = partial(self._execute, run)
            case "measure":
                work = partial(self._measure, run)
        return _succeeds(work, shard.key, self.result.errors)

    def _decide(self, run: ShardRun) -> None:
        session = self._opened("documents", "doc")
        documents = run.lake.require(run.corpus, Table.DOCUMENTS, run.shard)
        write_document_programs(run, session)
        self.made[run.shard] = doc_programs_identity(session.fingerprint, documents.identity)

    def _edit(self, run: ShardRun) -> None:
        session = self._opened("chunks", "chunk")
        write_chunk_programs(run, session, self.made[run.shard])
        self.made[run.shard] = chunk_programs_identity(
            session.fingerprint, self.made[run.shard], self._plan.chunk_floor
        )

    def _execute(self, run: ShardRun) -> None:
        refine_shard(run, self.made[run.shard])

    def _measure(self, run: ShardRun) -> None:
        _measure(run, self.made[run.shard])
        row = next(run.lake.rows(run.corpus, Table.SHARD_METRICS, run.shard))
        self.result.metrics[run.shard] = row
        # Had this run changed anything, it would have executed and measured the shard itself.
        if row["run_id"] != self._run_id:
            self.result.unchanged.add(run.shard)

    def _opened(self, step: Step, level: Literal["doc", "chunk"]) -> RefinerSession:
        """Return the refiner of a step; that of another one is closed first, because two engines may not fit."""
        if self._session is None or self._session[0] != step:
            self._close()
            self._session = (step, self._plan.session(level))
        return self._session[1]

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session[1].close()


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
    with ShardSteps(lake, plan, run_id, report) as steps:
        alive = [shard for shard, _ in steps.read_all(shards, limit)]
        for step in STEPS[1:]:
            alive = [shard for shard in alive if steps.do(step, shard)]
        return steps.result


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
    remove_what_is_pending(run.lake, run.corpus, run.shard, run.run_id)
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
