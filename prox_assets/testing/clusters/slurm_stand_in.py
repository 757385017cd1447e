"""Stand-ins for Slurm's commands that run a job's script on this machine, at once and as processes of their own.

`install` writes sbatch, squeue, scancel and srun into a folder for the PATH. They know the options that real ones know
and this project uses, and refuse others. A job lives in the queue, a folder of files, until its script has ended. This
file runs by itself, without the package, so that a job costs little.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COMMANDS = ("sbatch", "squeue", "scancel", "srun")
QUEUE = "SLURM_STAND_IN"
_SBATCH = frozenset(
    {"job-name", "ntasks", "array", "cpus-per-task", "gpus", "mem", "time", "partition", "account", "constraint"}
    | {"requeue", "no-requeue", "open-mode", "output", "qos", "exclusive"}
)
_KILL_SECONDS = 10.0


def install(folder: Path) -> dict[str, str]:
    """Write the commands; return the environment in which they are found, with an empty queue."""
    commands, queue = folder / "bin", folder / "queue"
    commands.mkdir(parents=True)
    queue.mkdir()
    for name in COMMANDS:
        path = commands / name
        path.write_text(f'#!/bin/bash\nexec {sys.executable} -S -E {__file__} {name} "$@"\n')
        path.chmod(0o755)
    return {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", QUEUE: str(queue)}


def preempt(queue: Path, name: str) -> None:
    """Take a job's processes away as a scheduler does that needs their nodes: SIGTERM, and again into the queue."""
    for path, job in _jobs(queue, name):
        path.with_suffix(".requeue").touch()
        _signal(job, signal.SIGTERM)


def kill(queue: Path, name: str, task: int) -> None:
    """Kill one process of a job with -9, as a failing node does."""
    for _, job in _jobs(queue, name):
        if job["task"] == task:
            _signal(job, signal.SIGKILL)


def _jobs(queue: Path, name: str | None = None) -> list[tuple[Path, dict[str, Any]]]:
    found: list[tuple[Path, dict[str, Any]]] = []
    for path in sorted(queue.glob("*.json")):
        try:
            job = json.loads(path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            continue  # it has just ended, or is being written
        if name is None or job["name"] == name:
            found.append((path, job))
    return found


def _signal(job: Mapping[str, Any], number: int) -> None:
    try:
        os.killpg(job["group"], number)
    except (ProcessLookupError, TypeError):
        return


def _options(arguments: Sequence[str], known: frozenset[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for argument in arguments:
        match = re.fullmatch(r"--([a-z-]+)(?:=(.*))?", argument)
        if match is None or match[1] not in known:
            sys.exit(f"unrecognized option '{argument}'")
        given[match[1]] = match[2] or ""
    return given


def _sbatch(queue: Path, arguments: Sequence[str]) -> None:
    _options(arguments, frozenset({"parsable"}))
    script = sys.stdin.read()
    if not script.startswith("#!"):
        sys.exit("sbatch: error: This does not look like a batch script.")
    options = _options(
        [line.split(maxsplit=1)[1] for line in script.splitlines() if line.startswith("#SBATCH ")], _SBATCH
    )
    if options.get("partition") == "missing":
        sys.exit("sbatch: error: Batch job submission failed: Invalid partition name specified")
    number = str(time.time_ns())
    (queue / f"{number}.sh").write_text(script)
    last = int(options["array"].rpartition("-")[2]) if "array" in options else 0
    for task in range(last + 1):
        output = options.get("output", str(queue / "%x-%A-%a.out"))
        for sign, value in (("%x", options["job-name"]), ("%A", number), ("%a", str(task))):
            output = output.replace(sign, value)
        job = {
            "id": number,
            "task": task,
            "name": options["job-name"],
            "array": "array" in options,
            "requeue": "requeue" in options,
            "output": output,
            "group": None,
        }
        path = queue / f"{number}-{task}.json"
        path.write_text(json.dumps(job))
        command = [sys.executable, "-S", "-E", __file__, "supervise", str(path)]
        null = subprocess.DEVNULL
        subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)
    print(number)


def _supervise(path: Path) -> None:
    """Run a task's script until it has ended for good, then take it out of the queue."""
    job, restarts = json.loads(path.read_text()), 0
    variables = {**os.environ, "SLURM_JOB_ID": job["id"]}
    if job["array"]:
        variables["SLURM_ARRAY_TASK_ID"] = str(job["task"])
    again = path.with_suffix(".requeue")
    while True:
        variables["SLURM_RESTART_COUNT"] = str(restarts)
        with Path(job["output"]).open("ab") as output:
            process = subprocess.Popen(
                ["/bin/bash", path.with_name(f"{job['id']}.sh")],
                stdout=output,
                stderr=output,
                env=variables,
                start_new_session=True,
            )
            unfinished = path.with_suffix(".new")
            unfinished.write_text(json.dumps({**job, "group": process.pid}))
            unfinished.replace(path)
            process.wait()
        if not (again.exists() and job["requeue"]):
            break
        again.unlink()
        restarts += 1
    path.unlink()


def _squeue(queue: Path, arguments: Sequence[str]) -> None:
    options = _options(arguments, frozenset({"me", "noheader", "format", "name"}))
    for _, job in _jobs(queue, options.get("name")):
        print(options["format"].replace("%i", job["id"]).replace("%j", job["name"]).replace("%T", "RUNNING"))


def _scancel(queue: Path, arguments: Sequence[str]) -> None:
    options = _options(arguments, frozenset({"me", "name"}))
    cancelled = _jobs(queue, options["name"])
    for _, job in cancelled:
        _signal(job, signal.SIGTERM)
    until = time.monotonic() + _KILL_SECONDS
    while time.monotonic() < until and _jobs(queue, options["name"]):
        time.sleep(0.05)
    for _, job in cancelled:
        _signal(job, signal.SIGKILL)


def _main(command: str, arguments: Sequence[str]) -> None:
    if command == "srun":
        first = next(number for number, argument in enumerate(arguments) if not argument.startswith("--"))
        _options(arguments[:first], frozenset({"ntasks", "cpus-per-task"}))
        os.execvp(arguments[first], list(arguments[first:]))  # noqa: S606
    if command == "supervise":
        _supervise(Path(arguments[0]))
        return
    {"sbatch": _sbatch, "squeue": _squeue, "scancel": _scancel}[command](Path(os.environ[QUEUE]), arguments)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
