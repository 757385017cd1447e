"""Which of the waiting jobs make the next batch."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

# Unless the configuration says otherwise:
BATCH_TOKENS = 16384
"""Tokens of a batch at most, padding included."""

PACKED_BATCH_TOKENS_ON_CPU = 4096
"""The same for packed batches on a CPU. 8 layers of 576 read 4 to 10 % more tokens a second than with 16,384."""

PADDED_BATCH_SIZE = 32
"""Requests of a padded batch at most."""


class _Job(Protocol):
    @property
    def length(self) -> int:
        """Length of the sequence in tokens, at most."""
        ...


_J = TypeVar("_J", bound=_Job)


def padded_batch(jobs: Sequence[_J], batch_size: int | None, batch_tokens: int) -> list[_J]:
    """Return the jobs to run next with padding: those as similar in length as possible.

    The longest go first, so that a batch that does not fit into memory fails early. Short jobs cannot starve, because
    the look-ahead eventually fills up with them.

    Args:
        jobs: The jobs to choose from, at least one.
        batch_size: Maximum number of jobs.
        batch_tokens: Maximum number of tokens, including padding; a single longer job runs in its own batch.
    """
    by_length = sorted(jobs, key=lambda job: job.length, reverse=True)
    fitting = max(1, batch_tokens // by_length[0].length)
    return by_length[: min(batch_size or PADDED_BATCH_SIZE, fitting)]


def packed_batch(jobs: Sequence[_J], batch_size: int | None, batch_tokens: int) -> list[_J]:
    """Return the jobs to run next without padding: the oldest, and after it each that there is room for.

    Args:
        jobs: The jobs to choose from, at least one, oldest first.
        batch_size: Maximum number of jobs, if any.
        batch_tokens: Maximum number of tokens; a single longer job runs in its own batch.
    """
    batch = [jobs[0]]
    room = batch_tokens - jobs[0].length
    for job in jobs[1:]:
        if len(batch) == batch_size:
            break
        if job.length <= room:
            batch.append(job)
            room -= job.length
    return batch
