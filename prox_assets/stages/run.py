"""One stage's work on one shard: where, what for, on whose behalf.

Belongs here: the context that every stage takes, and the errors that stages raise.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from prox_assets import __version__
from prox_assets.lake.lake import Lake
from prox_assets.lake.lease import Lease
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp
from prox_assets.stages.plan import RefinementPlan

# A run that finds another one alive waits this long for it. Run retries start seconds after a worker's death, while the
# dead worker's step process may still be publishing its last file.
LEASE_WAIT_SECONDS = 60.0

Progress = Callable[[int, int], None]


def _silent(done: int, total: int) -> None:
    """Report to nobody."""


@dataclass(frozen=True)
class ShardRun:
    """A run's work on one shard.

    Attributes:
        lake: Where tables are.
        plan: The corpus's configuration.
        shard: Shard key.
        run_id: Written into every row and file.
        progress: Called with (documents done, documents in all) while a stage works.
        force: Do the work again even where the finished file is current.
        code_version: Written into every row and file.
    """

    lake: Lake
    plan: RefinementPlan
    shard: str
    run_id: str
    progress: Progress = field(default=_silent)
    force: bool = False
    code_version: str = __version__

    @property
    def corpus(self) -> str:
        """The corpus's name."""
        return self.plan.corpus

    def lease(self, asset: str) -> Lease:
        """Return the lease that the writer of an asset of this shard must hold."""
        return Lease(self.lake.storage, self.corpus, asset, self.shard, self.run_id, wait_seconds=LEASE_WAIT_SECONDS)

    def stamp(self, fingerprint: str, identity: str, execution_id: str | None = None) -> FileStamp:
        """Return what this run's files say about themselves."""
        return FileStamp(fingerprint, identity, self.run_id, self.code_version, execution_id)

    def check_input(self, table: Table, identity: str) -> None:
        """Make sure that a table is still the one that this run works from; call again right before publishing.

        Leases keep two writers of one table apart. Two runs with different configurations can still take turns, and
        what one of them then made would be of neither configuration.

        Raises:
            MissingTableError: The table is not there.
            InputReplacedError: It is another one.
        """
        info = self.lake.require(self.corpus, table, self.shard)
        if info.identity != identity:
            raise InputReplacedError(
                f"{table} of shard {self.shard!r} is by now that of run {info.run_id}, which refines the same shard "
                f"with another configuration; this one (run {self.run_id}) publishes nothing. Let one of them end, "
                "then start the other again, if its result is the one that you want."
            )


class StageError(Exception):
    """A stage cannot do its work; the message names the shard, the cause and the remedy."""


class StaleInputError(StageError):
    """A stage's input was made from something that has changed since; the message names the step to run again."""


class InputReplacedError(StaleInputError):
    """Another run has replaced a stage's input meanwhile; trying again takes what is there now."""


class InferenceFailedError(StageError):
    """So many documents failed that the cause is the engine or the configuration, not the documents."""
