"""How many faults drift monitoring finds, and how often it is wrong, in simulated years with faults at hidden weeks.

`python -m benchmarks.drift_simulation` simulates 20 years of three corpora (drift_world.py), 52 weekly shards each with
all six faults once a year at random weeks and strengths (drift_year.py), lets `judge_arrivals` run over the
metrics week by week with the default settings, and prints the tables of docs/drift.md.

A fault counts as found when one of the measures that it should move has a finding within its first or second faulty
shard. A false alarm is a judged week without a fault that has any finding, of whatever measure or severity. Weeks that
are too early for a baseline are not counted.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.support.drift_rows import Rows, simulated_rows
from benchmarks.support.drift_world import WEEKS
from benchmarks.support.drift_year import Episode, Fault, episodes
from prox_assets.monitoring.drift.judge import judge_arrivals
from prox_assets.monitoring.drift.settings import DriftSettings, Measure

REPORT_SEEDS = "21-40"  # thresholds and statistics were chosen on other years (1-5 and 101-104)
DEFAULT_FOLDER = Path("build/drift-simulation")

# What a fault may be recognised by. A finding of another measure in its weeks is not counted as having found it.
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
        faults: Faults put in.
        at_once: Found at their first faulty shard.
        within_week: Found by their second.
        by: (fault, measure): faults whose first finding was of that measure; several may be first together.
        quiet_weeks: Judged weeks without a fault.
        false_weeks: Of these, those with a finding.
        false_by: Findings in them, by measure.
        missed: Faults that were not found, in words.
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
        """Judge a year."""
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
    """Simulate and print; return 1 where the goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift_simulation", description=__doc__)
    parser.add_argument("--seeds", default=REPORT_SEEDS, help="Years, e.g. 1-20 or 3,5,8.")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="Keeps the metrics of simulated years.")
    parser.add_argument("--scratch", type=Path, help="Where lakes are made and deleted again, e.g. /dev/shm.")
    parser.add_argument("--processes", type=int, default=2, help="Years simulated at a time.")
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
