"""The step that makes assets for one partition or many: exactly one event per asset and partition.

In a run of one partition, a step yields ordinary results. In a run of several, Dagster would give all of them one data
version, and only at the end of the step. There the step logs each partition's events itself, as soon as the partition
is finished, and yields nothing: so a partition that fails does not unmark those that are done. A later step of the same
run that depends on such a step would be skipped, so a ranged run has one step; assets and checks that belong together
share one (measured with Dagster 1.13: everything else that was tried left partitions stale or missing).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, Protocol, TypeVar

import dagster as dg

from prox_assets.orchestration.failures import is_deterministic, no_retry_when_useless
from prox_assets.orchestration.versions import EventRecord, latest_record, log_evaluation, provenance_tags

Result = dg.MaterializeResult | dg.AssetCheckResult
PartitionWork = Callable[[str], Iterable[Result]]


class KeyedSettings(Protocol):
    """Settings that name the keys of their assets: those of a corpus, or of a proof."""

    def key(self, asset: str) -> dg.AssetKey:
        """Return the key of one of the assets."""
        ...


SettingsT = TypeVar("SettingsT", bound=KeyedSettings)


@dataclass
class PartitionStep(Generic[SettingsT]):
    """A step's partitions, what became of them, and how their results become events.

    Attributes:
        context: Dagster's context of the step.
        settings: What the assets belong to.
        failures: The error of each failed partition.
    """

    NOUN: ClassVar[str] = "partitions"
    """What messages call the partitions."""

    context: dg.AssetExecutionContext
    settings: SettingsT
    failures: dict[str, Exception] = field(default_factory=dict)

    @property
    def keys(self) -> Sequence[str]:
        """The partitions of this run that have not failed; none if only checks of the whole were asked for."""
        if not (self.context.has_partition_key or self._ranged):
            return ()
        return [key for key in self.context.partition_keys if key not in self.failures]

    @property
    def _ranged(self) -> bool:
        return not self.context.has_partition_key and self.context.has_partition_key_range

    def makes(self, asset: str) -> bool:
        """Tell whether this run materializes one of the assets."""
        return self.settings.key(asset) in self.context.selected_asset_keys

    def checks(self, asset: str, check: str) -> bool:
        """Tell whether this run evaluates a check."""
        return dg.AssetCheckKey(self.settings.key(asset), check) in self.context.selected_asset_check_keys

    def each(self, assets: Sequence[str], work: PartitionWork) -> Iterator[Result]:
        """Do the work for each partition that is left; a failing one does not stop the others.

        Args:
            assets: Names of the assets that the work makes of a partition, if they are selected.
            work: Yields a partition's results.
        """
        self._refuse_steps_that_would_be_skipped()
        wanted = [self.settings.key(asset) for asset in assets if self.makes(asset)]
        for key in self.keys:
            if not self._ranged:
                with no_retry_when_useless():
                    yield from work(key)
                continue
            if self._made_by_this_run(wanted, key):
                continue  # this is a retry of the step, and the partition had been finished
            inputs = self._inputs(wanted, key)
            try:
                for result in work(key):
                    self._log(result, key, inputs)
            except Exception as error:
                self.context.log.exception("%s failed; the run continues with its other partitions", key)
                self.failures[key] = error

    def finish(self) -> None:
        """Fail the step if a partition failed.

        Raises:
            dg.Failure: It names the partitions, and allows a retry unless every error would occur again.
        """
        if self.failures:
            raise dg.Failure(
                description=f"{len(self.failures)} of {len(self.context.partition_keys)} {self.NOUN} failed: "
                + "; ".join(f"{key}: {error}" for key, error in self.failures.items()),
                allow_retries=not all(is_deterministic(error) for error in self.failures.values()),
            )

    def _refuse_steps_that_would_be_skipped(self) -> None:
        """Fail a ranged run that also asks for assets which depend on this step: Dagster would skip them silently."""
        own = self.context.assets_def.keys
        others = (self.context.run.asset_selection or frozenset()) - own
        if self._ranged and others:
            names = ", ".join(sorted(key.to_user_string() for key in others))
            raise dg.Failure(
                f"one run cannot make {names} for several {self.NOUN}, because Dagster skips what depends on a step "
                f"that records its {self.NOUN} one by one. Launch a backfill, which gives each its own runs, or one "
                "asset's range at a time.",
                allow_retries=False,
            )

    def _inputs(self, assets: Sequence[dg.AssetKey], key: str) -> dict[dg.AssetKey, EventRecord | None]:
        """Return the latest event of everything that the assets depend on, before the work begins."""
        deps = {dep.asset_key for asset in assets for dep in self.context.assets_def.get_asset_spec(asset).deps}
        return {dep: latest_record(self.context.instance, dep, self.input_partition(dep, key)) for dep in sorted(deps)}

    def input_partition(self, asset: dg.AssetKey, key: str) -> str | None:
        """Return the partition of an input that a partition is made from; None for an input without partitions."""
        return key

    def _made_by_this_run(self, assets: Sequence[dg.AssetKey], key: str) -> bool:
        if self.context.retry_number == 0 or not assets:
            return False
        records = (latest_record(self.context.instance, asset, key) for asset in assets)
        return all(record is not None and record.run_id == self.context.run_id for record in records)

    def _log(self, result: Result, key: str, inputs: dict[dg.AssetKey, EventRecord | None]) -> None:
        """Log a result as an event of one partition."""
        asset = result.asset_key
        if asset is None:
            raise ValueError("a result of a partition names its asset")
        if isinstance(result, dg.AssetCheckResult):
            check = dg.AssetCheckKey(asset, str(result.check_name))
            blocking = self.context.assets_def.get_spec_for_check_key(check).blocking
            log_evaluation(self.context, result, blocking=blocking, partition=key)
            return
        if result.data_version is None:
            raise ValueError("a materialization of a partition has a data version")
        spec = self.context.assets_def.get_asset_spec(asset)
        of_asset = {dep.asset_key: inputs[dep.asset_key] for dep in spec.deps}
        tags = provenance_tags(spec, result.data_version.value, of_asset)
        self.context.log_event(dg.AssetMaterialization(asset, metadata=result.metadata, partition=key, tags=tags))
        inputs[asset] = latest_record(self.context.instance, asset, key)
