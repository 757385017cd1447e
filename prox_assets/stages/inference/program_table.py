"""A shard's table of programs: whether it is current, and how inferred windows become its file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from prox_assets.lake.records.compute import Attempt, record_attempt
from prox_assets.lake.resume import ResumeLedger, costs_so_far, remove_leftover_ledgers
from prox_assets.lake.schemas import Table
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.inference.windows import R, Row, WindowedInference, Work
from prox_assets.stages.run import ShardRun


@dataclass(frozen=True)
class InferenceSummary:
    """What a program stage did for a shard.

    Attributes:
        documents: Documents in the shard.
        rows: Rows in the finished table.
        reused: The finished file was current, so nothing was inferred.
        windows_resumed: Windows found in the ledger of a killed run.
        documents_inferred: Documents that the refiner answered in this run.
        prompt_tokens: Prompt tokens of the whole file, over all runs.
        engine_seconds: Wall time of inference for the whole file, over all runs.
        failed: Documents recorded with an error.
    """

    documents: int
    rows: int
    reused: bool
    windows_resumed: int
    documents_inferred: int
    prompt_tokens: int
    engine_seconds: float
    failed: int


def write_program_table(
    run: ShardRun,
    session: RefinerSession,
    table: Table,
    *,
    identity: str,
    inputs: Mapping[Table, str],
    documents: int,
    work: Callable[[], Iterable[Work]],
    write_programs: Callable[[Iterable[RefinerInput]], Iterator[R]],
    rows_of: Callable[[Work, R], list[Row]],
    notes: Mapping[str, Any],
) -> InferenceSummary:
    """Infer the windows that the ledger lacks, write the table's file from all windows, then remove the ledger.

    A file that is already current is left as it is, unless the run forces inference.

    Args:
        run: The shard and its run.
        session: The refiner.
        table: DOC_PROGRAMS or CHUNK_PROGRAMS; the lease has its name.
        identity: The identity that the file will have.
        inputs: The identities of the tables it is made from; nothing is published if one has been replaced.
        documents: Documents in the shard.
        work: Returns the shard's documents in order; called under the lease.
        write_programs: Asks the refiner.
        rows_of: Turns a document and its result into table rows.
        notes: Further notes for the file.

    Raises:
        ReplacedTableError: An input has been replaced meanwhile.
        InferenceFailedError: Every document failed.
        EngineError: The engine died or stalled; finished windows are kept for the next run.
    """
    with run.lease(table.value) as lease:
        info = run.lake.info(run.corpus, table, run.shard)
        if info is not None and info.identity == identity and not run.force:
            remove_leftover_ledgers(run.lake, run.corpus, table, run.shard)
            costs = {name: info.notes[name] for name in ("prompt_tokens", "engine_seconds", "failed")}
            return InferenceSummary(documents, info.rows, True, 0, 0, **costs)

        def before_publish() -> None:
            lease.check()
            run.check_inputs(inputs)

        common = {
            "corpus": run.corpus,
            "shard": run.shard,
            "run_id": run.run_id,
            "code_version": run.code_version,
            "refiner": session.fingerprint,
        }
        with session.restarting_after_engine_errors(), _account(run, session, table) as account:
            # Before the ledger is opened, which removes the windows of earlier configurations.
            for name, cost in costs_so_far(run.lake, run.corpus, table, run.shard).items():
                account.credit(name, cost.seconds, cost.prompt_tokens, cost.generated_tokens)
            ledger = ResumeLedger(run.lake, run.corpus, table, run.shard, identity, run.plan.window_documents, common)
            inference = WindowedInference(
                ledger,
                write_programs,
                rows_of,
                account=account,
                attempts=run.plan.request_attempts,
                progress=run.progress,
                total=documents,
            )
            windows = inference.run(work())
            costs = {"prompt_tokens": 0, "engine_seconds": 0.0, "failed": 0}
            stamp = run.stamp(session.fingerprint, identity)
            with run.lake.write(run.corpus, run.shard, [table], stamp, before_publish) as [writer]:
                for part, cost in ledger.windows(windows):
                    costs["engine_seconds"] += cost.seconds
                    costs["prompt_tokens"] += cost.prompt_tokens
                    costs["failed"] += part.num_rows - part["error"].null_count
                    writer.write_table(part)
                writer.notes.update(notes, **costs, refiner=session.describe())
            ledger.remove()
            resumed, inferred = inference.windows_resumed, inference.documents_inferred
            return InferenceSummary(documents, writer.rows, False, resumed, inferred, **costs)


def _account(run: ShardRun, session: RefinerSession, table: Table) -> AbstractContextManager[Attempt]:
    return record_attempt(
        run.lake,
        run.corpus,
        table.value,
        run.shard,
        run_id=run.run_id,
        model=session.describe()["name"],
        refiner=session.fingerprint,
        device=session.device(),
        parameters=session.parameters,
    )
