"""What a launcher does for a step: start jobs, find those of an earlier step, say whether they live, end them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from prox_assets.placement.settings import Cluster
from prox_assets.stages.run import StageError


class LauncherMissingError(StageError):
    """Something that a launcher needs is not installed here; the message says how to get it."""


class LaunchError(Exception):
    """A cluster refused a job or does not answer; another try may help."""


@dataclass(frozen=True)
class Job:
    """A job, or several of one kind: each process of it learns its number from PROX_TASK.

    Attributes:
        name: Letters, digits and hyphens, at most 63; unique.
        tasks: How many processes it has.
        gpus: GPUs of each.
        environment: Variables of each: Pipes' own, and those of the placement.
        placement: Everything else.
    """

    name: str
    tasks: int
    gpus: int
    environment: Mapping[str, str]
    placement: Cluster


class Launcher(Protocol):
    """Starts jobs on one kind of cluster. Every method raises LaunchError if the cluster does not answer."""

    def start(self, job: Job) -> None:
        """Start a job."""
        ...

    def find(self, prefix: str) -> str | None:
        """Return the name of a job that waits or runs and whose name begins with the prefix."""
        ...

    def lives(self, name: str) -> bool:
        """Tell whether a process of a job still waits or runs."""
        ...

    def end(self, name: str) -> None:
        """End a job; do nothing if it has ended."""
        ...

    def last_words(self, name: str) -> str:
        """Return what the cluster knows of how a job ended, in a few lines; "" for nothing."""
        ...
