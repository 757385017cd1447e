"""Asset `quality_metrics`: a shard's row of `shard_metrics`, and one more row of its history."""

from datetime import UTC, datetime
from typing import Any

import polars as pl

from prox_assets.lake.errors import LakeError, ReplacedTableError
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileInfo
from prox_assets.monitoring.metrics.shard_metrics import CountTokens, shard_metrics
from prox_assets.stages.aligned_rows import inputs_of_execution
from prox_assets.stages.identities import metrics_identity
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.run import ShardRun, StaleInputError

ASSET = "quality_metrics"

_MEASURED = (Table.DOCUMENTS, Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS, Table.REFINED, Table.OUTCOMES, Table.EDITS)


def measure_shard(run: ShardRun) -> dict[str, Any]:
    """Measure a refined shard; write the latest row and add it to the history; return it.

    Raises:
        MissingTableError: The shard has not been refined.
        LakeError: One of its files is damaged.
        StaleInputError: Its refinement was cut short, or its programs have been written anew since.
        ReplacedTableError: It has been executed anew meanwhile, or its programs have been written anew.
    """
    with run.lease(ASSET) as lease:
        measured = _measured_files(run)
        outcomes, chunk_programs = measured[Table.OUTCOMES], measured[Table.CHUNK_PROGRAMS]
        execution_id = run.lake.execution(run.corpus, run.shard)
        if outcomes.notes["execution_id"] != execution_id:
            raise StaleInputError(
                f"an execution of shard {run.shard!r} was cut short before it was published; "
                "materialize refined_shards again"
            )
        if outcomes.notes["chunk_programs"] != chunk_programs.identity:
            raise StaleInputError(
                f"refined_shards of shard {run.shard!r} was made from programs that have been written anew since; "
                "materialize refined_shards again"
            )

        def check_still_measured() -> None:
            run.check_inputs(inputs_of_execution(chunk_programs))
            # Files are put in place one by one and the manifest last: it alone does not tell that some are new.
            if _measured_files(run) != measured or run.lake.execution(run.corpus, run.shard) != execution_id:
                raise ReplacedTableError(
                    f"shard {run.shard!r} has been executed anew while it was measured; run quality_metrics again"
                )

        def before_publish() -> None:
            lease.check()
            check_still_measured()

        try:
            metrics = shard_metrics(run.lake, run.corpus, run.shard, _token_counter(run.plan))
        except pl.exceptions.PolarsError as error:
            # polars opens a file twice, for its footer and for its rows: between the two it may have been replaced.
            check_still_measured()
            raise LakeError(
                f"a table of shard {run.shard!r} is damaged ({' '.join(str(error).split())}): materialize raw_shards, "
                "doc_programs, chunk_programs and refined_shards again"
            ) from error
        row = {
            **metrics,
            "measured_at": datetime.now(UTC),
            "execution_fingerprint": outcomes.fingerprint,
            "execution_id": execution_id,
            "run_id": run.run_id,
            "code_version": run.code_version,
            "corpus": run.corpus,
            "shard": run.shard,
        }
        history = [
            earlier
            for earlier in run.lake.rows(run.corpus, Table.SHARD_METRICS_HISTORY, run.shard)
            # A step that was killed after its last write is retried by the same run, and counts once.
            if (earlier["run_id"], earlier["execution_id"]) != (run.run_id, execution_id)
        ]
        stamp = run.stamp(outcomes.fingerprint, metrics_identity(execution_id))
        tables = [Table.SHARD_METRICS, Table.SHARD_METRICS_HISTORY]
        with run.lake.write(run.corpus, run.shard, tables, stamp, before_publish) as [latest, everything]:
            latest.write(row)
            for earlier in history:
                everything.write(earlier)
            everything.write(row)
    return row


def _measured_files(run: ShardRun) -> dict[Table, FileInfo]:
    """Describe every file that is measured; executions of an earlier release have no chunk_outcomes.

    Raises:
        MissingTableError: One is not there.
    """
    files = {table: run.lake.require(run.corpus, table, run.shard) for table in _MEASURED}
    verdicts = run.lake.info(run.corpus, Table.CHUNK_OUTCOMES, run.shard)
    return files if verdicts is None else {**files, Table.CHUNK_OUTCOMES: verdicts}


def _token_counter(plan: RefinementPlan) -> CountTokens | None:
    """Count with the chunk refiner's tokenizer, else the document refiner's; without a model tokens stay null."""
    for level in ("chunk", "doc"):
        counter = plan.session(level).token_counter()
        if counter is not None:
            return counter
    return None
