"""The `prox_assets.RefinedCorpus` component: a corpus's assets, partitions, checks, jobs and sensor from one YAML file.

This module defines what a corpus's defs.yaml may contain and which definitions it becomes.
"""

from pathlib import Path
from typing import Any, Self, cast

import dagster as dg
import yaml
from dagster.components import Scaffolder, ScaffoldRequest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from prox_assets.corpora.source import (
    DEFAULT_MAX_ROW_BYTES,
    DEFAULT_MAX_ROWS_PER_FILE,
    ColumnMapping,
    CorpusSource,
    FormatName,
)
from prox_assets.engines.config import EngineConfig, TransformersEngineConfig
from prox_assets.monitoring.drift.settings import DriftSettings
from prox_assets.orchestration.assets.catalog import build_catalog
from prox_assets.orchestration.assets.chunk_programs import build_chunk_programs
from prox_assets.orchestration.assets.doc_programs import build_doc_programs
from prox_assets.orchestration.assets.quality_metrics import build_quality_metrics
from prox_assets.orchestration.assets.raw_shards import build_raw_shards
from prox_assets.orchestration.assets.refined_shards import build_refined_shards
from prox_assets.orchestration.assets.refinement_report import build_refinement_report, build_report_schedule
from prox_assets.orchestration.checks.drift_checks import build_drift_checks
from prox_assets.orchestration.checks.shard_checks import build_shard_checks
from prox_assets.orchestration.corpus import CorpusSettings
from prox_assets.orchestration.source_sensor import build_discovery_job, build_discovery_sensor
from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.presets import named_refiners
from prox_assets.stages.plan import RefinementPlan


class RefinedCorpusAttributes(BaseModel):
    """The attributes of a RefinedCorpus. Strings may contain templates such as {{ env.PROX_BUCKET }}."""

    # Errors must not repeat the input: it may contain a URL with a password, or storage options with a key.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    corpus: str = Field(
        description="Name of the corpus: prefix of its asset keys, folder of the lake, part of every document id."
    )
    urls: list[str] = Field(
        description="Where the raw files are: local paths and globs, s3://, gs://, hf://datasets/..., package://."
    )
    format: FormatName = Field(default="auto", description="Format of the files; auto decides file by file.")
    columns: ColumnMapping | None = Field(default=None, description="Column names of generic jsonl and parquet files.")
    rows_per_shard: int | None = Field(default=None, description="Cut larger files into shards of this many rows.")
    max_row_bytes: int = Field(
        default=DEFAULT_MAX_ROW_BYTES, ge=1, description="Longest row that is read, in bytes; longer ones are rejected."
    )
    max_rows_per_file: int = Field(
        default=DEFAULT_MAX_ROWS_PER_FILE, ge=1, description="Most rows of one file; a file with more is refused."
    )
    storage_options: dict[str, Any] = Field(
        default_factory=dict, description="For fsspec, e.g. an endpoint_url. Secrets belong in the environment."
    )
    refiners: str | RefinerPair = Field(
        default="rules",
        description="Name of a preset (bundled, rules, prox-web, prox-math), a folder of the refiner lab, or both "
        "refiners in full.",
    )
    policy: dict[str, Any] = Field(
        default_factory=dict,
        description="How programs are executed: the fields of ExecutionPolicy. Thresholds not named here are the "
        "refiners' own.",
    )
    engine: EngineConfig = Field(
        default_factory=TransformersEngineConfig, description="How models are run: vllm, server or transformers."
    )
    chunk_engine: EngineConfig | None = Field(
        default=None, description="How the chunk refiner's model is run, where that differs, e.g. a second server."
    )
    window_documents: int = Field(default=256, description="Documents per inference checkpoint.")
    request_attempts: int = Field(default=3, description="Attempts before a failing document is quarantined.")
    shards_per_run: int = Field(default=8, ge=1, description="Shards that one engine start serves in a backfill.")
    inference_pool: str | None = Field(
        default=None,
        description="Pool of inference steps; limit it to the engines that fit. By default gpu, and the cpu_pool for "
        "refiners without a model.",
    )
    cpu_pool: str = Field(default="cpu", description="Pool of all other steps.")
    inference_tags: dict[str, str] = Field(
        default_factory=lambda: {"prox/accelerator": "gpu", "prox/gpu_count": "1", "prox/memory": "32Gi"},
        description="What an inference step needs, as op tags for the executor or launcher that places it.",
    )
    discovery_interval_seconds: int = Field(default=300, ge=30, description="Least time between two source listings.")
    report_schedule: str | None = Field(
        default="0 5 * * *",
        description="When refinement_report is written anew: a cron expression in UTC, or null for only on demand.",
    )
    report_freshness_hours: float = Field(
        default=36.0,
        gt=0,
        description="Age from which on the report counts as stale; more than the schedule's longest pause.",
    )
    monitoring: DriftSettings = Field(
        default_factory=DriftSettings,
        description="When a shard counts as drifted: baseline, thresholds and severities (docs/drift.md).",
    )
    group: str | None = Field(default=None, description="Asset group; the corpus's name by default.")
    owners: list[str] = Field(default_factory=list, description="Owners of the assets: e-mail addresses or team:name.")
    tags: dict[str, str] = Field(default_factory=dict, description="Tags of every asset.")

    @field_validator("report_schedule")
    @classmethod
    def _is_a_cron_expression(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            dg.ScheduleDefinition(name="report", cron_schedule=value, target="*")
        except dg.DagsterInvalidDefinitionError as error:
            raise ValueError(
                f"{value!r} is not a cron expression, such as 0 5 * * * (minute, hour, day, month, weekday)"
            ) from error
        return value

    def settings(self) -> CorpusSettings:
        """Return the validated settings of the corpus."""
        source = CorpusSource(
            name=self.corpus,
            urls=self.urls,
            format=self.format,
            columns=self.columns,
            rows_per_shard=self.rows_per_shard,
            max_row_bytes=self.max_row_bytes,
            max_rows_per_file=self.max_rows_per_file,
            storage_options=self.storage_options,
        )
        refiners = named_refiners(self.refiners) if isinstance(self.refiners, str) else self.refiners
        plan = RefinementPlan(
            source=source,
            refiners=refiners,
            policy=refiners.policy(**self.policy),
            engine=self.engine,
            chunk_engine=self.chunk_engine,
            window_documents=self.window_documents,
            request_attempts=self.request_attempts,
        )
        return CorpusSettings(
            plan=plan,
            group=self.group or self.corpus,
            owners=tuple(self.owners),
            tags=dict(self.tags),
            shards_per_run=self.shards_per_run,
            inference_pool=self.inference_pool or ("gpu" if plan.needs_engine else self.cpu_pool),
            cpu_pool=self.cpu_pool,
            inference_tags=dict(self.inference_tags),
            discovery_interval_seconds=self.discovery_interval_seconds,
            report_schedule=self.report_schedule,
            report_freshness_hours=self.report_freshness_hours,
            monitoring=self.monitoring,
        )


class RefinedCorpusScaffolder(Scaffolder):
    """Writes a defs.yaml to start from: the attributes that everyone sets, with a short comment on each."""

    def scaffold(self, request: ScaffoldRequest) -> None:
        """Write the file."""
        name = request.target_path.name.replace("-", "_").lower()
        text = SCAFFOLD.format(type=request.type_name, corpus=name)
        yaml.safe_load(text)  # a folder name that would make invalid YAML is refused here, not at load time
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
class RefinedCorpus(dg.Component):
    """A corpus, refined: raw shards, document programs, chunk programs, refined shards, quality metrics, a report.

    Each shard is a dynamic partition of all assets except the report and the catalog. A sensor and a job add shards as
    they appear in the source, and a schedule refreshes the report and the catalog.
    """

    def __init__(self, settings: CorpusSettings) -> None:
        self.settings = settings

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Return the schema of `attributes` in defs.yaml."""
        return RefinedCorpusAttributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Resolve templates in the attributes and build the component."""
        if attributes is None:
            raise ValueError("RefinedCorpus needs attributes: corpus and urls at least")
        given = attributes.model_dump(mode="json", exclude_unset=True)
        resolved = cast("dict[str, Any]", context.resolution_context.resolve_value(given))
        return cls(RefinedCorpusAttributes.model_validate(resolved).settings())

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the corpus's definitions; all components share the resources in build.py."""
        return corpus_definitions(self.settings)


def corpus_definitions(settings: CorpusSettings) -> dg.Definitions:
    """Return the assets, checks, job, sensor and schedule of a corpus.

    The assets have no job on purpose: a job's backfill takes the smallest `max_partitions_per_run` of its assets, which
    is one, and would start an engine for every shard. Backfills of the assets themselves start one engine per run.
    """
    assets = [
        build_raw_shards(settings),
        build_doc_programs(settings),
        build_chunk_programs(settings),
        build_refined_shards(settings),
        build_quality_metrics(settings),
        build_catalog(settings),
        build_refinement_report(settings),
    ]
    schedule = build_report_schedule(settings)
    return dg.Definitions(
        assets=assets,
        asset_checks=[build_shard_checks(settings), build_drift_checks(settings)],
        jobs=[build_discovery_job(settings)],
        sensors=[build_discovery_sensor(settings)],
        schedules=[schedule] if schedule is not None else [],
    )
