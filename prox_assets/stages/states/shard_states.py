"""Which stages of each shard are done, stale or missing, from the lake alone.

Every file records the identities of its inputs, so this needs no configuration. What a changed configuration would redo
is for the stages, and for Dagster's code versions.
"""

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from prox_assets.corpora.shards import Shard
from prox_assets.lake.chain import State, chain_states
from prox_assets.lake.footers import Footers
from prox_assets.lake.identity import source_version
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawal_marks import pending
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileInfo
from prox_assets.stages.states.identities import metrics_identity

# The table that tells a stage's state, in the order of the stages.
STAGES = {
    "raw_shards": Table.DOCUMENTS,
    "doc_programs": Table.DOC_PROGRAMS,
    "chunk_programs": Table.CHUNK_PROGRAMS,
    "refined_shards": Table.OUTCOMES,
    "quality_metrics": Table.SHARD_METRICS,
}
# Footers are read at once from a store that answers slowly.
READERS = 8


@dataclass(frozen=True)
class ShardState:
    """A shard and what the lake holds for it.

    Attributes:
        shard: The shard as last listed.
        stages: State by stage.
        documents: Documents read, or None.
        limited: Reading stopped early (`prox refine --limit`), so the lake has only the shard's first documents.
        doc_refiner: Fingerprint of the refiner that wrote the document programs, or None.
        chunk_refiner: Likewise for the chunk programs.
        updated: When the newest of the files was written, in UTC, or None.
    """

    shard: Shard
    stages: dict[str, State]
    documents: int | None
    limited: bool
    doc_refiner: str | None
    chunk_refiner: str | None
    updated: datetime | None


def shard_states(lake: Lake, corpus: str, shards: Iterable[Shard], *, recall: bool = False) -> list[ShardState]:
    """Describe recorded shards; see `discovery.known_shards`.

    Args:
        lake: The lake.
        corpus: The corpus.
        shards: The shards.
        recall: Open only files that were written since a check `up_to_date` looked at them; for all shards of a
            corpus, because it lists the corpus's folders.

    Raises:
        LakeError: A file is damaged, or the lake cannot be read.
    """
    withdrawn = pending(lake, corpus)
    if not recall:
        info, execution = partial(lake.info, corpus), partial(lake.execution, corpus)
        return [_state(info, execution, withdrawn, shard) for shard in shards]
    footers = Footers(lake, corpus, STAGES.values())
    with ThreadPoolExecutor(READERS) as readers:
        return [*readers.map(partial(_state, footers.info, footers.execution, withdrawn), shards)]


def _state(
    info: Callable[[Table, str], FileInfo | None],
    execution_of: Callable[[str], str | None],
    withdrawn: Collection[str],
    shard: Shard,
) -> ShardState:
    files = {stage: info(table, shard.key) for stage, table in STAGES.items()}
    execution = execution_of(shard.key)
    tables = {table: files[stage] for stage, table in STAGES.items()}
    chain = chain_states(tables, source_version(*shard.version), execution)
    stages = {stage: chain[table] for stage, table in STAGES.items() if table in chain}
    if shard.key in withdrawn:  # documents are to be removed from all that is there
        stages = {stage: State.MISSING if state is State.MISSING else State.STALE for stage, state in stages.items()}
    metrics = files["quality_metrics"]
    if metrics is None:
        stages["quality_metrics"] = State.MISSING
    else:
        current = metrics.identity == metrics_identity(execution) and stages["refined_shards"] is State.DONE
        stages["quality_metrics"] = State.DONE if current else State.STALE
    present = [info for info in files.values() if info is not None]
    documents, doc, chunk = files["raw_shards"], files["doc_programs"], files["chunk_programs"]
    return ShardState(
        shard=shard,
        stages=stages,
        documents=documents.rows if documents else None,
        limited=documents is not None and documents.notes.get("limit") == documents.rows,
        doc_refiner=doc.fingerprint if doc else None,
        chunk_refiner=chunk.fingerprint if chunk else None,
        updated=max((info.created_at for info in present), default=None),
    )
