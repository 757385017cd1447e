"""`prox drift`: show what has moved in the latest shards, and since when; exit with 1 if any finding is an error."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from prox_assets.catalog.printable import printable
from prox_assets.cli.console import console, plain_errors, say
from prox_assets.cli.options import CorpusOption, LakeOption
from prox_assets.cli.settings_files import SettingsOption, settings_files
from prox_assets.lake.lake import Lake
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.judge import DriftFinding, Gauge, ShardJudgement, judge_arrivals, nothing_judged
from prox_assets.monitoring.drift.messages import in_words
from prox_assets.monitoring.drift.settings import DriftSettings, Severity

_COLOURS = {Severity.WARN: "yellow", Severity.ERROR: "bold red"}


@plain_errors()
def drift(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    settings: SettingsOption = None,
    history: Annotated[
        bool, typer.Option("--history", help="Also list the findings of every earlier shard, as of its arrival.")
    ] = False,
) -> None:
    """Judge the latest shards of each corpus against the earlier ones, as the checks in Dagster do.

    Lists every measure with its change and the limit from which on it is a finding, the nearest first. Every finding
    comes with a query for its documents; run it with `prox sql`. Exits with 1 if a finding is an error.
    """
    files = settings_files(settings)
    worst = False
    opened = Lake(lake)
    for name in files.corpora(opened, corpus):
        chosen = files.watched.of(name).monitoring
        judgements = judge_arrivals(arrivals(opened, name, chosen), chosen)
        if history:
            _print_history(name, judgements)
        worst |= _print_latest(name, judgements, chosen)
    if worst:
        raise typer.Exit(1)


def _print_latest(corpus: str, judgements: Sequence[ShardJudgement], settings: DriftSettings) -> bool:
    """Print what moved in the latest shard; return whether any of it is an error."""
    nothing = nothing_judged(judgements, settings)
    if nothing is not None:
        say(
            f"{corpus}: nothing to judge yet: {nothing}. `prox refine` and quality_metrics measure shards of an "
            "earlier release again."
        )
        return False
    latest = judgements[-1]
    say(
        f"{corpus}: {len(latest.findings)} of {len(latest.judged)} measures moved, judged at {latest.shard}"
        if latest.findings
        else f"{corpus}: {len(latest.judged)} measures are as before, judged at {latest.shard}"
    )
    _print_gauges(latest.gauges)
    for finding in sorted(latest.findings, key=lambda finding: finding.severity is Severity.WARN):
        _print_finding(finding)
    return any(finding.severity is Severity.ERROR for finding in latest.findings)


def _print_gauges(gauges: Sequence[Gauge]) -> None:
    table = Table("measure", "change", "limit", "of limit", "shards", box=None, padding=(0, 2, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    for gauge in sorted(gauges, key=lambda gauge: -gauge.share_of_limit):
        change, limit = in_words(gauge.kind, gauge.value), in_words(gauge.kind, gauge.limit, signed=False)
        table.add_row(gauge.measure, change, limit, f"{gauge.share_of_limit:.0%}", str(gauge.shards))
    console.print(Padding(table, (0, 0, 0, 2)))


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
