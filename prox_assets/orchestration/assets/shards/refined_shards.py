"""Asset `refined_shards`: see `prox_assets.stages.execution.refined_shards`."""

from typing import Any

import dagster as dg

from prox_assets.lake.schemas import KEPT_OUTCOMES, Outcome, Table
from prox_assets.monitoring.metrics.previews import as_markdown, edit_previews
from prox_assets.monitoring.report.history import share
from prox_assets.orchestration.assets.shards.shard_assets import ShardAsset
from prox_assets.orchestration.metadata import numbers
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.stages.execution import refined_shards as stage
from prox_assets.stages.inference import chunk_programs
from prox_assets.stages.run import ShardRun

DESCRIPTION = """The refined text: programs executed, every edit recorded.

Writes `refined` (surviving documents), `outcomes` (every document's fate), `chunk_outcomes` (the verdict on every chunk
program) and `edits` (every operation's effect) as one execution. No model is needed: after a change of thresholds or
executor, only this asset runs."""


def refined_shards_asset(settings: CorpusSettings) -> ShardAsset:
    """Describe the asset; refinement.py makes it."""
    return ShardAsset(
        name=stage.ASSET,
        table=Table.REFINED,
        deps=(chunk_programs.ASSET,),
        fingerprint=settings.plan.execution_fingerprint,
        kinds=frozenset({"python", "parquet"}),
        description=DESCRIPTION,
    )


def shown_refinement(run: ShardRun, summary: stage.RefinementSummary) -> dict[str, Any]:
    """Return what the UI shows of an execution."""
    return {
        "documents_in": summary.documents,
        **_shares(summary),
        "operations_applied": summary.operations_applied,
        "operations_failed": summary.operations_failed,
        "execution_id": summary.execution_id,
        "already_current": summary.reused,
        "excerpts": dg.MetadataValue.md(as_markdown(edit_previews(run.lake, run.corpus, run.shard))),
    }


def _shares(summary: stage.RefinementSummary) -> dict[str, float | int]:
    """Return what became of the documents and of their text, under the names that metrics give them."""
    outcomes = summary.outcomes
    dropped = outcomes[Outcome.DROPPED_BY_DOCUMENT] + outcomes[Outcome.DROPPED_BY_CHUNKS]
    shares = {
        "retention": share(summary.characters_after, summary.characters_before),
        "drop_rate": share(dropped, summary.documents),
    }
    return {
        "documents_out": sum(outcomes[outcome] for outcome in KEPT_OUTCOMES),
        **{outcome.value: outcomes[outcome] for outcome in (Outcome.KEPT_EDITED, Outcome.QUARANTINED)},
        **numbers(shares),
    }
