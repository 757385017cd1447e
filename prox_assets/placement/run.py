"""The one entry point: runs stages for shards and tells what happens, event by event.

Every launcher starts this (`prox stage`), wherever it runs. What it makes goes to the lake. What it tells are events;
`done` and `failed` settle a shard at a stage:

    {"event": "started", "stages": [...], "shards": [...], "run_id": ..., "host": ..., "pid": ..., "devices": ...}
    {"event": "progress", "stage": ..., "shard": ..., "done": 512, "total": 1024}
    {"event": "done", "stage": ..., "shard": ..., "identity": ..., "seconds": ..., "summary": {...}}
    {"event": "failed", "stage": ..., "shard": ..., "error": ..., "retry": true, "details": ...}
    {"event": "finished", "exit_code": 0, "done": 2, "failed": 0}
"""

import os
import socket
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from enum import IntEnum
from typing import Any, Literal

from prox_assets.engines.protocol import EngineStartError
from prox_assets.lake.lake import Lake
from prox_assets.placement.request import StageName, StageRequest
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.execution.reconciled import measure_what_adds_up, refine_until_it_adds_up
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.retries import would_fail_again
from prox_assets.stages.run import Progress, ShardRun
from prox_assets.stages.running.pipeline import EXPECTED_ERRORS
from prox_assets.stages.states.shard_states import STAGES

Event = Mapping[str, Any]
Tell = Callable[[Event], None]
Work = Callable[[ShardRun, RefinerSession | None], Mapping[str, Any]]


class ExitCode(IntEnum):
    """What `prox stage` exits with. A launcher starts it again after RETRY and after any signal."""

    DONE = 0
    """Every shard is done."""
    REFUSED = 1
    """The request cannot be run: nothing was done."""
    FAILED = 3
    """Shards failed, and each would fail again in the same way."""
    RETRY = 75
    """Shards failed, and another try may help: an engine died, the store was away, another run held a lease."""


def _asked(stage: Callable[[ShardRun, RefinerSession], Any]) -> Work:
    def work(run: ShardRun, session: RefinerSession | None) -> Mapping[str, Any]:
        if session is None:
            raise ValueError("a stage of inference needs a session")
        return asdict(stage(run, session))

    return work


_WORK: dict[StageName, Work] = {
    "raw_shards": lambda run, _: asdict(read_raw_shard(run)),
    "doc_programs": _asked(write_document_programs),
    "chunk_programs": _asked(write_chunk_programs),
    "refined_shards": lambda run, _: asdict(refine_until_it_adds_up(run)),
    # The row is in the lake; its numbers have names of their own there.
    "quality_metrics": lambda run, _: {"execution_id": measure_what_adds_up(run)["execution_id"]},
}
_LEVELS: dict[StageName, Literal["doc", "chunk"]] = {"doc_programs": "doc", "chunk_programs": "chunk"}


def run_stages(request: StageRequest, run_id: str, tell: Tell, task: int = 0) -> ExitCode:
    """Run a task's shards through the requested stages; tell what becomes of each.

    A shard that fails at a stage drops out with its error, and the others continue. A second call resumes where the
    first was killed. Programs, texts and metrics that are current are left as they are; raw shards are read again.

    Args:
        request: Stages, shards, settings and the lake.
        run_id: Written into every row and file.
        tell: Receives the events, in order.
        task: Which of the request's tasks this process does.

    Raises:
        ValueError: The request has no such task, or a setting is invalid.
        RefinerError: The refiners do not exist.
        LakeError: The URL cannot be a lake.
    """
    if not 0 <= task < len(request.tasks):
        raise ValueError(f"there is no task {task}: the request has {len(request.tasks)}, numbered from 0")
    plan, lake, alive = request.settings.plan, Lake(request.lake), request.tasks[task]
    tell(
        {
            "event": "started",
            "stages": request.stages,
            "shards": alive,
            "run_id": run_id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
        }
    )
    failures: list[bool] = []
    for stage in request.stages:
        runs = [ShardRun(lake, plan, key, run_id, _progress(tell, stage, key), request.force) for key in alive]
        with _session(plan, stage) as session:
            alive = _run_stage(stage, runs, session, tell, failures)
    code = ExitCode.DONE if not failures else ExitCode.RETRY if any(failures) else ExitCode.FAILED
    tell({"event": "finished", "exit_code": int(code), "done": len(alive), "failed": len(failures)})
    return code


def _run_stage(
    stage: StageName, runs: Sequence[ShardRun], session: RefinerSession | None, tell: Tell, failures: list[bool]
) -> list[str]:
    """Return the keys of the shards that are done; note for each of the others whether another try may help."""
    done: list[str] = []
    for number, run in enumerate(runs):
        began = time.monotonic()
        try:
            summary = _WORK[stage](run, session)
        except Exception as error:
            # An engine that does not start for one shard starts for none, and each try may take minutes.
            hits_all = isinstance(error, RefinerError | EngineStartError)
            for hit in runs[number:] if hits_all else [run]:
                failures.append(not would_fail_again(error))
                tell(_failed(stage, hit.shard, error))
            if hits_all:
                return done
        else:
            identity = run.lake.require(run.corpus, STAGES[stage], run.shard).identity
            seconds = round(time.monotonic() - began, 3)
            done.append(run.shard)
            told = {"event": "done", "stage": stage, "shard": run.shard, "identity": identity, "seconds": seconds}
            tell({**told, "summary": summary})
    return done


def _failed(stage: StageName, shard: str, error: Exception) -> Event:
    expected = isinstance(error, EXPECTED_ERRORS)
    return {
        "event": "failed",
        "stage": stage,
        "shard": shard,
        "error": str(error) if expected else f"{type(error).__name__}: {error}",
        "retry": not would_fail_again(error),
        "details": None if expected else "".join(traceback.format_exception(error)),
    }


def _session(plan: RefinementPlan, stage: StageName) -> AbstractContextManager[RefinerSession | None]:
    return plan.session(_LEVELS[stage]) if stage in _LEVELS else nullcontext()


def _progress(tell: Tell, stage: StageName, shard: str) -> Progress:
    """Return a callback that tells of every tenth of the work."""
    told = -1

    def progress(done: int, total: int) -> None:
        nonlocal told
        tenth = 10 * done // total if total else 10
        if tenth > told:
            told = tenth
            tell({"event": "progress", "stage": stage, "shard": shard, "done": done, "total": total})

    return progress
