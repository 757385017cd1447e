"""Windowed inference: what the two program stages share.

Documents flow to the refiner in source order; results come back in any order and are gathered into windows of
consecutive documents; a finished window goes to the resume ledger at once. A document whose request fails is tried
again, alone of its window, and after the last attempt recorded with its error, so that one bad document never stops a
shard. When everything fails the cause is not a document, and the stage stops with the engine's own words.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar

from prox_assets.lake.resume import ResumeLedger, WindowCost
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.stages.run import InferenceFailedError, Progress

Row = dict[str, Any]

# Failed documents are held for their next attempt. This many end the stream early, so that a server that refuses
# everything is noticed after this many requests and memory stays bounded.
FAILURES_PER_PASS = 128
# A few documents may all be bad. From this many on, without a single success in the whole run, it is the engine; once
# something has succeeded, a whole pass must fail.
SYSTEMIC_FAILURES = 8


class Result(Protocol):
    """What a refiner answers for one document."""

    @property
    def doc_id(self) -> str:
        """The document."""
        ...

    @property
    def error(self) -> str | None:
        """Why it failed, or None."""
        ...


class Work(Protocol):
    """One document of the shard, in order: its rows if they are already known, else what to ask the refiner."""

    @property
    def request(self) -> RefinerInput:
        """What the refiner is shown."""
        ...

    @property
    def known_rows(self) -> list[Row] | None:
        """Rows that need no inference (possibly none at all), or None."""
        ...


W = TypeVar("W", bound=Work)
R = TypeVar("R", bound=Result)


class WindowedInference(Generic[W, R]):
    """Runs a refiner over a shard's documents through a resume ledger.

    Args:
        ledger: Where finished windows go.
        write_programs: The refiner: one result per document, any order.
        rows_of: Turns a document and its result into table rows.
        attempts: How often a failing document is tried.
        progress: Called with (documents done, total) as windows finish.
        total: Documents in the shard.
    """

    def __init__(
        self,
        ledger: ResumeLedger,
        write_programs: Callable[[Iterable[RefinerInput]], Iterator[R]],
        rows_of: Callable[[W, R], list[Row]],
        *,
        attempts: int,
        progress: Progress,
        total: int,
    ) -> None:
        self._ledger = ledger
        self._write_programs = write_programs
        self._rows_of = rows_of
        self._attempts = attempts
        self._progress = progress
        self.total = total
        self._finished = ledger.finished_windows()
        self.windows_resumed = len(self._finished)
        self.documents_inferred = 0
        self._last_write: float | None = None  # or when the refiner was ready; None before
        self._open: dict[int, dict[int, list[Row]]] = {}  # window -> offset -> rows
        self._size: dict[int, int] = {}  # window -> documents it will have
        self._place: dict[str, tuple[int, int, W]] = {}  # documents under way
        self._failed: dict[str, tuple[W, R]] = {}

    def run(self, work: Iterable[W]) -> int:
        """Infer what is missing; return the number of windows.

        Raises:
            InferenceFailedError: Every document failed, or every one of a whole pass.
            EngineError: The engine died or stalled; finished windows are kept.
        """
        source = iter(enumerate(work))
        exhausted = False
        while not exhausted:
            fed = _Fed()
            inferred_before = self.documents_inferred
            self._consume(self._feed(source, fed))
            exhausted = fed.exhausted
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

    def _feed(self, source: Iterator[tuple[int, W]], fed: "_Fed") -> Iterator[RefinerInput]:
        """Yield what the refiner must see, until the shard ends or too much has failed."""
        for position, item in source:
            window, offset = divmod(position, self._ledger.window_documents)
            if window in self._finished:
                continue
            self._size[window] = min(self._ledger.window_documents, self.total - window * self._ledger.window_documents)
            known = item.known_rows
            if known is not None:
                self._accept(window, offset, known)
                continue
            self._place[item.request.doc_id] = (window, offset, item)
            yield item.request
            if len(self._failed) >= FAILURES_PER_PASS:
                return
        fed.exhausted = True

    def _consume(self, requests: Iterable[RefinerInput]) -> None:
        """Take one pass's results; those that failed wait in `_failed`."""
        waiting = iter(requests)
        first = next(waiting, None)
        if first is None:  # everything is known: the refiner's model must not be loaded for nothing
            return
        results = self._write_programs(chain([first], waiting))
        if self._last_write is None:
            self._last_write = time.monotonic()  # only now, as the model may have been loaded just before
        for result in results:
            window, offset, item = self._place[result.doc_id]
            if result.error is not None:
                self._failed[result.doc_id] = (item, result)
                continue
            self.documents_inferred += 1
            del self._place[result.doc_id]
            self._accept(window, offset, self._rows_of(item, result))

    def _try_failed_again(self) -> None:
        again = [item.request for item, _ in self._failed.values()]
        self._failed = {}
        self._consume(again)

    def _raise_if_systemic(self) -> None:
        """Called when a pass and its retries had no success at all: many failures are then the engine's."""
        if len(self._failed) < (FAILURES_PER_PASS if self.documents_inferred else SYSTEMIC_FAILURES):
            return
        *_, (_, last) = self._failed.values()
        raise InferenceFailedError(
            f"every document failed ({len(self._failed)} of {len(self._failed)}, {self._attempts} attempts each); "
            f"the last error was: {last.error}"
        )

    def _record_failed(self) -> None:
        """Give the documents that never succeeded their rows, which say why."""
        for doc_id, (item, result) in self._failed.items():
            window, offset, _ = self._place.pop(doc_id)
            self._accept(window, offset, self._rows_of(item, result))
        self._failed = {}

    def _accept(self, window: int, offset: int, rows: list[Row]) -> None:
        """Put a document's rows into its window; write the window when it is whole."""
        gathered = self._open.setdefault(window, {})
        gathered[offset] = rows
        if len(gathered) == self._size[window]:
            ordered = [row for place in sorted(gathered) for row in gathered[place]]
            now = time.monotonic()
            prompt_tokens = sum(row["prompt_tokens"] for row in ordered if "run_id" not in row)
            seconds = 0.0 if self._last_write is None else now - self._last_write
            self._ledger.write_window(window, ordered, WindowCost(seconds, prompt_tokens))
            self._last_write = None if self._last_write is None else now
            del self._open[window]
            self._finished.add(window)
            done = min(len(self._finished) * self._ledger.window_documents, self.total)
            self._progress(done, self.total)


class _Fed:
    """Whether the shard's documents have all been handed out."""

    exhausted = False
