"""Whether anything that is read or given away still holds a withdrawn document."""

from prox_assets.housekeeping.exported import look_into_exports
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawal_marks import unfinished
from prox_assets.lake.records.withdrawn import Withdrawn, withdrawn
from prox_assets.lake.schemas import Table
from prox_assets.stages.withdrawal.documents import covered_documents


def leftovers(lake: Lake, corpus: str) -> list[str]:
    """Say where withdrawn documents of a corpus still are; [] without any. It is cheap if nothing was ever withdrawn.

    Raises:
        LakeError: The lake cannot be read.
    """
    asked = withdrawn(lake)
    if not asked:
        return []
    shards = sorted({*lake.shards(corpus, Table.DOCUMENTS), *lake.shards(corpus, Table.REFINED)})
    found = [problem for shard in shards for problem in leftovers_of_shard(lake, corpus, shard, asked)]
    for held in look_into_exports(lake, asked, corpus):
        if held.documents:
            found.append(f"{held.name} ({held.export.url}) has {len(held.documents)} withdrawn documents")
        elif held.problem:
            found.append(f"{held.name} ({held.export.url}) cannot be looked into: {held.problem}")
    if unfinished(lake):
        found.append("a withdrawal was cut short; finish it with `prox withdraw --resume`")
    return found


def leftovers_of_shard(lake: Lake, corpus: str, shard: str, asked: Withdrawn | None = None) -> list[str]:
    """Say which tables of a shard still hold withdrawn documents; [] without any.

    Args:
        lake: The lake.
        corpus: The corpus.
        shard: The shard.
        asked: The withdrawals; those of the lake by default.

    Raises:
        LakeError: The lake cannot be read.
    """
    asked = withdrawn(lake) if asked is None else asked
    if not asked:
        return []
    found = {Table.DOCUMENTS: len(covered_documents(lake, corpus, shard, asked))}
    info, execution = lake.info(corpus, Table.REFINED, shard), lake.execution(corpus, shard)
    if info is not None and execution is not None:
        columns = ["doc_id", "url", "raw_hash"]
        frames = lake.frames(corpus, Table.REFINED, shard, columns, info.identity, execution)
        found[Table.REFINED] = sum(len([*asked.among(frame.rename({"raw_hash": "text_hash"}))]) for frame in frames)
    return [f"{table} of shard {shard} has {number} withdrawn documents" for table, number in found.items() if number]
