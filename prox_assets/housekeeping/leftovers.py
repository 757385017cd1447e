"""Whether anything that is read or given away still holds a withdrawn document."""

from prox_assets.housekeeping.exported import look_into_exports
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.withdrawal_marks import unfinished
from prox_assets.lake.withdrawn import Withdrawn, withdrawn
from prox_assets.stages.withdrawn_documents import covered_documents


def leftovers(lake: Lake, corpus: str) -> list[str]:
    """Say where withdrawn documents of a corpus still are; [] without any. It is cheap if nothing was ever withdrawn.

    Raises:
        LakeError: The lake cannot be read.
    """
    asked = withdrawn(lake)
    if not asked:
        return []
    found = [
        f"shard {shard} has {number} withdrawn documents in its {table}"
        for shard in lake.shards(corpus, Table.DOCUMENTS)
        for table, number in _in_tables(lake, corpus, shard, asked).items()
        if number
    ]
    for held in look_into_exports(lake, asked, corpus):
        if held.documents:
            found.append(f"{held.name} ({held.export.url}) has {len(held.documents)} withdrawn documents")
        elif held.problem:
            found.append(f"{held.name} ({held.export.url}) cannot be looked into: {held.problem}")
    if unfinished(lake):
        found.append("a withdrawal was cut short; finish it with `prox withdraw --resume`")
    return found


def _in_tables(lake: Lake, corpus: str, shard: str, asked: Withdrawn) -> dict[Table, int]:
    found = {Table.DOCUMENTS: len(covered_documents(lake, corpus, shard, asked))}
    info, execution = lake.info(corpus, Table.REFINED, shard), lake.execution(corpus, shard)
    if info is not None and execution is not None:
        columns = ["doc_id", "url", "raw_hash"]
        frames = lake.frames(corpus, Table.REFINED, shard, columns, info.identity, execution)
        found[Table.REFINED] = sum(len([*asked.among(frame.rename({"raw_hash": "text_hash"}))]) for frame in frames)
    return found
