"""The identity that each table's file has when it is current: its configuration and what it was made from, chained.

Stages write these into files and compare them to decide whether there is work to do; `shard_states` compares them to
say what is stale. Both use the functions here, so they cannot disagree.
"""

from prox_assets.corpora.shards import Shard
from prox_assets.lake.identity import fingerprint
from prox_assets.stages.plan import RefinementPlan

# Raised when a metric changes its meaning, or one is added: shards are then measured anew, without inference.
METRICS_VERSION = "2"


def source_version(shard: Shard) -> str:
    """Return what tells one state of a source file from another: its size, and its etag or modification time."""
    return f"{shard.size}/{shard.etag}"


def documents_identity(plan: RefinementPlan, shard: Shard, limit: int | None = None) -> str:
    """Return the identity of a shard's documents; `limit` is the number of documents read at most."""
    place = [source_version(shard), shard.source_file, shard.row_start, shard.row_end]
    return fingerprint([plan.corpus, plan.ingest_fingerprint, place, limit])


def doc_programs_identity(refiner: str, documents: str) -> str:
    """Return the identity of document programs, from the refiner's fingerprint and the documents' identity."""
    return fingerprint([refiner, documents])


def chunk_programs_identity(refiner: str, doc_programs: str, chunk_floor: float) -> str:
    """Return the identity of chunk programs; the document programs' identity covers the documents."""
    return fingerprint([refiner, doc_programs, chunk_floor])


def refined_identity(plan: RefinementPlan, chunk_programs: str) -> str:
    """Return the identity of what an execution writes (EXECUTION_TABLES)."""
    return fingerprint([plan.execution_fingerprint, chunk_programs])


def metrics_identity(execution_id: str | None) -> str:
    """Return the identity of shard metrics, which describe one execution."""
    return fingerprint([METRICS_VERSION, execution_id])
