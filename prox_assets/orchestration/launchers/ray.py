"""Jobs of a Ray cluster: each a process with its own GPUs, submitted through the dashboard."""

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from prox_assets.machine.parents import WITH_PARENT_VARIABLE
from prox_assets.orchestration.launchers.launcher import Job, LauncherMissingError, LaunchError
from prox_assets.placement.settings import RayPlacement

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

# The address variables that Ray's own tools read, in their order.
ADDRESSES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
_LINES_OF_LOGS = 10
# How long a job that has come to its time limit may take to give back its leases.
_END_SECONDS = 60
_BYTES = 1024 * 1024
_READY_SECONDS = 60
_WAIT_SECONDS = 1


class RayLauncher:
    """Submits jobs and looks after them.

    Args:
        client: Ray's client.
        placement: Where the jobs run.
    """

    def __init__(self, client: "JobSubmissionClient", placement: RayPlacement) -> None:
        self._client = client
        self._placement = placement
        self._ids: dict[str, list[str]] = {}

    @classmethod
    def open(cls, placement: RayPlacement) -> Self:
        """Connect to a cluster.

        Raises:
            LauncherMissingError: Ray is not installed, or nothing says where the cluster is.
            LaunchError: The cluster does not answer.
        """
        if find_spec("ray") is None:
            raise LauncherMissingError("placement ray needs Ray: pip install 'prox_assets[ray]'")
        address = placement.address or next((os.environ[name] for name in ADDRESSES if os.environ.get(name)), None)
        if address is None:
            raise LauncherMissingError(
                "placement ray does not say where the cluster is: set its address to the dashboard, such as "
                f"http://head:8265, or one of the environment variables {' and '.join(ADDRESSES)}"
            )
        from ray.job_submission import JobSubmissionClient

        with _answering(address):
            return cls(JobSubmissionClient(address), placement)

    def start(self, job: Job) -> None:
        """Submit a job of Ray for every process."""
        placement = self._placement
        ids = self._ids[job.name] = [f"{job.name}-{task}" for task in range(job.tasks)]
        for task, submission in enumerate(ids):
            with self._answering():
                _once_ready(
                    self._client.submit_job,
                    entrypoint=_entrypoint(placement),
                    submission_id=submission,
                    runtime_env=_runtime_env(job, placement, task),
                    # Without any resource a job would run beside the head, whatever else runs there.
                    entrypoint_num_cpus=placement.cpus or 1,
                    entrypoint_num_gpus=job.gpus,
                    entrypoint_memory=_BYTES * (placement.memory_mebibytes or 0) or None,
                    entrypoint_resources=placement.resources or None,
                    entrypoint_label_selector=placement.labels or None,
                )

    def find(self, prefix: str) -> str | None:
        """Return the name of a job that waits or runs and begins with the prefix."""
        with self._answering():
            listed = self._client.list_jobs()
        ids = [each.submission_id for each in listed if (each.submission_id or "").startswith(prefix)]
        living = [each for each in ids if each is not None and self._waits_or_runs(each)]
        if not living:
            return None
        name = living[0].rpartition("-")[0]
        self._ids[name] = [each for each in ids if each is not None and each.startswith(f"{name}-")]
        return name

    def lives(self, name: str) -> bool:
        """Tell whether one of a job's processes waits or runs."""
        return any(self._waits_or_runs(submission) for submission in self._ids[name])

    def end(self, name: str) -> None:
        """Stop a job: its processes get SIGTERM."""
        for submission in self._ids[name]:
            if self._waits_or_runs(submission):
                with self._answering():
                    self._client.stop_job(submission)

    def last_words(self, name: str) -> str:
        """Return Ray's message about each process that failed, and the end of its log."""
        lines: list[str] = []
        for submission in self._ids.get(name, ()):
            try:
                with self._answering():
                    info, logs = self._client.get_job_info(submission), self._client.get_job_logs(submission)
            except LaunchError:
                continue
            if info.status.value != "SUCCEEDED":
                lines += [f"{submission}: {info.message}", *logs.splitlines()[-_LINES_OF_LOGS:]]
        return "\n".join(lines)

    def _waits_or_runs(self, submission: str) -> bool:
        with self._answering():
            try:
                return not self._client.get_job_status(submission).is_terminal()
            except RuntimeError as error:
                # A restarted cluster has forgotten its earlier jobs.
                if "404" in str(error) or "does not exist" in str(error):
                    return False
                raise

    @contextmanager
    def _answering(self) -> Iterator[None]:
        with _answering(self._client.get_address()):
            yield


@retry(
    # A head that has just started answers before it takes jobs.
    retry=retry_if_exception(lambda error: isinstance(error, RuntimeError) and "No available agent" in str(error)),
    wait=wait_fixed(_WAIT_SECONDS),
    stop=stop_after_delay(_READY_SECONDS),
    reraise=True,
)
def _once_ready(submit: Callable[..., str], **job: object) -> str:
    return submit(**job)


@contextmanager
def _answering(address: str) -> Iterator[None]:
    """Turn whatever Ray raises when its dashboard does not answer, or refuses, into a LaunchError."""
    from ray.exceptions import RayError

    try:
        yield
    except (OSError, RuntimeError, RayError) as error:  # requests' errors are OSErrors
        raise LaunchError(f"the Ray cluster at {address} does not do what it was asked: {error}") from error


def _entrypoint(placement: RayPlacement) -> str:
    command = [*placement.command, "stage"]
    if placement.time_minutes is not None:  # Ray knows no time limit
        command = ["timeout", f"--kill-after={_END_SECONDS}", str(60 * placement.time_minutes), *command]
    # When a raylet dies, Ray kills what it has started itself, and no more: a shell in between would leave the stage at
    # work, with its leases (measured with 2.60).
    return f"exec {shlex.join(command)}"


def _runtime_env(job: Job, placement: RayPlacement, task: int) -> dict[str, Any]:
    image = {} if placement.image is None else {"image_uri": placement.image}
    variables = {
        **placement.runtime_env.get("env_vars", {}),
        **job.environment,
        WITH_PARENT_VARIABLE: "1",
        "PROX_TASK": str(task),
    }
    return {**image, **placement.runtime_env, "env_vars": variables}
