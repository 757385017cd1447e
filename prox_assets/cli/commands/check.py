"""`prox check`: every check of every shard, and of each corpus over time, without Dagster."""

import typer
from rich.text import Text

from prox_assets.cli.console import console, plain_errors, say
from prox_assets.cli.options import CorpusFileOption, CorpusOption, LakeOption, corpora_of, drift_settings
from prox_assets.cli.plan_options import plan_of
from prox_assets.cli.views.staleness import print_staleness
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.judge import judge_arrivals
from prox_assets.monitoring.drift.settings import DriftSettings, Severity
from prox_assets.monitoring.metrics.reconciliation import reconcile, schema_problems
from prox_assets.stages.discovery import known_shards
from prox_assets.stages.staleness import staleness


@plain_errors()
def check(lake: LakeOption = "lake", corpus: CorpusOption = None, settings: CorpusFileOption = None) -> None:
    """Run the checks that Dagster runs: tables add up and have the lake's schema, and nothing has drifted.

    With --settings, drift is judged by the file's `monitoring:`, and what its configuration makes out of date is told
    as well. Exits with 1 if a shard's tables are wrong or a finding of drift is an error.
    """
    opened = Lake(lake)
    plan = plan_of(settings) if settings is not None else None
    judged_by = drift_settings(settings)
    failed = False
    for name in corpora_of(opened, plan.corpus if plan is not None else corpus):
        failed |= _check_shards(opened, name)
        failed |= _check_drift(opened, name, judged_by)
        if plan is not None:
            print_staleness(staleness(opened, plan, known_shards(opened, name).values()))
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
