"""Asset `comparison`: see `prox_assets.comparison`; with the sensor that makes it when a corpus has been refined."""

from functools import partial
from typing import Any

import dagster as dg

from prox_assets.browser import links
from prox_assets.comparison.compare import compare
from prox_assets.comparison.contents import Comparison
from prox_assets.comparison.page import LinkOf, failures, no_link, plain, plain3, short_names
from prox_assets.comparison.write import require_own_name, write_comparison
from prox_assets.monitoring.report.page import number, percent
from prox_assets.orchestration.automation import whole_condition
from prox_assets.orchestration.failures import RETRY_POLICY, no_retry_when_useless
from prox_assets.orchestration.metadata import link
from prox_assets.orchestration.process import die_with_run_worker
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.comparison import RefinerComparisonSettings
from prox_assets.orchestration.settings.corpus import Automation

DESCRIPTION = """Several refiners on the same raw files: what each keeps, how far they agree, what each costs.

One HTML page that opens without a network, and the same as JSON, in `_comparisons/` of the lake."""


def build_comparison(settings: RefinerComparisonSettings) -> dg.AssetsDefinition:
    """Build the asset, which depends on the refined shards of all its corpora."""

    @dg.asset(
        key=settings.key,
        deps=[dg.AssetKey([corpus, "refined_shards"]) for corpus in settings.corpora],
        group_name=settings.group or settings.name,
        owners=settings.owners,
        tags=settings.tags,
        kinds={"duckdb", "html"},
        code_version=settings.code_version,
        description=DESCRIPTION,
        retry_policy=RETRY_POLICY,
        pool=settings.cpu_pool,
        automation_condition=whole_condition(settings.automation or Automation.OFF, "a corpus was refined"),
    )
    def comparison(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        die_with_run_worker()
        opened = lake.open()
        with no_retry_when_useless():
            # Who takes a corpus in or out of defs.yaml means this comparison; one that a command wrote is another's.
            if context.instance.get_latest_materialization_event(settings.key) is None:
                require_own_name(opened, settings.compared)
            found = compare(opened, settings.compared)
            place = write_comparison(opened, found, _links(settings.browser_url))
        page = links.refiners(settings.name, settings.browser_url) if settings.browser_url else place
        return dg.MaterializeResult(
            data_version=dg.DataVersion(found.identity),
            metadata={"page": link(page), "dagster/uri": place, **_shown(found)},
        )

    return comparison


def _links(browser_url: str | None) -> LinkOf:
    return no_link if browser_url is None else partial(links.side_by_side, server=browser_url)


def _shown(found: Comparison) -> dict[str, Any]:
    """Return what the UI shows: numbers that it plots over time, and a preview."""
    kappas = [pair.kappa.value for pair in found.pairs if pair.kappa.value is not None]
    jaccards = [value for pair in found.pairs if (value := pair.lines_both_keep.jaccard.value) is not None]
    return {
        "refiners": len(found.refiners),
        "shards": found.shards,
        "shards_left_out": len(found.left_out),
        "documents": found.documents,
        "documents_unmatched": sum(of.documents for of in found.unmatched),
        **({"lowest_kappa_of_documents": _rounded(min(kappas))} if kappas else {}),
        **({"lowest_removed_in_common": _rounded(min(jaccards))} if jaccards else {}),
        **{
            f"words_kept/{of.corpus}": _rounded(of.words_kept.value)
            for of in found.refiners
            if of.words_kept.value is not None
        },
        "preview": dg.MetadataValue.md(_preview(found)),
    }


def _rounded(value: float) -> float:
    return round(value, 4)


def _preview(found: Comparison) -> str:
    """Return the two tables of `prox compare` as Markdown; names of corpora hold no character that means something."""
    names = short_names(found.corpora)
    scores = {score.corpus: score.word_f1.value for score in found.labelled.scores} if found.labelled else {}
    lines = [
        "| refiner | documents kept | words kept | lines removed |" + (" word F1 |" if scores else "") + " failures |",
        "|---|---|---|---|" + ("---|" if scores else "") + "---|",
    ]
    for refiner in found.refiners:
        cells = [
            names[refiner.corpus],
            percent(refiner.documents_kept.value),
            percent(refiner.words_kept.value),
            f"{number(refiner.lines_removed)} of {number(refiner.lines)}",
            *([plain3(scores.get(refiner.corpus))] if scores else []),
            "; ".join(failures(refiner)) or "none",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| first | second | same decision | kappa | same lines | kappa |", "|---|---|---|---|---|---|"]
    for pair in found.pairs:
        kept = pair.lines_both_keep
        cells = [names[pair.first], names[pair.second], percent(pair.agreement.value), plain(pair.kappa.value)]
        cells += [percent(kept.agreement.value), plain(kept.kappa.value)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def build_comparison_automation(
    settings: RefinerComparisonSettings,
) -> dg.AutomationConditionSensorDefinition | None:
    """Build the sensor that evaluates the condition; None if automation is off."""
    if settings.automation is not Automation.EAGER:
        return None
    return dg.AutomationConditionSensorDefinition(
        name=f"{settings.name}_comparison_automation",
        target=dg.AssetSelection.assets(settings.key),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=settings.automation_interval_seconds,
        run_tags={"prox/comparison": settings.name},
        description=f"Writes the comparison {settings.name} again when one of its corpora has been refined.",
    )
