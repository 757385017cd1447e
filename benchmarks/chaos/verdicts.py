"""Results of the injected faults, and the table of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one or more faults of a kind.

    Attributes:
        fault: The kind of fault, a row of the table.
        problems: What did not hold; empty if everything did.
        observed: What was seen, as short phrases; the table counts equal ones.
        times: Number of faults; 0 if this machine cannot inject them, for the reason in `observed`.
    """

    fault: str
    problems: tuple[str, ...]
    observed: tuple[str, ...]
    times: int = 1


def table(verdicts: Iterable[Verdict]) -> str:
    """Return a Markdown table with a row per fault, in order of their first verdicts."""
    rows: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        rows.setdefault(verdict.fault, []).append(verdict)
    lines = ["| fault | times | held | what was seen |", "|---|---|---|---|"]
    for fault, of_fault in rows.items():
        times = sum(verdict.times for verdict in of_fault)
        held = sum(verdict.times for verdict in of_fault if not verdict.problems)
        counts = Counter(phrase for verdict in of_fault for phrase in verdict.observed)
        observed = "; ".join(f"{phrase} ({count})" if count > 1 else phrase for phrase, count in counts.most_common())
        lines.append(f"| {fault} | {times or 'skipped'} | {held if times else '-'} | {observed.replace('|', '/')} |")
    return "\n".join(lines)
