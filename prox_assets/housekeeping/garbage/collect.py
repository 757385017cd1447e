"""Removing garbage: each piece by itself, and only if it is still as it was when it was found."""

from contextlib import ExitStack

from prox_assets.housekeeping.garbage.files import Garbage, Kind, Limits, files_below
from prox_assets.housekeeping.garbage.history import shorten
from prox_assets.lake.errors import LeaseHeldError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawal_marks import pending
from prox_assets.lake.storage.lease import Lease


def collect(lake: Lake, garbage: Garbage, limits: Limits, run_id: str) -> str | None:
    """Remove a piece of garbage; a kill leaves it or has removed it, or some files of it.

    Args:
        lake: The lake.
        garbage: What `find_garbage` found.
        limits: As they were then.
        run_id: Named in the error of a run that finds a lease held.

    Returns:
        Why it was left alone, or None if it is gone.

    Raises:
        LakeError: The lake cannot be read or written.
    """
    with ExitStack() as held:
        try:
            for lease in garbage.leases:
                held.enter_context(Lease(lake.storage, *lease, run_id))
        except LeaseHeldError as error:
            return str(error)
        if not _is_unchanged(lake, garbage):
            return "it has changed since it was found"
        if garbage.kind in (Kind.EXECUTION, Kind.UNRECORDED):
            # A withdrawal may have hidden the manifest for a moment when it was looked for.
            corpus, _, shard = garbage.leases[0]
            if shard in pending(lake, corpus) or lake.execution(corpus, shard) != garbage.execution:
                return "documents of the shard were being withdrawn, or another execution was published"
        if garbage.kind is Kind.HISTORY:
            [(corpus, _, shard)] = garbage.leases
            shorten(lake, corpus, shard, limits)
        else:
            lake.storage.remove(garbage.path)
    return None


def _is_unchanged(lake: Lake, garbage: Garbage) -> bool:
    folder = garbage.path if garbage.path != garbage.files[0].path else garbage.path.rpartition("/")[0]
    now = {file.path: file for file in files_below(lake.storage, folder)}
    if garbage.path != garbage.files[0].path and len(now) != len(garbage.files):
        return False
    return all(now.get(file.path) == file for file in garbage.files)
