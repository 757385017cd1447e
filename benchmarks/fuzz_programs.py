"""A million broken programs through parser and both executors: `python -m benchmarks.fuzz_programs`.

Every input is made from the seed and its number (`prox_assets/testing/program_mutations.py`) and held against
`prox_assets/testing/program_invariants.py`, in processes with bounded memory and a deadline for each input. One that
breaks something is printed with its number; `--seed S --first N --programs 1` runs it alone. Put it into
`prox_assets_tests/programs/execution/test_hostile_programs.py`.
"""

import argparse
import importlib.util
import multiprocessing
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from prox_assets.programs import ExecutionPolicy, parse
from prox_assets.testing.program_cases import chunked_documents
from prox_assets.testing.program_invariants import (
    Released,
    check_document,
    check_parsing,
    check_provenance,
    check_reference,
    check_strict,
)
from prox_assets.testing.program_mutations import HostileInput, hostile_input

BATCH = 1_000
# Inputs are a few kilobytes, but for the bombs of up to a megabyte: linear work on those is tens of milliseconds.
STRICT_SECONDS = 2.0
# Reference mode follows the released code's growth up to 2^27 characters before it calls it a crash.
REFERENCE_SECONDS = 10.0
# The same growth sets the bound of memory: a text of 2^27 characters, the one before it, and what an interpreter needs.
HEADROOM_BYTES = 2 << 30
# hypothesis makes about a hundredth as many inputs in a second as the mutator, but shrinks what it finds.
HYPOTHESIS_SHARE = 0.01
REPORT_EVERY = 50_000


class TooSlowError(Exception):
    """An input used up its processor time."""


@dataclass
class BatchResult:
    """What a batch of inputs came to.

    Attributes:
        programs: Programs that were run, each through parser and both executors.
        inputs: Documents, each with one or more programs.
        operations: Operations that were parsed.
        errors: Pieces of programs that are no operation.
        released: Documents that the released code itself was run on.
        outcomes: Outcomes of strict execution.
        slowest: (processor seconds, number) of the slowest strict and reference executions.
        rise: (bytes, number) of the largest memory that one input took beyond what the process held.
        peak: The highest peak memory of a process, bytes.
        failures: (number, what is wrong).
    """

    programs: int = 0
    inputs: int = 0
    operations: int = 0
    errors: int = 0
    released: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, tuple[float, int]] = field(default_factory=dict)
    rise: tuple[int, int] = (0, 0)
    peak: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: "BatchResult") -> None:
        """Take in another batch."""
        self.programs += other.programs
        self.inputs += other.inputs
        self.operations += other.operations
        self.errors += other.errors
        self.released += other.released
        self.outcomes += other.outcomes
        for name, slow in other.slowest.items():
            self.slowest[name] = max(self.slowest.get(name, slow), slow)
        self.rise = max(self.rise, other.rise)
        self.peak = max(self.peak, other.peak)
        self.failures += other.failures


def main(arguments: list[str] | None = None) -> int:
    """Run; return 1 if any input broke something."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz_programs", description=__doc__)
    parser.add_argument("--programs", type=int, default=1_000_000, help="programs at least (an input has several)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    parser.add_argument(
        "--reference", type=Path, help="checkout of GAIR-NLP/ProX: compare reference mode with its executor too"
    )
    options = parser.parse_args(arguments)
    checkout = str(options.reference) if options.reference else None
    started = time.monotonic()
    total, broken = BatchResult(), False
    if not options.first:
        total.add(with_hypothesis(options.seed, round(options.programs * HYPOTHESIS_SHARE), checkout))
    for result in _batches(options, checkout):
        total.add(result)
        for number, what in result.failures:
            broken = True
            print(f"input {number} of seed {options.seed}: {what}", flush=True)
    _report(total, options.seed, time.monotonic() - started)
    return 1 if broken or total.failures else 0


def with_hypothesis(seed: int, examples: int, checkout: str | None) -> BatchResult:
    """Run hypothesis's own cases; a failure comes shrunk.

    Raises:
        Exception: What the smallest failing case raised, with the case in its notes.
    """
    result, released = BatchResult(), _released(checkout)
    signal.signal(signal.SIGPROF, _too_slow)

    @hypothesis_seed(seed)
    @settings(
        max_examples=max(examples, 1),
        deadline=None,  # it would be one of wall time; `check` bounds processor time
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(chunked_documents())
    def hold(document: tuple[str, list]) -> None:
        check(HostileInput(*document, ExecutionPolicy()), -1, result, released)

    hold()
    return result


def run_batch(seed: int, first: int, count: int, checkout: str | None) -> BatchResult:
    """Run the inputs `first` to `first + count - 1`."""
    result, released = BatchResult(), _released(checkout)
    for number in range(first, first + count):
        before = _fresh_peak()
        try:
            check(hostile_input(seed, number), number, result, released)
        except Exception as error:
            # Whatever it is: nothing may be raised for any input.
            result.failures.append((number, f"{type(error).__name__}: {str(error)[:500]}"))
        peak = _memory("VmHWM")
        result.rise = max(result.rise, (peak - before, number))
        result.peak = max(result.peak, peak)
    return result


def check(case: HostileInput, number: int, result: BatchResult, released: Released | None) -> None:
    """Hold one input against every invariant, under the deadlines.

    Raises:
        AssertionError: One does not hold.
        Exception: Whatever else the code under test raises, TooSlowError among it.
    """
    result.inputs += 1
    with _timed("strict", STRICT_SECONDS, number, result):
        for item in case.programs:
            result.programs += 1
            if isinstance(item.program, str):
                parsed = parse(item.program)
                result.operations += len(parsed.operations)
                result.errors += len(parsed.errors)
                check_parsing(item.program)
                check_document(case.text, item.program)
        refinement = check_strict(case)
        check_provenance(case, refinement)
    result.outcomes[refinement.outcome.value] += 1
    with _timed("reference", REFERENCE_SECONDS, number, result):
        result.released += check_reference(case.text, case.programs, released)


@contextmanager
def _timed(name: str, seconds: float, number: int, result: BatchResult) -> Iterator[None]:
    """Bound and note the processor time of a block; a busy machine is no reason to fail."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    started = time.process_time()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        spent = (time.process_time() - started, number)
        result.slowest[name] = max(result.slowest.get(name, spent), spent)


def _too_slow(signal_number: int, frame: FrameType | None) -> None:
    raise TooSlowError("the input used up its processor time")


def _bound_process() -> None:
    """Bound the memory of this process and arm its deadlines."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + HEADROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.signal(signal.SIGPROF, _too_slow)


def _batches(options: argparse.Namespace, checkout: str | None) -> Iterator[BatchResult]:
    """Yield result until enough programs have been run; a batch whose process died is a failure."""
    context = multiprocessing.get_context("spawn")
    progress = Progress(
        *Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn(), console=_stderr
    )
    with ProcessPoolExecutor(options.processes, context, _bound_process) as pool, progress:
        shown = progress.add_task("programs", total=options.programs)
        pending: dict[Future[BatchResult], int] = {}
        following, done = options.first, 0
        while done < options.programs or pending:
            while done < options.programs and len(pending) < 2 * options.processes:
                count = min(BATCH, options.programs - done)
                future = pool.submit(run_batch, options.seed, following, count, checkout)
                pending[future] = following
                following += count
            finished = next(as_completed(pending))
            first = pending.pop(finished)
            try:
                result = finished.result()
            except Exception as error:
                yield BatchResult(failures=[(first, f"the process died in a batch that begins here: {error!r}")])
                return
            if not _stderr.is_terminal and done // REPORT_EVERY < (done + result.programs) // REPORT_EVERY:
                _stderr.print(f"{done + result.programs:,} programs, inputs up to {following - 1:,}", highlight=False)
            done += result.programs
            progress.update(shown, completed=done)
            yield result


_stderr = Console(stderr=True)


def _released(checkout: str | None) -> Released | None:
    """Return the chunk executor of a checkout of the released code."""
    if checkout is None:
        return None
    path = Path(checkout, "utils", "chunk_utils.py")
    specification = importlib.util.spec_from_file_location("released_chunk_utils", path)
    if specification is None or specification.loader is None or not path.is_file():
        raise SystemExit(f"{path} is not there: --reference names a checkout of GAIR-NLP/ProX")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return lambda text, program: module.execute_meta_operations(text, program, 0.0, 0.95, 2)


def _fresh_peak() -> int:
    """Return what the process holds, in bytes, and let Linux count its peak anew (`man 5 proc`, clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def _report(total: BatchResult, seed: int, seconds: float) -> None:
    rows = [
        ("programs", f"{total.programs:,} (seed {seed}) for {total.inputs:,} documents"),
        ("calls read, pieces that are none", f"{total.operations:,}, {total.errors:,}"),
        ("documents run through the released code too", f"{total.released:,}"),
        *((f"outcome {name}", f"{count:,}") for name, count in sorted(total.outcomes.items())),
        *(
            (f"slowest input, {name}", f"{spent * 1000:,.0f} ms of processor time (input {number})")
            for name, (spent, number) in sorted(total.slowest.items())
        ),
        ("most memory that one input took", f"{total.rise[0] >> 20:,} MiB (input {total.rise[1]})"),
        ("peak memory of a process", f"{total.peak >> 20:,} MiB"),
        ("inputs that broke something", f"{len(total.failures):,}"),
        ("time", f"{seconds:,.0f} s"),
    ]
    print("\n".join(f"| {name} | {value} |" for name, value in rows))


if __name__ == "__main__":
    sys.exit(main())
