"""The `prox_assets.RefinedCorpus` component: the definitions that a corpus's settings become."""

import dagster as dg

from prox_assets.orchestration.alerts.sensor import build_alert_sensor
from prox_assets.orchestration.assets.catalog import build_catalog
from prox_assets.orchestration.assets.refinement_report import build_refinement_report, build_report_schedule
from prox_assets.orchestration.assets.shards.programs import build_programs
from prox_assets.orchestration.assets.shards.raw_shards import build_raw_shards
from prox_assets.orchestration.assets.shards.refinement import build_refinement
from prox_assets.orchestration.assets.shards.source_files import build_source_files
from prox_assets.orchestration.automation import build_automation_sensor
from prox_assets.orchestration.checks.check_job import build_check_job
from prox_assets.orchestration.defs_yaml.scaffolder import RefinedCorpusScaffolder
from prox_assets.orchestration.defs_yaml.settings_component import SettingsComponent
from prox_assets.orchestration.settings.corpus import CorpusSettings
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
    """Return the assets, checks, jobs, sensors and schedule of a corpus.

    There is no job over the assets on purpose: its backfills would start an engine for every shard, because a job takes
    the smallest `max_partitions_per_run` of its assets.
    """
    schedule, automation = build_report_schedule(settings), build_automation_sensor(settings)
    return dg.Definitions(
        assets=[
            build_source_files(settings),
            build_raw_shards(settings),
            build_programs(settings),
            build_refinement(settings),
            build_catalog(settings),
            build_refinement_report(settings),
        ],
        jobs=[build_discovery_job(settings), build_check_job(settings)],
        sensors=[
            build_discovery_sensor(settings),
            build_alert_sensor(settings),
            *([automation] if automation is not None else []),
        ],
        schedules=[schedule] if schedule is not None else [],
    )
