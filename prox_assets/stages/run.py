"""The context that every stage takes (lake, plan, shard, run), and the errors that stages raise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prox_assets import __version__
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.lease import Lease
from prox_assets.lake.table_files import FileStamp
from prox_assets.stages.plan import RefinementPlan

# How long a run waits for another live run. A retry starts seconds after its worker's death, while the dead worker's
# step process may still be publishing its last file.
LEASE_WAIT_SECONDS = 60.0

Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class ShardRun:
    """A run's work on one shard.

    Attributes:
        lake: Where tables are.
        plan: The corpus's configuration.
        shard: Shard key.
        run_id: Written into every row and file.
        progress: Called with (documents done, total documents) while a stage works.
        force: Do the work again even if the finished file is current.
        code_version: Written into every row and file.
    """

    lake: Lake
    plan: RefinementPlan
    shard: str
    run_id: str
    progress: Progress = field(default=silent)
    force: bool = False
    code_version: str = __version__

    @property
    def corpus(self) -> str:
        """The corpus's name."""
        return self.plan.corpus

    def lease(self, asset: str) -> Lease:
        """Return the lease that a writer of this shard's asset must hold."""
        return Lease(self.lake.storage, self.corpus, asset, self.shard, self.run_id, wait_seconds=LEASE_WAIT_SECONDS)

    def stamp(self, fingerprint: str, identity: str, execution_id: str | None = None) -> FileStamp:
        """Return the stamp that this run puts into its files."""
        return FileStamp(fingerprint, identity, self.run_id, self.code_version, execution_id)

    def check_inputs(self, identities: Mapping[Table, str]) -> None:
        """Check that the tables are still the ones that this run works from; call right before publishing.

        Raises:
            MissingTableError: A table is missing.
            ReplacedTableError: Another run has replaced a table.
        """
        for table, identity in identities.items():
            self.lake.require(self.corpus, table, self.shard, identity)


class StageError(Exception):
    """A stage cannot do its work; the message names the shard, the cause and the remedy."""


class StaleInputError(StageError):
    """A stage's input is out of date with its own inputs; the message names the step to run again."""


class InferenceFailedError(StageError):
    """Too many documents failed for them to be the cause: check the engine or the configuration."""
