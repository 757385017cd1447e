"""The `prox_assets.RefinedCorpus` component: the definitions that a corpus's settings (corpus.py) become."""

from pathlib import Path
from typing import Self

import dagster as dg
import yaml
from dagster.components import Scaffolder, ScaffoldRequest
from pydantic import BaseModel

from prox_assets.orchestration.alerts.sensor import build_alert_sensor
from prox_assets.orchestration.assets.catalog import build_catalog
from prox_assets.orchestration.assets.programs import build_programs
from prox_assets.orchestration.assets.raw_shards import build_raw_shards
from prox_assets.orchestration.assets.refinement import build_refinement
from prox_assets.orchestration.assets.refinement_report import build_refinement_report, build_report_schedule
from prox_assets.orchestration.assets.source_files import build_source_files
from prox_assets.orchestration.automation import build_automation_sensor
from prox_assets.orchestration.checks.check_job import build_check_job
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.settings_component import SettingsComponent
from prox_assets.orchestration.source_sensor import build_discovery_job, build_discovery_sensor


class RefinedCorpusScaffolder(Scaffolder):
    """Writes a defs.yaml to start from, with the attributes that everyone sets."""

    def scaffold(self, request: ScaffoldRequest) -> None:
        """Write the file."""
        name = request.target_path.name.replace("-", "_").lower()
        text = SCAFFOLD.format(type=request.type_name, corpus=name)
        yaml.safe_load(text)  # refuses a folder name that would make invalid YAML
        Path(request.target_path, "defs.yaml").write_text(text)


SCAFFOLD = """\
type: {type}

attributes:
  corpus: {corpus}
  urls:
    - data/{corpus}/*.jsonl.gz # local paths and globs, s3://, gs://, hf://datasets/owner/name/...
  format: auto # or c4, redpajama_v2, fineweb, openwebmath, dclm, jsonl, parquet
  refiners: bundled # or rules, prox-web, prox-math, a folder of the refiner lab
  engine:
    kind: transformers # on GPUs: vllm; against a running server: server with its base_url
  owners: []
"""


@dg.scaffold_with(RefinedCorpusScaffolder)
class RefinedCorpus(SettingsComponent[CorpusSettings]):
    """A corpus, refined: raw shards, document programs, chunk programs, refined shards, quality metrics, a report.

    Each shard is a dynamic partition of all assets except the report and the catalog. A sensor and a job add shards as
    they appear in the source, and a schedule refreshes the report and the catalog.
    """

    settings: CorpusSettings
    settings_model = CorpusSettings

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Build the component; a setting that the plan refuses is an error of the file, so it shows here."""
        component = super().load(attributes, context)
        _ = component.settings.plan
        return component

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the corpus's definitions; all components share the resources in build.py."""
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
