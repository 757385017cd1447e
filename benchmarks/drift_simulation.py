"""Detection rate and false alarms of drift monitoring over simulated years: `python -m benchmarks.drift_simulation`.

Simulates 20 years of three corpora (drift_world.py) with 52 weekly shards each. Each of the six faults occurs once a
year, at a random week and strength (drift_year.py). Drift monitoring judges the metrics week by week with the default
settings. Prints the tables of docs/drift.md.

A fault is found if one of the measures it should move has a finding in the first or second faulty shard. A false alarm
is a week without a fault that has a finding of any measure and severity. Weeks too early to have a baseline do not
count.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.drift_rows import Rows, simulated_rows
from benchmarks.support.drift_world import WEEKS
from benchmarks.support.drift_year import Episode, Fault, episodes
from prox_assets.monitoring.drift.judge import judge_arrivals
from prox_assets.monitoring.drift.settings import DriftSettings, Measure

REPORT_SEEDS = "21-40"  # thresholds and statistics were tuned on other years (1-5 and 101-104)
DEFAULT_FOLDER = Path("build/drift-simulation")

# The measures each fault should move. Findings of other measures do not count as finding it.
SIGNS: dict[Fault, frozenset[Measure]] = {
    Fault.NO_OPS: frozenset(
        {
            Measure.NO_OP_PROGRAMS,
            Measure.OPERATIONS_PER_DOCUMENT,
            Measure.REMOVED_FRACTION,
            Measure.RETENTION,
            Measure.REPEATED_LINES,
        }
    ),
    Fault.DROPS_TOO_MUCH: frozenset(
        {
            Measure.DROPPED_DOCUMENTS,
            Measure.KEEP_PROBABILITY,
            Measure.RETENTION,
            Measure.REMOVED_FRACTION,
            Measure.OVER_DELETION,
            Measure.OPERATIONS_PER_DOCUMENT,
        }
    ),
    Fault.TRUNCATION: frozenset({Measure.TRUNCATED_PROGRAMS, Measure.FAILED_PROGRAMS}),
    Fault.NEW_SITE: frozenset({Measure.REPEATED_LINES}),
    Fault.LANGUAGE_MIX: frozenset({Measure.LANGUAGE_MIX}),
    Fault.TOKENIZER: frozenset({Measure.DOC_TOKENS_PER_CHARACTER, Measure.CHUNK_TOKENS_PER_CHARACTER}),
}


@dataclass
class Score:
    """Counts over all years so far.

    Attributes:
        faults: Faults injected.
        at_once: Faults found in their first faulty shard.
        within_week: Faults found in their first or second faulty shard.
        by: (fault, measure): faults first found by that measure; several measures may tie.
        quiet_weeks: Judged weeks without a fault.
        false_weeks: Quiet weeks with a finding.
        false_by: Findings in quiet weeks, by measure.
        missed: Descriptions of the faults not found.
    """

    faults: Counter[Fault] = field(default_factory=Counter)
    at_once: Counter[Fault] = field(default_factory=Counter)
    within_week: Counter[Fault] = field(default_factory=Counter)
    by: Counter[tuple[Fault, Measure]] = field(default_factory=Counter)
    quiet_weeks: int = 0
    false_weeks: int = 0
    false_by: Counter[Measure] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    def add(self, seed: int, corpus: str, rows: Rows, faults: Sequence[Episode], settings: DriftSettings) -> None:
        """Judge one year and add it to the counts."""
        findings = [
            ({finding.measure for finding in judgement.findings}, judgement.judged)
            for judgement in judge_arrivals(rows, settings)
        ]
        for week, (moved, judged) in enumerate(findings):
            if len(judged) > 1 and not any(episode.active(week) for episode in faults):
                self.quiet_weeks += 1
                self.false_weeks += bool(moved)
                self.false_by.update(moved)
        for episode in faults:
            signs = [findings[week][0] & SIGNS[episode.fault] for week in (episode.start, episode.start + 1)]
            self.faults[episode.fault] += 1
            self.at_once[episode.fault] += bool(signs[0])
            self.within_week[episode.fault] += any(signs)
            self.by.update((episode.fault, measure) for measure in (signs[0] or signs[1]))
            if not any(signs):
                self.missed.append(f"seed {seed}, {corpus}, week {episode.start}: {episode}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate and print; return 1 if under 95 % of faults are found, or there is over one false alarm per year."""
    parser = command_parser("drift_simulation", __doc__, pages=False)
    parser.add_argument("--seeds", default=REPORT_SEEDS, help="years to simulate, such as 1-20 or 3,5,8 (21-40)")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="cache for the metrics of simulated years")
    parser.add_argument("--scratch", type=Path, help="folder for temporary lakes, such as /dev/shm")
    parser.add_argument("--processes", type=positive, default=2, help="years to simulate in parallel (2)")
    options = parser.parse_args(arguments)
    seeds, settings, score = _numbers(options.seeds), DriftSettings(), Score()
    for seed, corpus, rows in simulated_rows(seeds, options.folder, options.processes, options.scratch):
        score.add(seed, corpus, rows, episodes(seed)[corpus], settings)
        print(f"seed {seed}, {corpus}: {WEEKS} weeks", file=sys.stderr, flush=True)
    print("\n".join(report(score)))
    found = sum(score.within_week.values()) / max(1, sum(score.faults.values()))
    return 0 if found >= 0.95 and score.false_weeks * WEEKS <= score.quiet_weeks else 1


def report(score: Score) -> Iterable[str]:
    """Yield the tables as Markdown."""
    yield "| fault | put in | found at once | within one week | by |"
    yield "|---|---|---|---|---|"
    for fault in Fault:
        signs = sorted((count, measure) for (which, measure), count in score.by.items() if which is fault)
        named = ", ".join(f"{measure} {count}" for count, measure in reversed(signs))
        put_in, at_once, within = score.faults[fault], score.at_once[fault], score.within_week[fault]
        yield f"| {fault} | {put_in} | {_share(at_once, put_in)} | {_share(within, put_in)} | {named or '-'} |"
    put_in, at_once, within = (sum(counter.values()) for counter in (score.faults, score.at_once, score.within_week))
    yield f"| all | {put_in} | {_share(at_once, put_in)} | {_share(within, put_in)} | |"
    yield ""
    rate = score.false_weeks * WEEKS / score.quiet_weeks if score.quiet_weeks else float("nan")
    by = ", ".join(f"{measure} {count}" for measure, count in score.false_by.most_common())
    yield (
        f"False alarms: {score.false_weeks} in {score.quiet_weeks:,} quiet weeks, {rate:.2f} per {WEEKS}"
        + (f" (findings: {by})." if by else ".")
    )
    for line in score.missed:
        yield f"Missed: {line}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def _numbers(text: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


if __name__ == "__main__":
    sys.exit(main())
