"""Which shards are judged together, and which earlier ones they are judged against.

A shard with `judged_documents` documents says enough by itself. Smaller ones are judged alone, which finds at once what
breaks altogether, and together with the shards before them, which finds what is too weak for one of them.
"""

from bisect import bisect_left
from collections.abc import Sequence

from prox_assets.monitoring.drift.settings import DriftSettings

# A baseline's shards also tell how much shards differ. With fewer documents, nearly all of that is sampling, and the
# approximations in statistics.py fail; so smaller shards are added up until they have as many.
BLOCK_DOCUMENTS = 40
FEWEST_BLOCKS = 3


class Windows:
    """The windows over the shards of one corpus."""

    def __init__(self, settings: DriftSettings, documents: Sequence[int]) -> None:
        """Take the number of documents of each shard, in the order in which they are judged."""
        self._settings, self._documents = settings, documents

    def choose(
        self, number: int, earliest: int, quiet: Sequence[int], pinned: list[int] | None
    ) -> tuple[range, list[int]]:
        """Return the shards to judge together with shard `number`, itself last, and the baseline.

        Args:
            number: The shard that has arrived.
            earliest: The first shard that may be judged together with it.
            quiet: Earlier shards that may serve as a baseline, in order.
            pinned: The baseline, where it is fixed.
        """
        settings, first, documents = self._settings, number, self._documents[number]
        while (
            documents < settings.judged_documents
            and number - first + 1 < settings.judged_shards
            and first > earliest
            # What is judged cannot be part of the baseline, and the baseline comes first.
            and (pinned is not None or bisect_left(quiet, first - 1) >= settings.min_baseline_shards)
        ):
            first -= 1
            documents += self._documents[first]
        baseline = self.latest(quiet[: bisect_left(quiet, first)]) if pinned is None else pinned
        return range(first, number + 1), baseline

    def latest(self, quiet: Sequence[int]) -> list[int]:
        """Return the latest quiet shards: `baseline_shards`, or more where they are small."""
        settings = self._settings
        shards = min(len(quiet), settings.baseline_shards)
        documents = sum(self._documents[number] for number in quiet[len(quiet) - shards :])
        enough = settings.baseline_shards * settings.judged_documents
        most = min(len(quiet), settings.baseline_shards * settings.judged_shards)
        while documents < enough and shards < most:
            shards += 1
            documents += self._documents[quiet[-shards]]
        return list(quiet[len(quiet) - shards :])

    def blocks(self, baseline: Sequence[int], together: int) -> list[int] | None:
        """Return where in a baseline the shards begin that count as one; None if each counts by itself.

        Args:
            baseline: The baseline's shards.
            together: How many shards are judged together. As many of the baseline are then taken together, because
                that shows how much such sums differ: less than single shards do, unless what differs lasts.
        """
        if together > 1 and len(baseline) >= together * self._settings.min_baseline_shards:
            return list(range(len(baseline) % together, len(baseline), together))
        documents = [self._documents[number] for number in baseline]
        if not documents or min(documents) >= BLOCK_DOCUMENTS:
            return None
        starts, left, block = [0], sum(documents), 0
        for number, count in enumerate(documents):
            if block >= BLOCK_DOCUMENTS and left >= BLOCK_DOCUMENTS:
                starts.append(number)
                block = 0
            block += count
            left -= count
        return starts if len(starts) >= FEWEST_BLOCKS else None
