"""Asset `refined_shards`: see `prox_assets.stages.execution.refined_shards`."""

from typing import Any

import dagster as dg

from prox_assets.lake.schemas import Table
from prox_assets.monitoring.metrics.previews import as_markdown, edit_previews
from prox_assets.orchestration.assets.shard_assets import ShardAsset
from prox_assets.orchestration.corpus import CorpusSettings
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
    before = summary.characters_before
    return {
        "documents": summary.documents,
        **summary.outcomes,
        "character_retention": summary.characters_after / before if before else 0.0,
        "operations_applied": summary.operations_applied,
        "operations_failed": summary.operations_failed,
        "execution_id": summary.execution_id,
        "already_current": summary.reused,
        "excerpts": dg.MetadataValue.md(as_markdown(edit_previews(run.lake, run.corpus, run.shard))),
    }
