"""The result of each fault, and the table at the end."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One or more faults of one kind and what came of them.

    Attributes:
        fault: The row of the table that it counts in.
        problems: What did not hold, in words; empty where everything did.
        seen: What was seen, in a few words; equal ones are counted.
        times: How many faults it stands for; 0 where the fault could not be caused here, and `seen` says why.
    """

    fault: str
    problems: tuple[str, ...]
    seen: tuple[str, ...]
    times: int = 1


def table(findings: Iterable[Finding]) -> str:
    """Return a Markdown table with a row for each fault, in the order of their first finding."""
    rows: dict[str, list[Finding]] = {}
    for finding in findings:
        rows.setdefault(finding.fault, []).append(finding)
    lines = ["| fault | times | held | what was seen |", "|---|---|---|---|"]
    for fault, of_fault in rows.items():
        times = sum(finding.times for finding in of_fault)
        held = sum(finding.times for finding in of_fault if not finding.problems)
        seen = Counter(word for finding in of_fault for word in finding.seen)
        words = "; ".join(f"{word} ({count})" if count > 1 else word for word, count in seen.most_common())
        lines.append(f"| {fault} | {times or 'skipped'} | {held if times else '-'} | {words.replace('|', '/')} |")
    return "\n".join(lines)
