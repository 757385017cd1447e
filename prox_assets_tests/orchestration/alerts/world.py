"""Small assets whose fate a test decides, and a corpus's alert sensor over them."""

from typing import Any

import dagster as dg

from prox_assets.orchestration.alerts.sensor import build_alert_sensor
from prox_assets.orchestration.resources import LakeResource
from prox_assets.orchestration.settings.corpus import CorpusSettings

CORPUS = "town"
KEY = dg.AssetKey([CORPUS, "refined_shards"])
REPORT = dg.AssetKey([CORPUS, "report"])
CATALOG = dg.AssetKey([CORPUS, "catalog"])
SHARDS = ["a", "b", "c"]


class World:
    """Small assets whose fate a test decides, and the corpus's alert sensor over them."""

    def __init__(self, instance: dg.DagsterInstance, lake: str, alerts: dict[str, Any] | None, **settings: Any) -> None:
        self.instance = instance
        values: dict[str, Any] = {"corpus": CORPUS, "urls": ["x"], "alerts": alerts, **settings}
        self.settings = CorpusSettings.model_validate(values)
        instance.add_dynamic_partitions(self.settings.partitions.name or "", SHARDS)
        self.broken: set[str] = set()
        self.failing: dict[str, dg.AssetCheckSeverity] = {}
        self.unjudged = False
        self.cursor: str | None = None
        self.sensor = build_alert_sensor(self.settings)
        self.resources = {"lake": LakeResource(url=lake)}
        self.definitions = dg.Definitions(
            assets=[self._refined(), self._report(), self._catalog()],
            asset_checks=[self._schema(), self._drift()],
            sensors=[self.sensor],
            jobs=[self._discovery()],
            resources=self.resources,
        )

    def _refined(self) -> dg.AssetsDefinition:
        @dg.asset(key=KEY, partitions_def=self.settings.partitions, backfill_policy=dg.BackfillPolicy.single_run())
        def refined(context: dg.AssetExecutionContext) -> None:
            for key in context.partition_keys:
                if key in self.broken:
                    raise dg.Failure(f"{key}: cannot be read <!channel>", allow_retries=False)
                if len(context.partition_keys) > 1:
                    context.log_event(dg.AssetMaterialization(KEY, partition=key))

        return refined

    def _report(self) -> dg.AssetsDefinition:
        @dg.asset(key=REPORT, deps=[KEY])
        def report() -> None:
            if "report" in self.broken:
                raise ValueError("no room")

        return report

    def _catalog(self) -> dg.AssetsDefinition:
        """Its own step makes its check."""

        @dg.asset(key=CATALOG, check_specs=[dg.AssetCheckSpec("inner", asset=CATALOG)])
        def catalog() -> dg.MaterializeResult:
            if "catalog" in self.broken:
                raise ValueError("no room")
            return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="inner", passed=True)])

        return catalog

    def _schema(self) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=KEY, name="schema", blocking=True, partitions_def=self.settings.partitions)
        def schema(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
            severity = self.failing.get(context.op_execution_context.partition_key)
            return dg.AssetCheckResult(
                passed=severity is None, severity=severity or dg.AssetCheckSeverity.ERROR, description="columns differ"
            )

        return schema

    def _drift(self) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=REPORT, name="drift")
        def drift() -> dg.AssetCheckResult:
            if self.unjudged:
                raise ValueError("no baseline")
            severity = self.failing.get("drift")
            return dg.AssetCheckResult(passed=severity is None, severity=severity or dg.AssetCheckSeverity.ERROR)

        return drift

    def _discovery(self) -> dg.JobDefinition:
        @dg.op
        def list_source() -> None:
            if "source" in self.broken:
                raise ValueError("the store does not answer")

        @dg.job(name="discover_town_shards", tags={"prox/corpus": CORPUS})
        def discover() -> None:
            list_source()

        return discover

    def run(self, *keys: dg.AssetKey, shard: str | None = None, tags: dict[str, str] | None = None) -> str:
        """Run assets with their checks; return the run."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance,
            partition_key=shard,
            tags=tags or {},
            asset_selection=list(keys),
            raise_on_error=False,
        ).run_id

    def discover(self) -> None:
        self.definitions.resolve_job_def("discover_town_shards").execute_in_process(
            instance=self.instance, raise_on_error=False
        )

    def tick(self) -> str:
        """Run the sensor once, as the daemon does; return what the tick shows."""
        context = dg.build_sensor_context(
            self.instance, self.cursor, definitions=self.definitions, resources=self.resources
        )
        outcome = self.sensor.evaluate_tick(context)
        assert outcome.cursor is not None
        self.cursor = outcome.cursor
        return outcome.skip_message or ""


def told(message: dict[str, Any]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    names = ("kind", "asset", "check", "partition", "job", "severity")
    opened = [tuple(item[name] for name in names) for item in message["opened"]]
    return opened, [(*(item[name] for name in names), item["reason"]) for item in message["closed"]]


SCHEMA_OF_B = ("failed_check", "town/refined_shards", "schema", "b", None, "ERROR")
RUN_OF_B = ("failed_run", "town/refined_shards", None, "b", None, "ERROR")
RUN_OF_REPORT = ("failed_run", "town/report", None, None, None, "ERROR")
