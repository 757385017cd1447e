"""Windowed inference, shared by the two program stages.

Documents go to the refiner in source order. Results come back in any order and are collected into windows of
consecutive documents; each finished window goes to the resume ledger at once. A document whose request fails is tried
again by itself, and recorded with its error after the last attempt. If every request fails, the cause is not a
document, and the stage stops with the engine's error message.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, TypeVar

from prox_assets.lake.records.compute import Attempt
from prox_assets.lake.resume import ResumeLedger, WindowCost
from prox_assets.refiners.protocol import ChunkPrograms, DocumentProgram, RefinerInput
from prox_assets.stages.run import InferenceFailedError, Progress

Row = dict[str, Any]

# Failed documents wait in memory for their next attempt. This many end the pass early, which bounds memory and the
# requests to a server that refuses everything.
FAILURES_PER_PASS = 128
# Without any success, this many failures mean that the engine is at fault; after a success, a whole pass must fail.
SYSTEMIC_FAILURES = 8


@dataclass(frozen=True, slots=True)
class Work:
    """One document of the shard.

    Attributes:
        request: What the refiner is shown.
        text_hash: The text's hash.
        source_row: The document's row in the source.
        known_rows: Its rows if they need no inference (an empty list if it has none), else None.
    """

    request: RefinerInput
    text_hash: str
    source_row: int
    known_rows: list[Row] | None = None


R = TypeVar("R", DocumentProgram, ChunkPrograms)


class WindowedInference(Generic[R]):
    """Runs a refiner over a shard's documents through a resume ledger.

    Args:
        ledger: Where finished windows go.
        write_programs: The refiner; it gives one result per document, in any order.
        rows_of: Turns a document and its result into table rows.
        account: What the attempt costs is added to it.
        attempts: How often a failing document is tried in total.
        progress: Called with (documents done, total) as windows finish.
        total: Documents in the shard.
    """

    def __init__(
        self,
        ledger: ResumeLedger,
        write_programs: Callable[[Iterable[RefinerInput]], Iterator[R]],
        rows_of: Callable[[Work, R], list[Row]],
        *,
        account: Attempt,
        attempts: int,
        progress: Progress,
        total: int,
    ) -> None:
        self._ledger = ledger
        self._write_programs = write_programs
        self._rows_of = rows_of
        self._account = account
        self._attempts = attempts
        self._progress = progress
        self.total = total
        self._finished = ledger.finished_windows()
        self.windows_resumed = len(self._finished)
        self.documents_inferred = 0
        self._exhausted = False  # the refiner has been fed all of the shard's documents
        self._last_write: float | None = None  # before the first write, when the refiner became ready; None before that
        self._open: dict[int, dict[int, list[Row]]] = {}  # window -> offset -> rows
        self._size: dict[int, int] = {}  # window -> documents it will have
        self._place: dict[str, tuple[int, int, Work]] = {}  # documents in progress
        self._failed: dict[str, tuple[Work, R]] = {}

    def run(self, work: Iterable[Work]) -> int:
        """Infer what is missing; return the number of windows.

        Raises:
            InferenceFailedError: Every document failed, or every document of a whole pass.
            EngineError: The engine died or stalled; finished windows are kept.
        """
        source = iter(enumerate(work))
        while not self._exhausted:
            inferred_before = self.documents_inferred
            self._consume(self._feed(source))
            for _ in range(1, self._attempts):
                self._try_failed_again()
            if self.documents_inferred == inferred_before:
                self._raise_if_systemic()
            self._record_failed()
        if self._place:
            raise InferenceFailedError(
                f"the refiner gave no answer for {len(self._place)} documents, e.g. {next(iter(self._place))}: "
                "it must give one per document"
            )
        return -(-self.total // self._ledger.window_documents)

    def _feed(self, source: Iterator[tuple[int, Work]]) -> Iterator[RefinerInput]:
        """Yield the requests to the refiner until the shard ends or too many have failed."""
        for position, item in source:
            window, offset = divmod(position, self._ledger.window_documents)
            if window in self._finished:
                continue
            self._size[window] = min(self._ledger.window_documents, self.total - window * self._ledger.window_documents)
            if item.known_rows is not None:
                self._accept(window, offset, item.known_rows)
                continue
            self._place[item.request.doc_id] = (window, offset, item)
            yield item.request
            if len(self._failed) >= FAILURES_PER_PASS:
                return
        self._exhausted = True

    def _consume(self, requests: Iterable[RefinerInput]) -> None:
        """Process the results of one pass; failed documents wait in `_failed`."""
        waiting = iter(requests)
        first = next(waiting, None)
        if first is None:  # all rows are known: do not load the refiner's model for nothing
            return
        results = self._write_programs(chain([first], waiting))
        if self._last_write is None:
            self._last_write = time.monotonic()  # only now, because the model may have been loaded just before
        for result in results:
            window, offset, item = self._place[result.doc_id]
            if result.error is not None:
                self._failed[result.doc_id] = (item, result)
                continue
            self.documents_inferred += 1
            del self._place[result.doc_id]
            rows = self._rows_of(item, result)
            self._account.prompt_tokens += sum(row["prompt_tokens"] for row in rows)
            self._account.generated_tokens += sum(row["completion_tokens"] for row in rows)
            self._accept(window, offset, rows)

    def _try_failed_again(self) -> None:
        again = [item.request for item, _ in self._failed.values()]
        self._failed = {}
        self._consume(again)

    def _raise_if_systemic(self) -> None:
        """Blame the engine for many failures; called when a pass and its retries had no success at all."""
        if len(self._failed) < (FAILURES_PER_PASS if self.documents_inferred else SYSTEMIC_FAILURES):
            return
        *_, (_, last) = self._failed.values()
        raise InferenceFailedError(
            f"every document failed ({len(self._failed)} of {len(self._failed)}, {self._attempts} attempts each); "
            f"the last error was: {last.error}"
        )

    def _record_failed(self) -> None:
        """Write rows for the documents that never succeeded, with their errors."""
        for doc_id, (item, result) in self._failed.items():
            window, offset, _ = self._place.pop(doc_id)
            self._accept(window, offset, self._rows_of(item, result))
        self._failed = {}

    def _accept(self, window: int, offset: int, rows: list[Row]) -> None:
        """Put a document's rows into its window; write the window once it is complete."""
        gathered = self._open.setdefault(window, {})
        gathered[offset] = rows
        if len(gathered) == self._size[window]:
            ordered = [row for place in sorted(gathered) for row in gathered[place]]
            now = time.monotonic()
            inferred = [row for row in ordered if "run_id" not in row]
            prompt_tokens, generated_tokens = (
                sum(row[name] for row in inferred) for name in ("prompt_tokens", "completion_tokens")
            )
            seconds = 0.0 if self._last_write is None else now - self._last_write
            cost = WindowCost(seconds, prompt_tokens, generated_tokens, self._account.name)
            self._ledger.write_window(window, ordered, cost)
            self._account.engine_seconds = (self._account.engine_seconds or 0.0) + seconds
            if self._last_write is not None:
                self._last_write = now
            del self._open[window]
            self._finished.add(window)
            done = min(len(self._finished) * self._ledger.window_documents, self.total)
            self._progress(done, self.total)
