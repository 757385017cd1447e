"""One dynamic partitions definition per corpus: a partition is a shard.

There is one dimension, because ranges, plots and the partition bar work on one. There is one definition per corpus,
because a shared one would show every corpus the shards of all others.
"""

import dagster as dg


def shard_partitions(corpus: str) -> dg.DynamicPartitionsDefinition:
    """Return the partitions of a corpus; discovery adds the keys."""
    return dg.DynamicPartitionsDefinition(name=f"{corpus}_shards")
