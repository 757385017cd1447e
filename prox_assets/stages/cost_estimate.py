"""What refining a corpus will cost, from a timed sample; nothing is written."""

import random
import time
from dataclasses import dataclass, replace

from prox_assets.corpora.document import Document
from prox_assets.corpora.formats import container_from_name
from prox_assets.corpora.shards import Shard, list_shards, read_shard
from prox_assets.programs import decide_document
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.run import InferenceFailedError, StageError

# Reading more Parquet footers is not worth its time; the other files are estimated by size.
COUNTED_FILES = 100


@dataclass(frozen=True)
class LevelTiming:
    """How long one level took on the sample; `start_seconds` is the time to load the model."""

    level: str
    documents: int
    start_seconds: float
    seconds: float
    prompt_tokens: int


@dataclass(frozen=True)
class Estimate:
    """A corpus's size and cost, extrapolated.

    Attributes:
        files: Raw files.
        counted: How many of them were counted exactly; the others are extrapolated from the first by size.
        documents: Documents in all files.
        sample: Documents that were timed.
        timings: One per level, on the sample.
        engine_hours: Hours of one engine for the whole corpus at both levels, without loading the models.
    """

    files: int
    counted: int
    documents: int
    sample: int
    timings: tuple[LevelTiming, ...]
    engine_hours: float


def estimate_cost(plan: RefinementPlan, sample_size: int, seed: int) -> Estimate:
    """Draw a sample from the first file, time both levels on it, and extrapolate to all files.

    Raises:
        CorpusError: The source cannot be listed or read.
        StageError: The first file has no documents.
        InferenceFailedError: The refiner failed on every document of the sample.
        EngineError, RefinerError: The refiner does not run.
    """
    shards = list_shards(plan.source)
    sample, documents = _sample(plan, shards[0], sample_size, seed)
    doc_timing, kept = _time_documents(plan, sample)
    chunk_timing = _time_chunks(plan, kept)
    total, counted = _count(plan, shards, documents)
    seconds = doc_timing.seconds + chunk_timing.seconds
    return Estimate(
        files=len(shards),
        counted=counted,
        documents=total,
        sample=len(sample),
        timings=(doc_timing, chunk_timing),
        engine_hours=seconds / len(sample) * total / 3600,
    )


def _sample(plan: RefinementPlan, shard: Shard, size: int, seed: int) -> tuple[list[RefinerInput], int]:
    """Return a uniform sample of a shard's documents (reservoir sampling) and how many documents the shard has."""
    generator = random.Random(seed)  # noqa: S311 - a sample, not a secret
    sample: list[RefinerInput] = []
    seen = 0
    for row in read_shard(plan.source, shard):
        if not isinstance(row, Document):
            continue
        seen += 1
        if len(sample) < size:
            sample.append(RefinerInput(row.doc_id, row.text))
        elif (place := generator.randrange(seen)) < size:
            sample[place] = RefinerInput(row.doc_id, row.text)
    if not sample:
        raise StageError(f"{shard.url} has no readable document to time; name another file first")
    return sample, seen


def _time_documents(plan: RefinementPlan, sample: list[RefinerInput]) -> tuple[LevelTiming, list[RefinerInput]]:
    """Time the document level; return what it admits to the chunk level, too."""
    # Like the stage: the chunk level sees whatever passes the floor, regardless of the current threshold.
    admission = replace(plan.execution_policy, doc_keep_threshold=plan.chunk_floor)
    with plan.session("doc") as session:
        started = time.monotonic()
        refiner = session.document_refiner()
        loaded = time.monotonic()
        results = list(refiner.write_programs(sample))
        ended = time.monotonic()
    errors = [result.error for result in results if result.error is not None]
    if len(errors) == len(sample):
        raise InferenceFailedError(f"the refiner failed on every document; the last error was: {errors[-1]}")
    texts = {document.doc_id: document for document in sample}
    kept = [
        texts[result.doc_id]
        for result in results
        if result.error is None
        and decide_document(texts[result.doc_id].text, result.program, result.keep_probability, admission).keep
    ]
    tokens = sum(result.prompt_tokens for result in results)
    return LevelTiming("documents", len(sample), loaded - started, ended - loaded, tokens), kept


def _time_chunks(plan: RefinementPlan, kept: list[RefinerInput]) -> LevelTiming:
    with plan.session("chunk") as session:
        started = time.monotonic()
        refiner = session.chunk_refiner()
        loaded = time.monotonic()
        tokens = sum(row.prompt_tokens for result in refiner.write_programs(kept) for row in result.rows)
        ended = time.monotonic()
    return LevelTiming("chunks", len(kept), loaded - started, ended - loaded, tokens)


def _count(plan: RefinementPlan, shards: list[Shard], first_documents: int) -> tuple[int, int]:
    """Return the documents of all files, and how many files were counted rather than estimated by size."""
    first = shards[0]
    documents = {first.url: first_documents}
    documents |= {shard.url: _rows_in_footer(plan, shard) for shard in shards[1:COUNTED_FILES] if _is_parquet(shard)}
    sizes = {shard.url: shard.size or 0 for shard in shards}
    if not all(sizes.values()):  # the store reports no sizes: weight all files equally
        sizes = dict.fromkeys(sizes, 1)
    # The other counted files are Parquet, and say nothing about the documents per byte of a JSON file.
    alike = documents if _is_parquet(first) else {first.url: first_documents}
    rate = sum(alike.values()) / sum(sizes[url] for url in alike)
    rest = sum(size for url, size in sizes.items() if url not in documents)
    return sum(documents.values()) + round(rate * rest), len(documents)


def _is_parquet(shard: Shard) -> bool:
    container = container_from_name(shard.source_file)
    return container is not None and container.kind == "parquet"


def _rows_in_footer(plan: RefinementPlan, shard: Shard) -> int:
    """Return the file's row count, which a listing with row ranges reads from its footer."""
    whole = plan.source.model_copy(update={"urls": [shard.url], "rows_per_shard": 1 << 62})
    return sum(counted.rows or 0 for counted in list_shards(whole))
