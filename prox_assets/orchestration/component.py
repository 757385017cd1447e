"""The `prox_assets.RefinedCorpus` component: the definitions that a corpus's settings (corpus.py) become."""

import dagster as dg

from prox_assets.orchestration.assets.catalog import build_catalog
from prox_assets.orchestration.assets.programs import build_chunk_programs, build_doc_programs
from prox_assets.orchestration.assets.quality_metrics import build_quality_metrics
from prox_assets.orchestration.assets.raw_shards import build_raw_shards
from prox_assets.orchestration.assets.refined_shards import build_refined_shards
from prox_assets.orchestration.assets.refinement_report import build_refinement_report, build_report_schedule
from prox_assets.orchestration.checks.drift_checks import build_drift_checks
from prox_assets.orchestration.checks.shard_checks import build_shard_checks
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.defs_yaml.scaffolder import RefinedCorpusScaffolder
from prox_assets.orchestration.defs_yaml.settings_component import SettingsComponent
from prox_assets.orchestration.source_sensor import build_discovery_job, build_discovery_sensor


@dg.scaffold_with(RefinedCorpusScaffolder)
class RefinedCorpus(SettingsComponent[CorpusSettings]):
    """A corpus, refined: raw shards, document programs, chunk programs, refined shards, quality metrics, a report.

    Each shard is a dynamic partition of all assets except the report and the catalog. A sensor and a job add shards as
    they appear in the source, and a schedule refreshes the report and the catalog.
    """

    settings_model = CorpusSettings
    name_setting = "corpus"
    resource_names = ("lake", "engines")

    @classmethod
    def check(cls, settings: CorpusSettings) -> None:
        """Make the plan: a setting that it refuses is an error of the file."""
        _ = settings.plan

    def definitions(self) -> dg.Definitions:
        """Build the corpus's definitions."""
        return corpus_definitions(self.settings)


def corpus_definitions(settings: CorpusSettings) -> dg.Definitions:
    """Return the assets, checks, job, sensor and schedule of a corpus.

    There is no job over the assets on purpose: its backfills would start an engine for every shard, because a job takes
    the smallest `max_partitions_per_run` of its assets, which is one.
    """
    schedule = build_report_schedule(settings)
    assets = [
        build_raw_shards(settings),
        build_doc_programs(settings),
        build_chunk_programs(settings),
        build_refined_shards(settings),
        build_quality_metrics(settings),
        build_catalog(settings),
        build_refinement_report(settings),
    ]
    return dg.Definitions(
        assets=assets,
        asset_checks=[build_shard_checks(settings), build_drift_checks(settings)],
        jobs=[build_discovery_job(settings)],
        sensors=[build_discovery_sensor(settings)],
        schedules=[schedule] if schedule is not None else [],
    )
