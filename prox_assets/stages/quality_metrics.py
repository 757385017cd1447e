"""Asset `quality_metrics`: a shard's row of `shard_metrics`, and one more row of its history."""

import json
from datetime import UTC, datetime
from typing import Any

from prox_assets.lake.errors import LakeError, ReplacedTableError
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.metrics.shard_metrics import shard_metrics
from prox_assets.monitoring.metrics.shard_tables import ShardTables
from prox_assets.monitoring.metrics.texts import CountTokens
from prox_assets.stages.aligned_rows import inputs_of_execution
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.run import ShardRun, StaleInputError
from prox_assets.stages.states.identities import metrics_identity

ASSET = "quality_metrics"


def measure_shard(run: ShardRun) -> dict[str, Any]:
    """Measure a refined shard; write the latest row and add it to the history; return it.

    Metrics that already describe the published execution are left as they are, unless the run forces a measurement.

    Raises:
        MissingTableError: The shard has not been refined.
        LakeError: One of its files is damaged.
        StaleInputError: Its refinement was cut short, or its programs have been replaced since.
        ReplacedTableError: It has been executed again meanwhile, or its programs have been replaced.
    """
    with run.lease(ASSET) as lease:
        tables = ShardTables.of(run.lake, run.corpus, run.shard)
        outcomes, chunk_programs = tables.files[Table.OUTCOMES], tables.files[Table.CHUNK_PROGRAMS]
        execution_id = tables.execution_id
        if outcomes.notes["execution_id"] != execution_id:
            raise StaleInputError(
                f"an execution of shard {run.shard!r} was cut short before it was published; "
                "materialize refined_shards again"
            )
        if outcomes.notes["chunk_programs"] != chunk_programs.identity:
            raise StaleInputError(
                f"refined_shards of shard {run.shard!r} was executed from programs that have been replaced since; "
                "materialize refined_shards again"
            )

        def before_publish() -> None:
            lease.check()
            run.check_inputs(inputs_of_execution(chunk_programs))
            # Files are put in place one by one and the manifest last: it alone does not tell that some are new.
            if ShardTables.of(run.lake, run.corpus, run.shard) != tables:
                raise ReplacedTableError(
                    f"shard {run.shard!r} was executed again while it was measured; run quality_metrics again"
                )

        if not run.force and _is_measured(run, execution_id):
            return next(run.lake.rows(run.corpus, Table.SHARD_METRICS, run.shard))
        row = {
            **shard_metrics(tables, _token_counter(run.plan)),
            "measured_at": datetime.now(UTC),
            "refiners": _name_of_refiners(run, execution_id),
            "execution_fingerprint": outcomes.fingerprint,
            "execution_id": execution_id,
            "run_id": run.run_id,
            "code_version": run.code_version,
            "corpus": run.corpus,
            "shard": run.shard,
        }
        history = list(run.lake.rows(run.corpus, Table.SHARD_METRICS_HISTORY, run.shard))
        stamp = run.stamp(outcomes.fingerprint, metrics_identity(execution_id))
        written = [Table.SHARD_METRICS, Table.SHARD_METRICS_HISTORY]
        with run.lake.write(run.corpus, run.shard, written, stamp, before_publish) as [latest, everything]:
            latest.write(row)
            for earlier in history:
                # A step that was killed after its last write is retried by the same run, and counts once.
                if (earlier["run_id"], earlier["execution_id"]) != (run.run_id, execution_id):
                    everything.write(earlier)
            everything.write(row)
    return row


def _is_measured(run: ShardRun, execution_id: str | None) -> bool:
    """Check both files: after a kill between them, the history would otherwise lack this execution forever."""
    try:
        files = [
            run.lake.info(run.corpus, table, run.shard) for table in (Table.SHARD_METRICS, Table.SHARD_METRICS_HISTORY)
        ]
    except LakeError:
        return False  # a damaged file is written again
    return all(info is not None and info.identity == metrics_identity(execution_id) for info in files)


def _name_of_refiners(run: ShardRun, execution_id: str | None) -> str | None:
    """Return the name, which the next execution may overwrite in `policies`; None where the configuration is gone."""
    for row in run.lake.rows(run.corpus, Table.POLICIES, run.shard):
        if row["execution_id"] == execution_id:
            return json.loads(row["configuration"])["refiners"]["name"]
    return None


def _token_counter(plan: RefinementPlan) -> CountTokens | None:
    """Count with the chunk refiner's tokenizer, else the document refiner's; without a model tokens stay null."""
    for level in ("chunk", "doc"):
        counter = plan.session(level).token_counter()
        if counter is not None:
            return counter
    return None
