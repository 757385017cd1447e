"""Jobs of Slurm, by its commands: sbatch, squeue, scancel. Several jobs of a step are one array."""

import math
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from prox_assets.orchestration.launchers.launcher import Job, LauncherMissingError, LaunchError
from prox_assets.placement.settings import SlurmPlacement

COMMANDS = ("sbatch", "squeue", "scancel")
# A controller under load answers late, and its commands wait for it.
_ANSWER_SECONDS = 120
_LINES_OF_LOGS = 5


class SlurmLauncher:
    """Starts and watches jobs with Slurm's commands, which have to be on the PATH.

    Args:
        placement: Where the jobs run.
    """

    def __init__(self, placement: SlurmPlacement) -> None:
        self._placement = placement

    @classmethod
    def open(cls, placement: SlurmPlacement) -> Self:
        """Return a launcher.

        Raises:
            LauncherMissingError: A command is missing.
        """
        missing = [command for command in COMMANDS if shutil.which(command) is None]
        if missing:
            raise LauncherMissingError(
                f"placement slurm needs {', '.join(missing)} on the PATH of Dagster's steps: run the code location on "
                "a machine that submits jobs, such as a login node (infra/slurm.md)"
            )
        return cls(placement)

    def start(self, job: Job) -> None:
        """Submit a job, or an array of jobs."""
        if self._placement.log_folder is not None:
            Path(self._placement.log_folder).mkdir(parents=True, exist_ok=True)
        _run(["sbatch", "--parsable"], script(job, self._placement))

    def find(self, prefix: str) -> str | None:
        """Return the name of a job in the queue that begins with the prefix."""
        names = _run(["squeue", "--me", "--noheader", "--format=%j"]).split()
        return next((name for name in names if name.startswith(prefix)), None)

    def lives(self, name: str) -> bool:
        """Tell whether the queue has a job of that name: pending, running, or pending again after it was requeued."""
        return bool(_run(["squeue", "--me", "--noheader", "--format=%i", f"--name={name}"]).strip())

    def end(self, name: str) -> None:
        """Cancel a job."""
        _run(["scancel", "--me", f"--name={name}"])

    def last_words(self, name: str) -> str:
        """Return what accounting says, where there is any, and the end of each log, where their folder is known."""
        lines: list[str] = []
        if shutil.which("sacct") is not None:
            fields = "--format=JobID,State,ExitCode,NodeList"
            command = ["sacct", "--allocations", "--noheader", "--starttime=now-7days", fields, f"--name={name}"]
            answer = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False)  # noqa: S603
            lines += answer.stdout.splitlines()
        if self._placement.log_folder is not None:
            for log in sorted(Path(self._placement.log_folder).glob(f"{name}-*.out")):
                lines += [str(log), *log.read_text(errors="replace").splitlines()[-_LINES_OF_LOGS:]]
        return "\n".join(lines)


def script(job: Job, placement: SlurmPlacement) -> str:
    """Return the script that sbatch takes.

    srun makes a step of the job, because Slurm sends SIGTERM to steps before it kills them, but not to the script: so a
    preempted job gives back its leases.
    """
    cores = [] if placement.cpus is None else [f"--cpus-per-task={math.ceil(placement.cpus)}"]
    variables = {**job.environment, "PROX_TASK": "0"}
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    if job.tasks > 1:
        exports.append('export PROX_TASK="$SLURM_ARRAY_TASK_ID"')
    lines = [
        "#!/bin/bash",
        *(f"#SBATCH {option}" for option in _options(job, placement, cores)),
        *placement.setup,
        *exports,
        f"exec srun {shlex.join(['--ntasks=1', *cores, *placement.command, 'stage'])}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _options(job: Job, placement: SlurmPlacement, cores: Sequence[str]) -> Iterator[str]:
    yield f"--job-name={job.name}"
    yield "--ntasks=1"
    if job.tasks > 1:
        yield f"--array=0-{job.tasks - 1}"
    yield from cores
    if job.gpus:
        yield f"--gpus={job.gpus}"
    if placement.memory_mebibytes is not None:
        yield f"--mem={placement.memory_mebibytes}M"
    if placement.time_minutes is not None:
        yield f"--time={placement.time_minutes}"
    for name in ("partition", "account", "constraint"):
        value = getattr(placement, name)
        if value is not None:
            yield f"--{name}={value}"
    yield "--requeue" if placement.requeue else "--no-requeue"
    # A job that was requeued goes on in the log of its first start.
    yield "--open-mode=append"
    if placement.log_folder is not None:
        yield f"--output={placement.log_folder}/%x-%A-%a.out"
    for name, value in placement.options.items():
        yield f"--{name}" if value is None else f"--{name}={value}"


def _run(command: Sequence[str], given: str | None = None) -> str:
    """Run a command of Slurm; return its output.

    Raises:
        LaunchError: It failed, or took too long.
    """
    try:
        answer = subprocess.run(  # noqa: S603
            command, input=given, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise LaunchError(f"{command[0]} has not answered for {_ANSWER_SECONDS} seconds") from error
    if answer.returncode != 0:
        raise LaunchError(f"{command[0]} failed: {answer.stderr.strip() or answer.stdout.strip()}")
    return answer.stdout
