"""Drift checks of a corpus, one for each kind of change: what monitoring/drift/judge.py finds, as check results.

The checks have no partition: they judge the corpus's latest shards against the earlier ones, whichever shard a run was
for.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.judge import DriftError, DriftFinding, ShardJudgement, judge_arrivals
from prox_assets.monitoring.drift.settings import KINDS, Kind, Severity
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.metadata import link
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
    return [dg.AssetCheckSpec(name, asset=key, description=text) for name, text in CHECKS.values()]


def results(settings: CorpusSettings, lake: Lake) -> Iterator[dg.AssetCheckResult]:
    """Evaluate the drift checks; the corpus's `monitoring` decides how it is judged.

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
        yield _result(lake, settings, key, kind, name, judgements)


def _result(
    lake: Lake, settings: CorpusSettings, key: dg.AssetKey, kind: Kind, name: str, judgements: Sequence[ShardJudgement]
) -> dg.AssetCheckResult:
    latest = judgements[-1] if judgements else None
    judged = [measure for measure in latest.judged if KINDS[measure] is kind] if latest else []
    if latest is None or not judged:
        needed = settings.monitoring.min_baseline_shards + 1
        return dg.AssetCheckResult(
            asset_key=key,
            check_name=name,
            passed=True,
            description=f"nothing to judge yet: {len(judgements)} shards are measured, and {needed} with these "
            "measures are needed",
            metadata={"measures_judged": 0},
        )
    findings = [finding for finding in latest.findings if KINDS[finding.measure] is kind]
    worst = Severity.ERROR if any(f.severity is Severity.ERROR for f in findings) else Severity.WARN
    metadata = {
        "shard": latest.shard,
        "measures_judged": len(judged),
        "findings": len(findings),
        **{f"change/{finding.measure}": finding.value for finding in findings},
    }
    if findings:
        metadata["what_moved"] = dg.MetadataValue.md(findings_markdown(findings))
        metadata["first_shard"] = link(lake.uri(settings.corpus, Table.OUTCOMES, findings[0].since))
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not findings,
        severity=_SEVERITIES[worst],
        description=" ".join(finding.message for finding in findings)
        or f"{len(judged)} measures are as in the baseline",
        metadata=metadata,
    )


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
