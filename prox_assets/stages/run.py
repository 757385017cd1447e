"""One stage's work on one shard: where, what for, on whose behalf.

Belongs here: the context that every stage takes, and the errors that stages raise.
"""

from collections.abc import Callable, Mapping
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

    def check_inputs(self, identities: Mapping[Table, str]) -> None:
        """Make sure that tables are still those that this run works from; call right before publishing.

        Raises:
            MissingTableError: One is not there.
            ReplacedTableError: One is another run's.
        """
        for table, identity in identities.items():
            self.lake.require(self.corpus, table, self.shard, identity)


class StageError(Exception):
    """A stage cannot do its work; the message names the shard, the cause and the remedy."""


class StaleInputError(StageError):
    """A stage's input was made from something that has changed since; the message names the step to run again."""


class InferenceFailedError(StageError):
    """So many documents failed that the cause is the engine or the configuration, not the documents."""
