"""The job `check_{corpus}`: every check of a corpus over every shard, without materializing anything.

For after a change of thresholds. In the UI a check runs for one partition at a time; this does all of them in one run,
and each shard gets a verdict of its own.
"""

import dagster as dg

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.orchestration.checks import drift_checks, shard_checks, up_to_date
from prox_assets.orchestration.failures import no_retry_when_useless
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings
from prox_assets.orchestration.versions import log_evaluation
from prox_assets.stages.states.shard_states import STAGES


def build_check_job(settings: CorpusSettings) -> dg.JobDefinition:
    """Build the job."""

    @dg.op(name=f"evaluate_{settings.corpus}_checks", pool=settings.cpu_pool, description="Evaluate all checks.")
    def evaluate(context: dg.OpExecutionContext, lake: LakeResource) -> None:
        opened = lake.open()
        with no_retry_when_useless():
            shards = opened.shards(settings.corpus, Table.OUTCOMES)
            failed = _log_all(context, opened, settings, shards)
        context.add_output_metadata({"shards": len(shards), "failed": failed})

    @dg.job(
        name=f"check_{settings.corpus}",
        description=f"Evaluate every check of {settings.corpus} over all shards, without materializing anything.",
        tags={"prox/corpus": settings.corpus},
    )
    def check() -> None:
        evaluate()

    return check


def _log_all(context: dg.OpExecutionContext, lake: Lake, settings: CorpusSettings, shards: list[str]) -> int:
    """Log an evaluation of each check, and for checks of a shard one for each shard; return how many failed."""
    failed = 0
    for shard in shards:
        for result in shard_checks.results(settings, lake, shard):
            log_evaluation(context, result, blocking=True, partition=shard)
            failed += not result.passed
    of_corpus = [
        *drift_checks.results(settings, lake, context.log),
        *up_to_date.results(settings, lake, (*STAGES, up_to_date.CATALOG, up_to_date.REPORT)),
    ]
    for result in of_corpus:
        log_evaluation(context, result, blocking=False)
        failed += not result.passed
    return failed
