"""Fuzz the parser and both executors with a million broken programs: `python -m benchmarks.fuzz_programs`.

`--dialect` takes the dialect of another refiner, or `mixed` for all in turn; those run through strict execution only.
Every input is generated from the seed and its number (`prox_assets/testing/programs/mutations.py`, of other dialects
than ProX `prox_assets/testing/programs/dialect_inputs.py`) and checked against
`prox_assets/testing/programs/invariants.py`, in processes with bounded memory and a deadline per input. An input that
breaks an invariant is printed with its number; `--seed S --first N --programs 1` runs it alone. Add it to
`prox_assets_tests/programs/execution/test_hostile_programs.py`.
"""

import argparse
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
from typing import Literal

import psutil
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.peak import peak_bytes
from benchmarks.support.released_code import EXECUTOR, load_module
from prox_assets.programs import DIALECTS, DialectName, ExecutionPolicy
from prox_assets.testing.programs.cases import chunked_documents
from prox_assets.testing.programs.dialect_inputs import NEW_DIALECTS, dialect_input, mixed_input
from prox_assets.testing.programs.invariants import (
    Released,
    check_document,
    check_parsing,
    check_provenance,
    check_reference,
    check_strict,
)
from prox_assets.testing.programs.mutations import HostileInput

BATCH = 1_000
# Inputs are a few kilobytes, apart from bombs of up to a megabyte, on which linear work takes tens of milliseconds.
STRICT_SECONDS = 2.0
# Reference mode lets a text grow to 2^27 characters, like the released code, before it declares a crash.
REFERENCE_SECONDS = 10.0
# Memory for that growth: a text of 2^27 characters, the one before it, and the interpreter.
HEADROOM_BYTES = 2 << 30
# hypothesis generates about a hundredth as many inputs per second as the mutator, but shrinks the failures.
HYPOTHESIS_SHARE = 0.01
REPORT_EVERY = 50_000


class TooSlowError(Exception):
    """An input exceeded its CPU time."""


@dataclass
class BatchResult:
    """Totals of a batch of inputs.

    Attributes:
        programs: Programs run, each through the parser and both executors.
        inputs: Documents, each with one or more programs.
        operations: Operations parsed.
        errors: Fragments of programs that are not operations.
        released: Documents also run through the released code.
        outcomes: Outcomes of strict execution.
        slowest: (CPU seconds, input number) of the slowest strict and reference executions.
        rise: (bytes, input number) of the largest growth in memory during one input.
        peak: Highest peak memory of any process, in bytes.
        failures: (input number, problem).
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
        """Add the totals of another batch."""
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
    """Run the inputs; return 1 if any of them breaks an invariant."""
    parser = command_parser("fuzz_programs", __doc__, pages=False)
    parser.add_argument("--programs", type=positive, default=1_000_000, help="minimum programs, several per input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--dialect", choices=("prox", *NEW_DIALECTS, "mixed"), default="prox")
    parser.add_argument("--processes", type=positive, default=multiprocessing.cpu_count())
    parser.add_argument("--reference", type=Path, help="checkout of GAIR-NLP/ProX whose executor to compare with")
    options = parser.parse_args(arguments)
    if options.reference and not (options.reference / EXECUTOR).is_file():
        parser.error(f"{options.reference} has no {EXECUTOR}: --reference takes a checkout of GAIR-NLP/ProX")
    if options.reference and options.dialect != "prox":
        parser.error("--reference compares programs of the dialect prox")
    checkout = str(options.reference) if options.reference else None
    started = time.monotonic()
    total, broken = BatchResult(), False
    if not options.first and options.dialect == "prox":
        total.add(with_hypothesis(options.seed, round(options.programs * HYPOTHESIS_SHARE), checkout))
    for result in _batches(options, checkout):
        total.add(result)
        for number, problem in result.failures:
            broken = True
            print(f"input {number} of seed {options.seed}, {options.dialect}: {problem}", flush=True)
    _report(total, options, time.monotonic() - started)
    return 1 if broken or total.failures else 0


def with_hypothesis(seed: int, examples: int, checkout: str | None) -> BatchResult:
    """Run cases generated by hypothesis, which shrinks failures.

    Raises:
        Exception: Raised by the smallest failing case, which its notes describe.
    """
    result, released = BatchResult(), _released(checkout)
    signal.signal(signal.SIGPROF, _too_slow)

    @hypothesis_seed(seed)
    @settings(
        max_examples=max(examples, 1),
        deadline=None,  # wall time; `check` limits CPU time instead
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(chunked_documents())
    def hold(document: tuple[str, list]) -> None:
        check(HostileInput(*document, ExecutionPolicy()), -1, result, released)

    hold()
    return result


def run_batch(
    dialect: DialectName | Literal["mixed"], seed: int, first: int, count: int, checkout: str | None
) -> BatchResult:
    """Run inputs `first` to `first + count - 1` of a dialect, or of all but ProX in turn ("mixed")."""
    result, released = BatchResult(), _released(checkout)
    for number in range(first, first + count):
        before = _fresh_peak()
        try:
            case = mixed_input(seed, number) if dialect == "mixed" else dialect_input(dialect, seed, number)
            check(case, number, result, released)
        except Exception as error:
            # No input may raise anything.
            result.failures.append((number, f"{type(error).__name__}: {str(error)[:500]}"))
        peak = peak_bytes()
        result.rise = max(result.rise, (peak - before, number))
        result.peak = max(result.peak, peak)
    return result


def check(case: HostileInput, number: int, result: BatchResult, released: Released | None) -> None:
    """Check every invariant on one input, within the deadlines.

    Raises:
        AssertionError: An invariant does not hold.
        Exception: Anything else the code under test raises, including TooSlowError.
    """
    result.inputs += 1
    dialect = case.policy.dialect
    with _timed("strict", STRICT_SECONDS, number, result):
        for item in case.programs:
            result.programs += 1
            if isinstance(item.program, str):
                parsed = DIALECTS[dialect].parse(item.program)
                result.operations += len(parsed.operations)
                result.errors += len(parsed.errors)
                check_parsing(item.program, dialect)
                if dialect == "prox":
                    check_document(case.text, item.program)
        refinement = check_strict(case)
        check_provenance(case, refinement)
    result.outcomes[refinement.outcome.value] += 1
    if dialect != "prox":
        return
    with _timed("reference", REFERENCE_SECONDS, number, result):
        result.released += check_reference(case.text, case.programs, released)


@contextmanager
def _timed(name: str, seconds: float, number: int, result: BatchResult) -> Iterator[None]:
    """Limit and record the CPU time of a block, so that a busy machine causes no failures."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    started = time.process_time()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        spent = (time.process_time() - started, number)
        result.slowest[name] = max(result.slowest.get(name, spent), spent)


def _too_slow(signal_number: int, frame: FrameType | None) -> None:
    raise TooSlowError("exceeded its CPU time")


def _bound_process() -> None:
    """Limit the memory of this process and install its deadline handler."""
    limit = psutil.Process().memory_info().vms + HEADROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.signal(signal.SIGPROF, _too_slow)


def _batches(options: argparse.Namespace, checkout: str | None) -> Iterator[BatchResult]:
    """Yield batches until enough programs have run; a batch whose process died is a failure."""
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
                future = pool.submit(run_batch, options.dialect, options.seed, following, count, checkout)
                pending[future] = following
                following += count
            finished = next(as_completed(pending))
            first = pending.pop(finished)
            try:
                result = finished.result()
            except Exception as error:
                yield BatchResult(failures=[(first, f"the process died in the batch that starts here: {error!r}")])
                return
            if not _stderr.is_terminal and done // REPORT_EVERY < (done + result.programs) // REPORT_EVERY:
                _stderr.print(f"{done + result.programs:,} programs, inputs up to {following - 1:,}", highlight=False)
            done += result.programs
            progress.update(shown, completed=done)
            yield result


_stderr = Console(stderr=True)


def _released(checkout: str | None) -> Released | None:
    """Return the chunk executor in a checkout of the released code."""
    if checkout is None:
        return None
    module = load_module(Path(checkout, EXECUTOR), "released_chunk_utils")
    return lambda text, program: module.execute_meta_operations(text, program, 0.0, 0.95, 2)


def _fresh_peak() -> int:
    """Reset Linux's peak memory counter for this process (`man 5 proc`, clear_refs); return its resident bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return psutil.Process().memory_info().rss


def _report(total: BatchResult, options: argparse.Namespace, seconds: float) -> None:
    rows = [
        ("programs", f"{total.programs:,} of {options.dialect} (seed {options.seed}) for {total.inputs:,} documents"),
        ("operations parsed, fragments that are none", f"{total.operations:,}, {total.errors:,}"),
        ("documents also run through the released code", f"{total.released:,}"),
        *((f"outcome {name}", f"{count:,}") for name, count in sorted(total.outcomes.items())),
        *(
            (f"slowest input, {name}", f"{spent * 1000:,.0f} ms of CPU time (input {number})")
            for name, (spent, number) in sorted(total.slowest.items())
        ),
        ("largest growth in memory during an input", f"{total.rise[0] >> 20:,} MiB (input {total.rise[1]})"),
        ("peak memory of a process", f"{total.peak >> 20:,} MiB"),
        ("failing inputs", f"{len(total.failures):,}"),
        ("time", f"{seconds:,.0f} s"),
    ]
    print("\n".join(f"| {name} | {value} |" for name, value in rows))


if __name__ == "__main__":
    sys.exit(main())
