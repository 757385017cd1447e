"""Drift checks of a corpus, one for each kind of change: what monitoring/drift/judge.py finds, as check results.

The checks have no partition: they judge the corpus's latest shards against the earlier ones, whichever shard a run was
for. They read the lake and the settings, so that they can be run again alone, as after a change of thresholds.

Every result has each measure's change and its limit, passed or not, so that plots show how near it is. A check without
anything to judge yields no result: Dagster shows it as skipped, neither passed nor failed, and the run's log says why.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.judge import (
    DriftError,
    DriftFinding,
    Gauge,
    ShardJudgement,
    judge_arrivals,
    nothing_judged,
)
from prox_assets.monitoring.drift.settings import Kind, Severity
from prox_assets.orchestration.metadata import link
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.stages import quality_metrics

CHECKS: dict[Kind, tuple[str, str]] = {
    Kind.DISTRIBUTION: (
        "distribution_drift",
        "Keep probabilities, retention, removed text, lengths, operations and languages are distributed as before.",
    ),
    Kind.RATE: (
        "rate_shift",
        "Failed, cut off, looping and no-op programs, over-deletion, drops, quarantine, rejects and repeated lines are "
        "as frequent as in the baseline.",
    ),
    Kind.LEVEL: ("level_shift", "Tokens per character are as in the baseline: the tokenizer is the same."),
    Kind.SCHEMA: (
        "schema_drift",
        "The source has the same native columns as before, and the refiner gives the same kinds of scores.",
    ),
}
_SEVERITIES = {Severity.WARN: dg.AssetCheckSeverity.WARN, Severity.ERROR: dg.AssetCheckSeverity.ERROR}


def specs(settings: CorpusSettings) -> list[dg.AssetCheckSpec]:
    """Return the drift checks of a corpus, on its quality_metrics."""
    key = settings.key(quality_metrics.ASSET)
    skipped = _skipped_until(settings)
    return [dg.AssetCheckSpec(name, asset=key, description=f"{text} {skipped}") for name, text in CHECKS.values()]


def results(settings: CorpusSettings, lake: Lake, log: logging.Logger) -> Iterator[dg.AssetCheckResult]:
    """Evaluate the drift checks that have something to judge; the corpus's `monitoring` decides how it is judged.

    Args:
        settings: The corpus.
        lake: The lake.
        log: Is told why a check yields nothing.

    Raises:
        dg.Failure: The settings of `monitoring` do not fit the measured shards.
        LakeError: The lake cannot be read.
    """
    key = settings.key(quality_metrics.ASSET)
    try:
        rows = arrivals(lake, settings.corpus, settings.monitoring)
        judgements = judge_arrivals(rows, settings.monitoring)
    except DriftError as error:
        raise dg.Failure(f"{settings.corpus}: {error}", allow_retries=False) from error
    for kind, (name, _) in CHECKS.items():
        nothing = nothing_judged(judgements, settings.monitoring, kind)
        if nothing is None:
            yield _result(lake, settings, key, kind, name, judgements[-1])
        else:
            log.info(f"{name} is skipped, there is nothing to judge yet: {nothing}")


def _skipped_until(settings: CorpusSettings) -> str:
    shards = settings.monitoring.min_baseline_shards
    return f"Skipped until {shards} shards before the latest are measured; the run's log says what is missing."


def _result(
    lake: Lake, settings: CorpusSettings, key: dg.AssetKey, kind: Kind, name: str, latest: ShardJudgement
) -> dg.AssetCheckResult:
    gauges = [gauge for gauge in latest.gauges if gauge.kind is kind]
    findings = [finding for finding in latest.findings if finding.kind is kind]
    worst = Severity.ERROR if any(f.severity is Severity.ERROR for f in findings) else Severity.WARN
    nearest = max(gauges, key=lambda gauge: gauge.share_of_limit)
    metadata: dict[str, Any] = {
        "shard": latest.shard,
        "measures_judged": len(gauges),
        "findings": len(findings),
        "nearest": nearest.measure.value,
        "share_of_limit": float(nearest.share_of_limit),
    }
    for gauge in gauges:
        # The UI sorts by name: change and limit stand together.
        metadata |= {f"{gauge.measure}/change": float(gauge.value), f"{gauge.measure}/limit": float(gauge.limit)}
    metadata["measures"] = dg.MetadataValue.md(gauges_markdown(gauges))
    if findings:
        metadata["what_moved"] = dg.MetadataValue.md(findings_markdown(findings))
        metadata["first_shard"] = link(lake.uri(settings.corpus, Table.OUTCOMES, findings[0].since))
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not findings,
        severity=_SEVERITIES[worst],
        description=" ".join(finding.message for finding in findings)
        or f"{_measures(len(gauges))} as in the baseline; nearest to its limit is {nearest.measure}, at "
        f"{nearest.share_of_limit:.0%} of it",
        metadata=metadata,
    )


def _measures(number: int) -> str:
    return "1 measure is" if number == 1 else f"{number} measures are"


def gauges_markdown(gauges: Sequence[Gauge]) -> str:
    """Return measures with their limits as a Markdown table, those nearest to their limit first."""
    lines = ["| measure | now | before | change | limit | of limit | shards |", "|---|---|---|---|---|---|---|"]
    for gauge in sorted(gauges, key=lambda gauge: -gauge.share_of_limit):
        levels = " | ".join("-" if level is None else f"{level:.4g}" for level in (gauge.current, gauge.baseline))
        lines.append(
            f"| {gauge.measure} | {levels} | {gauge.statistic} {gauge.value:.3g} | {gauge.limit:.3g} "
            f"| {gauge.share_of_limit:.0%} | {gauge.shards} |"
        )
    return "\n".join(lines)


def findings_markdown(findings: Sequence[DriftFinding]) -> str:
    """Return findings as a Markdown table, followed by a query for each that shows its documents."""
    lines = ["| severity | measure | change | limit | since | shards |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {finding.severity} | {finding.measure} | {finding.statistic} {finding.value:.3g} | {finding.threshold:.3g} "
        f"| {_cell(finding.since)} | {len(finding.shards)} |"
        for finding in findings
    ]
    for finding in findings:
        # The shard's name is the only foreign text in the query. Replace its backticks, so it cannot close the block.
        query = finding.examples.replace("`", "\u02cb")
        lines += ["", _cell(finding.message), "", "```sql", query, "```"]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Escape Markdown, inside a table or outside: names of shards and columns come from outside."""
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+!|~" else c for c in text)
    return escaped.replace("\n", " ")
