"""Withdrawing a shard: everything that the lake holds about it is removed, from the raw text to its metrics.

Compactions notice that its files are gone; the report and a catalog file show it until they are written again.
"""

from contextlib import ExitStack

from prox_assets.lake.errors import DamagedTableError
from prox_assets.lake.footers import forget_footers
from prox_assets.lake.lake import Lake
from prox_assets.lake.resume import remove_leftover_ledgers
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.lease import Lease
from prox_assets.stages.reading.discovery import known_shard
from prox_assets.stages.reading.shard_records import forget_records
from prox_assets.stages.run import StageError
from prox_assets.stages.states.shard_states import STAGES


class StillInSourceError(StageError):
    """The shard's file was there when the source was last listed; the message names it."""


def withdraw_shard(lake: Lake, corpus: str, key: str, run_id: str, *, even_if_in_source: bool = False) -> None:
    """Remove a shard from the lake.

    No run can write the shard meanwhile: this takes the lease of every stage. The published execution goes first and
    the shard's record last, so that a reader never sees half of it, and a kill leaves something to withdraw again.

    Args:
        lake: The lake.
        corpus: The corpus.
        key: The shard.
        run_id: Named in the error of a run that finds a lease held.
        even_if_in_source: Also withdraw a shard whose file is there, or whose record is damaged; the next listing adds
            a shard whose file is there again.

    Raises:
        StillInSourceError: The shard's file was there at the last listing, and `even_if_in_source` is not set.
        StageError: The shard is not recorded, or its record is damaged and `even_if_in_source` is not set.
        LeaseHeldError: A live run is writing the shard; nothing was removed.
    """
    try:
        shard = known_shard(lake, corpus, key)  # names nothing outside the lake from here on
    except DamagedTableError as error:
        if not even_if_in_source:
            raise StageError(f"{error}. --force withdraws the shard without it") from error
        shard = None
    with ExitStack() as leases:
        for asset in STAGES:
            leases.enter_context(Lease(lake.storage, corpus, asset, key, run_id))
        if shard is not None and shard.gone_since is None and not even_if_in_source:
            raise StillInSourceError(
                f"shard {key!r} of corpus {corpus!r} is in the source, as of the last listing: {shard.url}. Remove the "
                f"file and list the source again (the job discover_{corpus}_shards), or use --force: the next listing "
                "then adds the shard anew."
            )
        lake.storage.remove(lake.manifest_path(corpus, key))
        for table in (Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS):
            remove_leftover_ledgers(lake, corpus, table, key)
        for table in sorted(Table, key=lambda table: table is Table.SHARDS):
            lake.storage.remove(lake.table_path(corpus, table, key))
        forget_footers(lake, corpus)
        forget_records(lake, corpus)
