"""A shard's table of programs: whether it is current, and how inferred windows become its file.

`doc_programs` and `chunk_programs` share this and the windows themselves (inference.py).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from prox_assets.lake.resume import ResumeLedger, remove_leftover_ledgers
from prox_assets.lake.schemas import Table
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.stages.inference.windows import R, Row, W, WindowedInference
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


@dataclass(frozen=True)
class ProgramTable:
    """A shard's file of DOC_PROGRAMS or CHUNK_PROGRAMS that a run is to infer.

    Attributes:
        run: The shard and its run.
        table: Which of the two.
        refiner: The refiner's inference fingerprint.
        identity: The identity that the file will have.
        documents: Documents in the shard.
    """

    run: ShardRun
    table: Table
    refiner: str
    identity: str
    documents: int

    def finished(self) -> InferenceSummary | None:
        """Describe the file if it is already current; return None if it is not, or if the run forces inference."""
        run = self.run
        info = run.lake.info(run.corpus, self.table, run.shard)
        if info is None or info.identity != self.identity or run.force:
            return None
        remove_leftover_ledgers(run.lake, run.corpus, self.table, run.shard)
        return InferenceSummary(
            documents=self.documents,
            rows=info.rows,
            reused=True,
            windows_resumed=0,
            documents_inferred=0,
            prompt_tokens=info.notes["prompt_tokens"],
            engine_seconds=info.notes["engine_seconds"],
            failed=info.notes["failed"],
        )

    def infer(
        self,
        work: Iterable[W],
        write_programs: Callable[[Iterable[RefinerInput]], Iterator[R]],
        rows_of: Callable[[W, R], list[Row]],
        notes: dict[str, Any],
        before_publish: Callable[[], None],
    ) -> InferenceSummary:
        """Infer the windows that the ledger lacks, write the file from all windows, then remove the ledger.

        Args:
            work: The shard's documents in order.
            write_programs: The refiner.
            rows_of: Turns a document and its result into table rows.
            notes: Further notes for the file.
            before_publish: Called when the file is complete; raises if the lease is lost or an input was replaced.
        """
        run = self.run
        ledger = ResumeLedger(
            run.lake,
            run.corpus,
            self.table,
            run.shard,
            self.identity,
            run.plan.window_documents,
            {
                "corpus": run.corpus,
                "shard": run.shard,
                "run_id": run.run_id,
                "code_version": run.code_version,
                "refiner": self.refiner,
            },
        )
        inference = WindowedInference(
            ledger,
            write_programs,
            rows_of,
            attempts=run.plan.request_attempts,
            progress=run.progress,
            total=self.documents,
        )
        windows = inference.run(work)
        seconds, tokens, failed = 0.0, 0, 0
        stamp = run.stamp(self.refiner, self.identity)
        with run.lake.write(run.corpus, run.shard, [self.table], stamp, before_publish) as [writer]:
            for part, cost in ledger.windows(windows):
                seconds += cost.seconds
                tokens += cost.prompt_tokens
                failed += part.num_rows - part["error"].null_count
                writer.write_table(part)
            writer.notes.update(notes, engine_seconds=seconds, prompt_tokens=tokens, failed=failed)
            rows = writer.rows
        ledger.remove()
        return InferenceSummary(
            documents=self.documents,
            rows=rows,
            reused=False,
            windows_resumed=inference.windows_resumed,
            documents_inferred=inference.documents_inferred,
            prompt_tokens=tokens,
            engine_seconds=seconds,
            failed=failed,
        )
