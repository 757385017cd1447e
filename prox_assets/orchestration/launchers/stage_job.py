"""A step's stages as jobs of a cluster: started, watched, started again, and what they tell.

Jobs speak Pipes' protocol over the lake (prox_assets.placement.messages), so they and the step need nothing in common
but the lake, and a step that has died is succeeded by one that finds its jobs alive and reads on. Dagster's own Pipes
sessions are for steps that yield every result: a step over several shards, which logs its events itself, would fail
(measured with 1.13: "did not yield expected outputs").
"""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import dagster as dg
from dagster_pipes import (
    DAGSTER_PIPES_CONTEXT_ENV_VAR,
    DAGSTER_PIPES_MESSAGES_ENV_VAR,
    PipesContextData,
    PipesDefaultContextLoader,
    PipesMessage,
    encode_param,
)

from prox_assets.lake.errors import LakeError
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.orchestration.assets.shards.shard_step import ShardStep
from prox_assets.orchestration.failures import no_retry_when_useless
from prox_assets.orchestration.launchers.launcher import Job, Launcher, LaunchError
from prox_assets.orchestration.launchers.open import open_launcher
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.placement.messages import FOLDER, LAKE, MessageFiles
from prox_assets.placement.request import StageName, StageRequest
from prox_assets.placement.settings import Cluster, LocalPlacement, Placement
from prox_assets.placement.told import PAYLOAD
from prox_assets.stages.inference import chunk_programs, doc_programs
from prox_assets.stages.run import StageError
from prox_assets.stages.settings import RefinementSettings

JOBS = "_jobs"
INFERENCE = frozenset({doc_programs.ASSET, chunk_programs.ASSET})
_NAME_DIGITS = 10
# How long a job that has told of all its shards may take to shut down its engine.
_END_SECONDS = 60.0
_MOST_SECONDS_BETWEEN_LOOKS_AT_MESSAGES = 2.0


class PlacedStageError(StageError):
    """A shard failed in a job, and would again."""


class RetryablePlacedStageError(Exception):
    """A shard failed in a job, or its job ended without a word about it; another try may help."""


@dataclass
class StageJob:
    """The jobs of one step.

    Attributes:
        context: Dagster's context of the step.
        lake: The lake.
        settings: The corpus.
        placement: Where the jobs run.
        launcher: Starts them.
        stages: What they run, in the pipeline's order.
        keys: The step's shards.
        force: Do the work again even if it is current.
        gpus: GPUs of each job.
    """

    context: dg.AssetExecutionContext
    lake: Lake
    settings: CorpusSettings
    placement: Cluster
    launcher: Launcher
    stages: Sequence[StageName]
    keys: Sequence[str]
    force: bool
    gpus: int
    _settled: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    _files: dict[str, MessageFiles] = field(default_factory=dict)
    _runs: set[str] = field(default_factory=set)
    _began: bool = False
    _name: str | None = None
    _starts: int = 0
    _looked: float = 0.0
    _answered: float = 0.0

    def summary(self, stage: StageName, key: str) -> Mapping[str, Any]:
        """Return what a stage has made of a shard; the first call starts the jobs, or finds those of an earlier step.

        Raises:
            PlacedStageError: The shard failed, and would again.
            RetryablePlacedStageError: It failed, or its jobs ended without a word about it.
            LaunchError: The cluster refused the jobs, or has not answered for too long.
            LakeError: The lake cannot be read.
        """
        if not self._began:
            self._begin()
        while (event := self._settled.get((stage, key))) is None:
            self._wait()
        if event["event"] == "failed":
            kind = RetryablePlacedStageError if event["retry"] else PlacedStageError
            raise kind(event["error"])
        return event["summary"]

    def close(self, *, leave: bool) -> None:
        """End jobs that still run, unless they are left to a later step, and remove what they have told."""
        if not self._began or leave:
            return
        # What has brought the step here matters more than a cluster or lake that is away now.
        with suppress(LaunchError, LakeError):
            until = time.monotonic() + _END_SECONDS
            while (name := self._living()) and not self._left and time.monotonic() < until:
                time.sleep(min(self.placement.poll_seconds, _MOST_SECONDS_BETWEEN_LOOKS_AT_MESSAGES))
            if name:
                self.context.log.info("ending %s", name)
                self.launcher.end(name)
            self.lake.storage.remove(self._folder)

    def _living(self) -> str | None:
        """Return the name of the jobs if the cluster says that they live."""
        return self._name if self._name is not None and self.launcher.lives(self._name) else None

    @property
    def _left(self) -> list[str]:
        """The shards that no job has told the end of."""
        last = self.stages[-1]
        failed = {key for (_, key), event in self._settled.items() if event["event"] == "failed"}
        return [key for key in self.keys if key not in failed and (last, key) not in self._settled]

    def _request(self, keys: Sequence[str]) -> StageRequest:
        size = self.placement.shards_per_job or len(keys)
        return StageRequest.model_validate(
            {
                "stages": list(self.stages),
                "tasks": [list(keys[start : start + size]) for start in range(0, len(keys), size)],
                "settings": self.settings.model_dump(mode="json", include=set(RefinementSettings.model_fields)),
                "lake": self._lake_of_jobs,
                "force": self.force,
            }
        )

    @cached_property
    def _lake_of_jobs(self) -> str:
        storage = self.lake.storage
        return self.placement.lake or (storage.root if storage.is_local else storage.url)

    @cached_property
    def _prefix(self) -> str:
        """What the names of all jobs for the same work begin with."""
        work = self._request(self.keys).model_dump(mode="json", exclude={"tasks"})
        readable = self.settings.corpus.replace("_", "-")[:30].strip("-")
        return f"prox-{readable}-{fingerprint([work, list(self.keys)])[:_NAME_DIGITS]}-"

    @cached_property
    def _folder(self) -> str:
        return f"{JOBS}/{self._prefix.strip('-')}"

    def _begin(self) -> None:
        """Follow the jobs of an earlier step, or take over what they have told, or start jobs."""
        self._answered = time.monotonic()
        self._name = self.launcher.find(self._prefix)
        if self._name is not None:
            self._starts, self._began = 1, True
            self.context.log.info("found %s alive, which an earlier step has started: following it", self._name)
            return
        self._read()
        run = self.context.run
        if self._runs <= {run.run_id, run.parent_run_id, run.root_run_id}:
            # The run that this one retries died with its jobs at work; what they have finished since is its result.
            self._settled = {place: event for place, event in self._settled.items() if event["event"] == "done"}
        else:
            # What another run was told may no longer hold.
            self._settled.clear()
            self._files.clear()
            self.lake.storage.remove(self._folder)
        if left := self._left:
            self._start(left)
        self._began = True

    def _start(self, keys: Sequence[str]) -> None:
        name = f"{self._prefix}{uuid.uuid4().hex[:6]}"
        request = self._request(keys)
        context: PipesContextData = {
            "asset_keys": [key.to_escaped_user_string() for key in sorted(self.context.selected_asset_keys)],
            "code_version_by_asset_key": None,
            "provenance_by_asset_key": None,
            "partition_key": None,
            "partition_key_range": None,
            "partition_time_window": None,
            "run_id": self.context.run_id,
            "job_name": self.context.job_name,
            "retry_number": self.context.retry_number,
            "extras": {PAYLOAD: request.model_dump(mode="json")},
        }
        environment = {
            **self.placement.environment,
            DAGSTER_PIPES_CONTEXT_ENV_VAR: encode_param({PipesDefaultContextLoader.DIRECT_KEY: context}),
            DAGSTER_PIPES_MESSAGES_ENV_VAR: encode_param({LAKE: self._lake_of_jobs, FOLDER: f"{self._folder}/{name}"}),
        }
        self.launcher.start(Job(name, len(request.tasks), self.gpus, environment, self.placement))
        self._name, self._starts = name, self._starts + 1
        self._looked = self._answered = time.monotonic()
        jobs = "a job" if len(request.tasks) == 1 else f"{len(request.tasks)} jobs"
        self.context.log.info("started %s on %s: %s for %s shards", name, self.placement.kind, jobs, len(keys))

    def _wait(self) -> None:
        """Read what is new, or look after the jobs, or let some time pass."""
        if self._read():
            return
        if time.monotonic() - self._looked >= self.placement.poll_seconds and not self._lives():
            # A shared folder may show a file some seconds after its writer has ended.
            time.sleep(min(self.placement.poll_seconds, _MOST_SECONDS_BETWEEN_LOOKS_AT_MESSAGES))
            if not self._read():
                self._start_again()
            return
        time.sleep(min(self.placement.poll_seconds, _MOST_SECONDS_BETWEEN_LOOKS_AT_MESSAGES))

    def _lives(self) -> bool:
        """Ask the cluster; take the jobs for alive for as long as a cluster that does not answer is given."""
        if self._name is None:
            return False
        now = self._looked = time.monotonic()
        try:
            lives = self.launcher.lives(self._name)
        except LaunchError as error:
            if now - self._answered > 60 * self.placement.unreachable_minutes:
                raise
            self.context.log.warning("%s; asking again", error)
            return True
        self._answered = now
        return lives

    def _start_again(self) -> None:
        """Start jobs for the shards whose jobs have ended without a word about them."""
        left = self._left
        how = self.launcher.last_words(self._name or "")
        said = f"{self._name} ended before it was through with {', '.join(left)}" + (f":\n{how}" if how else "")
        if self._starts > self.placement.restarts:
            raise RetryablePlacedStageError(said)
        self.context.log.warning("%s", said)
        self._start(left)

    def _read(self) -> bool:
        """Take in what jobs have told since the last call; return whether that was anything."""
        new = False
        for name in self.lake.storage.list_folders(self._folder):
            files = self._files.setdefault(name, MessageFiles(self.lake.storage, f"{self._folder}/{name}"))
            for message in files.new():
                new = True
                self._take(message)
        return new

    def _take(self, message: PipesMessage) -> None:
        params = message["params"] or {}
        if message["method"] == "log":
            self.context.log.log(params["level"], params["message"])
        elif message["method"] == "report_custom_message":
            event = params["payload"].get(PAYLOAD, {})
            if event.get("event") == "started":
                self._runs.add(event["run_id"])
            elif event.get("event") in ("done", "failed"):
                self._settled[event["stage"], event["shard"]] = event
        elif "exception" in params:
            self.context.log.warning("a job ended with an error: %s", params["exception"]["message"])


@contextmanager
def stages_elsewhere(
    step: ShardStep, lake: Lake, placement: Placement, stages: Sequence[StageName], *, force: bool = False
) -> Iterator[StageJob | None]:
    """Yield what runs a step's stages on a cluster; None where the placement is local, and the step runs them itself.

    Jobs that still run when the block ends are ended, but not if Dagster itself is going down: the step that the run is
    retried with finds them.

    Raises:
        dg.Failure: What the placement needs is not installed.
        LaunchError: The cluster does not answer.
    """
    if isinstance(placement, LocalPlacement) or not step.keys or not stages:
        yield None
        return
    context, settings = step.context, step.settings
    asked = settings.gpus_of_a_job() if set(stages) & INFERENCE else 0
    gpus = asked if placement.gpus is None else placement.gpus
    with no_retry_when_useless():
        launcher = open_launcher(placement)
    job = StageJob(context, lake, settings, placement, launcher, stages, step.keys, force, gpus)
    leave = False
    try:
        yield job
    except dg.DagsterExecutionInterruptedError:
        run = context.instance.get_run_by_id(context.run_id)
        leave = run is None or run.status != dg.DagsterRunStatus.CANCELING
        raise
    finally:
        job.close(leave=leave)
