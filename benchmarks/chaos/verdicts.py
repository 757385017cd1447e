"""The result of each fault, and the table at the end."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """One or more faults of one kind and what came of them.

    Attributes:
        fault: The row of the table that it counts in.
        problems: What did not hold, in words; empty where everything did.
        observed: What was seen, in a few words; equal ones are counted.
        times: How many faults it stands for; 0 where the fault could not be caused here, and `observed` says why.
    """

    fault: str
    problems: tuple[str, ...]
    observed: tuple[str, ...]
    times: int = 1


def table(verdicts: Iterable[Verdict]) -> str:
    """Return a Markdown table with a row for each fault, in the order of their first verdict."""
    rows: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        rows.setdefault(verdict.fault, []).append(verdict)
    lines = ["| fault | times | held | what was seen |", "|---|---|---|---|"]
    for fault, of_fault in rows.items():
        times = sum(verdict.times for verdict in of_fault)
        held = sum(verdict.times for verdict in of_fault if not verdict.problems)
        seen = Counter(word for verdict in of_fault for word in verdict.observed)
        words = "; ".join(f"{word} ({count})" if count > 1 else word for word, count in seen.most_common())
        lines.append(f"| {fault} | {times or 'skipped'} | {held if times else '-'} | {words.replace('|', '/')} |")
    return "\n".join(lines)
