"""The raw text of every document."""

from collections.abc import Iterator

from prox_assets.proof.arms.context import ArmContext, ArmPart, raw_source
from prox_assets.proof.arms.table import whole
from prox_assets.proof.settings import RawArm


def raw_parts(context: ArmContext, _arm: RawArm) -> Iterator[ArmPart]:
    """Yield the arm, shard by shard."""
    for shard, rows in context.shards():
        yield shard.corpus, raw_source(shard), whole(rows)
