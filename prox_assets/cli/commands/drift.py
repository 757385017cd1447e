"""`prox drift`: show what has moved in the latest shards, and since when; exit with 1 if any finding is an error."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from prox_assets.catalog.printable import printable
from prox_assets.cli.console import console, plain_errors, say
from prox_assets.cli.options import CorpusOption, DriftSettingsOption, LakeOption, corpora_of, drift_settings
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.judge import DriftFinding, ShardJudgement, judge_arrivals
from prox_assets.monitoring.drift.settings import DriftSettings, Severity

_COLOURS = {Severity.WARN: "yellow", Severity.ERROR: "bold red"}


@plain_errors()
def drift(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    settings: DriftSettingsOption = None,
    history: Annotated[
        bool, typer.Option("--history", help="Also list the findings of every earlier shard, as of its arrival.")
    ] = False,
) -> None:
    """Judge the latest shards of each corpus against the earlier ones, as the checks in Dagster do.

    Every finding comes with a query for its documents; run it with `prox sql`. Exits with 1 if a finding is an error.
    """
    chosen = drift_settings(settings)
    worst = False
    opened = Lake(lake)
    for name in corpora_of(opened, corpus):
        judgements = judge_arrivals(arrivals(opened, name, chosen), chosen)
        if history:
            _print_history(name, judgements)
        worst |= _print_latest(name, judgements, chosen)
    if worst:
        raise typer.Exit(1)


def _print_latest(corpus: str, judgements: Sequence[ShardJudgement], settings: DriftSettings) -> bool:
    """Print what moved in the latest shard; return whether any of it is an error."""
    latest = judgements[-1] if judgements else None
    if latest is None or not latest.judged:
        needed = settings.min_baseline_shards + 1
        say(
            f"{corpus}: nothing to judge yet: {len(judgements)} shards are measured, and {needed} with the same "
            "measures are needed. `prox refine` and quality_metrics measure shards of an earlier release again."
        )
        return False
    say(
        f"{corpus}: {len(latest.findings)} of {len(latest.judged)} measures moved, judged at {latest.shard}"
        if latest.findings
        else f"{corpus}: {len(latest.judged)} measures are as before, judged at {latest.shard}"
    )
    for finding in sorted(latest.findings, key=lambda finding: finding.severity is Severity.WARN):
        _print_finding(finding)
    return any(finding.severity is Severity.ERROR for finding in latest.findings)


def _print_finding(finding: DriftFinding) -> None:
    colour = _COLOURS[finding.severity]
    console.print(Text.assemble("  ", (finding.severity, colour), " ", (finding.measure, "bold")), soft_wrap=True)
    console.print(Text(f"    {finding.message}"), soft_wrap=True)
    console.print(Text(f"    {printable(finding.examples)}", style="dim"), soft_wrap=True)


def _print_history(corpus: str, judgements: Sequence[ShardJudgement]) -> None:
    for judgement in judgements[:-1]:
        for finding in judgement.findings:
            line = f"{corpus} {judgement.shard}: {finding.severity} {finding.measure}: {finding.message}"
            console.print(Text(line), soft_wrap=True)
