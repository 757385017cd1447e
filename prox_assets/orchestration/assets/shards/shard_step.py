"""The step that makes assets for the shards of a corpus, and evaluates the checks of the corpus as a whole."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import dagster as dg

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.orchestration.assets.shards.partition_step import PartitionStep
from prox_assets.orchestration.checks import up_to_date
from prox_assets.orchestration.failures import no_retry_when_useless
from prox_assets.orchestration.settings.corpus import CorpusSettings


@dataclass
class ShardStep(PartitionStep[CorpusSettings]):
    """A step over shards of a corpus."""

    NOUN = "shards"

    def up_to_date(self, lake: Lake) -> Iterator[dg.AssetCheckResult]:
        """Evaluate the checks `up_to_date` that this run selected."""
        keys = self.context.selected_asset_check_keys
        names = [key.asset_key.path[-1] for key in keys if key.name == up_to_date.CHECK]
        yield from self.of_corpus(up_to_date.results(self.settings, lake, names))

    def of_corpus(self, results: Iterable[dg.AssetCheckResult]) -> Iterator[dg.AssetCheckResult]:
        """Yield results of checks of the whole corpus.

        In a step that has made shards, an error in them is logged only: it must not hide which shards failed, nor fail
        those that did not.
        """
        try:
            with no_retry_when_useless():
                yield from results
        except (LakeError, dg.Failure) as error:
            if not self.context.selected_asset_keys:
                raise
            self.context.log.warning("checks of the whole corpus were not evaluated: %s", error)
