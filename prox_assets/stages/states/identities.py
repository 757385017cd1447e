"""The identity of each table's file when it is current: its configuration hashed with the identities of its inputs.

Stages write identities into files and compare them to decide whether there is work to do; `shard_states` compares them
to find stale files. Both use these functions, so they cannot disagree.
"""

from prox_assets.corpora.shards import Shard
from prox_assets.lake.identity import fingerprint, source_version
from prox_assets.stages.plan import RefinementPlan

# Increment when a metric is added or changes its meaning: shards are then measured again, without inference.
METRICS_VERSION = "2"


def documents_identity(plan: RefinementPlan, shard: Shard, limit: int | None = None) -> str:
    """Return the identity of a shard's documents; `limit` is the largest number of documents to read."""
    place = [source_version(*shard.version), shard.source_file, shard.row_start, shard.row_end]
    return fingerprint([plan.corpus, plan.ingest_fingerprint, place, limit])


def doc_programs_identity(refiner: str, documents: str) -> str:
    """Return the identity of document programs, from the refiner's fingerprint and the documents' identity."""
    return fingerprint([refiner, documents])


def chunk_programs_identity(refiner: str, doc_programs: str, chunk_floor: float) -> str:
    """Return the identity of chunk programs; the document programs' identity covers the documents."""
    return fingerprint([refiner, doc_programs, chunk_floor])


def refined_identity(plan: RefinementPlan, chunk_programs: str) -> str:
    """Return the identity of the files that an execution writes (EXECUTION_TABLES)."""
    return fingerprint([plan.execution_fingerprint, chunk_programs])


def metrics_identity(execution_id: str | None) -> str:
    """Return the identity of shard metrics, which describe one execution."""
    return fingerprint([METRICS_VERSION, execution_id])
