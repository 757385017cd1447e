"""`prox check`: every check of every shard, and of each corpus over time, without Dagster."""

import typer
from rich.text import Text

from prox_assets.cli.console import console, plain_errors, say
from prox_assets.cli.options import CorpusOption, LakeOption
from prox_assets.cli.plan_options import plan_of
from prox_assets.cli.settings_files import SettingsOption, settings_files
from prox_assets.cli.views.staleness import print_staleness
from prox_assets.housekeeping.leftovers import leftovers
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.judge import judge_arrivals
from prox_assets.monitoring.drift.settings import DriftSettings, Severity
from prox_assets.monitoring.metrics.reconciliation import reconcile, schema_problems
from prox_assets.stages.reading.discovery import known_shards
from prox_assets.stages.states.staleness import staleness


@plain_errors()
def check(lake: LakeOption = "lake", corpus: CorpusOption = None, settings: SettingsOption = None) -> None:
    """Run the checks that Dagster runs: tables add up and have the lake's schema, nothing has drifted or is withdrawn.

    With the --settings of some corpora, only those are checked: drift by their `monitoring:`, and what their
    configuration makes out of date is told as well. Exits with 1 if a shard's tables are wrong or a finding of drift is
    an error.
    """
    files = settings_files(settings)
    opened = Lake(lake)
    names = files.named_corpora(opened, corpus)
    plans = {name: plan_of(path) for name, path in files.paths.items() if name in names}
    failed = False
    for name in names:
        failed |= _check_shards(opened, name)
        failed |= _check_withdrawn(opened, name)
        failed |= _check_drift(opened, name, files.watched.of(name).monitoring)
        if name in plans:
            print_staleness(staleness(opened, plans[name], known_shards(opened, name).values()))
    if failed:
        raise typer.Exit(1)


def _check_shards(lake: Lake, corpus: str) -> bool:
    """Print what is wrong with each shard; return whether anything is."""
    shards = lake.shards(corpus, Table.OUTCOMES)
    wrong = 0
    for shard in shards:
        problems = schema_problems(lake, corpus, shard) or reconcile(lake, corpus, shard).problems
        wrong += bool(problems)
        for problem in problems:
            console.print(Text.assemble("  ", ("error", "bold red"), f" {shard}: {problem}"), soft_wrap=True)
    say(f"{corpus}: the tables of {len(shards) - wrong} of {len(shards)} executed shards add up")
    return wrong > 0


def _check_withdrawn(lake: Lake, corpus: str) -> bool:
    problems = leftovers(lake, corpus)
    for problem in problems:
        console.print(Text.assemble("  ", ("error", "bold red"), f" {corpus}: {problem}"), soft_wrap=True)
    return bool(problems)


def _check_drift(lake: Lake, corpus: str, settings: DriftSettings) -> bool:
    judgements = judge_arrivals(arrivals(lake, corpus, settings), settings)
    if not judgements or not judgements[-1].judged:
        say(f"{corpus}: too few measured shards to judge drift by")
        return False
    latest = judgements[-1]
    say(f"{corpus}: {len(latest.findings)} of {len(latest.judged)} watched measures moved; `prox drift` tells more")
    for finding in latest.findings:
        console.print(Text(f"  {finding.severity} {finding.message}"), soft_wrap=True)
    return any(finding.severity is Severity.ERROR for finding in latest.findings)
