"""Compare reference mode with the released executors: `python -m benchmarks.released_executors --ultrax DIR ...`.

Each option names a checkout: of GAIR-NLP/ProX, openbmb/UltraX or cxcscmu/ReScraper. Mutated programs run through the
released code and through reference mode, on single and on several windows, over texts full of characters at which some
code ends a line; the texts that are left must be the same, character for character. The records of every execution are
checked too. An input is generated from the seed and its number, so `--first N --programs 1` runs one again.

Two kinds of inputs have no result to compare: those on which the released code crashes or would fill memory, and those
that it does not finish.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.released_code import EXECUTOR
from benchmarks.support.released_executors import (
    RESCRAPER_FILTER,
    RESCRAPER_READER,
    ULTRAX_EXECUTION,
    ULTRAX_INFERENCE,
    NeverFinishesError,
    ReleasedExecutor,
    bounded_time,
    released_prox,
    released_rescraper,
    released_ultrax,
)
from prox_assets.programs import Outcome, Reason, execute
from prox_assets.programs.execution.reference.prox import trace
from prox_assets.testing.programs.invariants import REFERENCE, RELEASED_LINE_NUMBERS
from prox_assets.testing.programs.mutations import HostileInput, hostile_input
from prox_assets.testing.programs.released_invariants import check_released_records
from prox_assets.testing.programs.released_mutations import released_input

REPORT_EVERY = 20_000
_REMOVAL = re.compile(r"rm (\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with an executor.

    Attributes:
        dialect: The dialect that it executes.
        name: Owner and name.
        files: The files that are run.
        load: Returns the executor of a checkout.
    """

    dialect: str
    name: str
    files: tuple[str, ...]
    load: Callable[[Path], ReleasedExecutor]


REPOSITORIES = (
    Repository("prox", "GAIR-NLP/ProX", (EXECUTOR,), released_prox),
    Repository("ultrax", "openbmb/UltraX", (ULTRAX_INFERENCE, ULTRAX_EXECUTION), released_ultrax),
    Repository(
        "rescraper",
        "cxcscmu/ReScraper",
        ("lib/editops.py", RESCRAPER_READER, RESCRAPER_FILTER),
        released_rescraper,
    ),
)


@dataclass
class Comparison:
    """What was compared for one dialect.

    Attributes:
        programs: Programs that ran.
        documents: Documents that were compared, each with one or more programs.
        identical: Those that came out the same.
        edited: Those among them that the released code changed or dropped.
        without_result: Documents on which the released code crashes, or of which it would put more than
            RELEASED_LINE_NUMBERS line numbers into a set.
        unfinished: Documents that it did not finish.
        differences: (number, what differs) of each document that came out differently.
    """

    programs: int = 0
    documents: int = 0
    identical: int = 0
    edited: int = 0
    without_result: int = 0
    unfinished: int = 0
    differences: list[tuple[int, str]] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare what checkouts are given for; return 1 if anything differs."""
    parser = command_parser("released_executors", __doc__, pages=False)
    for repository in REPOSITORIES:
        parser.add_argument(f"--{repository.dialect}", type=Path, help=f"checkout of {repository.name}")
    parser.add_argument("--programs", type=positive, default=100_000, help="minimum programs for each dialect")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    options = parser.parse_args(arguments)
    checkouts = [
        (repository, checkout) for repository in REPOSITORIES if (checkout := getattr(options, repository.dialect))
    ]
    if not checkouts:
        parser.error("name at least one checkout")
    found = [
        (repository, checkout, compare(repository, checkout, options.seed, options.first, options.programs))
        for repository, checkout in checkouts
    ]
    print("\n".join(_table(found)))
    for repository, _, comparison in found:
        for number, difference in comparison.differences[:5]:
            print(f"\n{repository.dialect}, input {number} of seed {options.seed}: {difference}")
    return 1 if any(comparison.differences for _, _, comparison in found) else 0


def compare(repository: Repository, checkout: Path, seed: int, first: int, programs: int) -> Comparison:
    """Run inputs from number `first` on until enough programs have run.

    Raises:
        CheckoutError: The checkout has no such executor.
    """
    released = repository.load(checkout)
    comparison = Comparison()
    number = first
    while comparison.programs < programs:
        case = _input(repository.dialect, seed, number)
        reported = comparison.programs // REPORT_EVERY
        comparison.programs += len(case.programs)
        try:
            difference = _difference(case, released, comparison)
        except Exception as error:  # nothing that reference mode raises may end the comparison
            difference = f"{type(error).__name__}: {str(error)[:300]}"
        if difference:
            comparison.differences.append((number, difference))
        number += 1
        if comparison.programs // REPORT_EVERY > reported:
            print(f"{repository.dialect}: {comparison.programs:,} programs", file=sys.stderr, flush=True)
    return comparison


def _input(dialect: str, seed: int, number: int) -> HostileInput:
    if dialect == "prox":
        case = hostile_input(seed, number)
        return HostileInput(case.text, case.programs, REFERENCE)
    return released_input("ultrax" if dialect == "ultrax" else "rescraper", seed, number)


def _difference(case: HostileInput, released: ReleasedExecutor, comparison: Comparison) -> str | None:
    """Compare one input; return what differs."""
    refinement = execute(case.text, case.programs, case.policy)
    if case.policy.dialect != "prox":
        check_released_records(case, refinement)
    if refinement.reason is Reason.REFERENCE_CRASHED or _fills_memory(case):
        comparison.without_result += 1
        return None
    try:
        with bounded_time():
            theirs = released(case.text, case.programs, case.policy)
    except NeverFinishesError:
        comparison.unfinished += 1
        return None
    comparison.documents += 1
    ours = None if refinement.outcome is Outcome.DROPPED_BY_CHUNKS else refinement.text
    if ours != theirs:
        return f"released {_shown(theirs)}, reference mode {_shown(ours)}"
    comparison.identical += 1
    comparison.edited += ours != case.text
    return None


def _fills_memory(case: HostileInput) -> bool:
    """Tell whether the released code would put more line numbers into a set than there is memory or time for here."""
    if case.policy.dialect == "ultrax":  # it compares numbers instead
        return False
    if case.policy.dialect == "rescraper":
        ranges = [match.groups() for item in case.programs for match in _REMOVAL.finditer(str(item.program))]
        return any(int(last[:9]) - int(first[:9]) > RELEASED_LINE_NUMBERS or len(last) > 9 for first, last in ranges)
    joined = "\n".join(str(item.program or "").strip(" ") for item in case.programs)
    steps = trace(case.text, joined).steps
    numbers = sum(max(0, step.end - step.start + 1) for step in steps if step.kind == "remove_lines")
    return numbers > RELEASED_LINE_NUMBERS


def _shown(text: str | None) -> str:
    return "drops it" if text is None else ascii(text[:200])


def _table(found: Sequence[tuple[Repository, Path, Comparison]]) -> list[str]:
    rows = [
        "| dialect | released code | programs | documents compared | changed or dropped | identical | different | "
        "no result | unfinished |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for repository, checkout, one in found:
        counts = (one.programs, one.documents, one.edited, one.identical, len(one.differences))
        counts = (*counts, one.without_result, one.unfinished)
        numbers = " | ".join(f"{count:,}" for count in counts)
        rows.append(f"| {repository.dialect} | {repository.name} {_version(repository, checkout)} | {numbers} |")
    return rows


def _version(repository: Repository, checkout: Path) -> str:
    """Return the commit of a checkout; of a plain folder, a hash of the files that are run."""
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, check=False, capture_output=True, text=True)
    if commit.returncode == 0:
        return commit.stdout.strip()
    contents = b"".join((checkout / file).read_bytes() for file in repository.files)
    return f"files {hashlib.sha256(contents).hexdigest()[:12]}"


if __name__ == "__main__":
    sys.exit(main())
