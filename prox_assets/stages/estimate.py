"""What refining a corpus will cost, from a timed sample; nothing is written."""

import random
import time
from dataclasses import dataclass

from prox_assets.corpora.document import Document
from prox_assets.corpora.shards import Shard, list_shards, read_shard
from prox_assets.programs import decide_document
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.run import StageError


@dataclass(frozen=True)
class LevelTiming:
    """How long one level took on the sample; `start_seconds` is loading the model."""

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
        documents: Documents in all of them.
        sample: Documents that were timed.
        timings: Per level, on the sample.
        engine_hours: Hours of one engine for the whole corpus, both levels, model loading left out.
    """

    files: int
    documents: int
    sample: int
    timings: tuple[LevelTiming, ...]
    engine_hours: float


def estimate_cost(plan: RefinementPlan, sample_size: int, seed: int) -> Estimate:
    """Draw a sample from the first file, time both levels on it, extrapolate by file size.

    Raises:
        CorpusError: The source cannot be listed or read.
        StageError: The first file has no documents.
        EngineError, RefinerError: The refiner does not run.
    """
    shards = list_shards(plan.source)
    sample, documents = _sample(plan, shards[0], sample_size, seed)
    doc_timing, kept = _time_documents(plan, sample)
    chunk_timing = _time_chunks(plan, kept)
    total = _extrapolate(shards, documents)
    seconds = doc_timing.seconds + chunk_timing.seconds
    return Estimate(
        files=len(shards),
        documents=total,
        sample=len(sample),
        timings=(doc_timing, chunk_timing),
        engine_hours=seconds / len(sample) * total / 3600,
    )


def _sample(plan: RefinementPlan, shard: Shard, size: int, seed: int) -> tuple[list[RefinerInput], int]:
    """Return an even sample of a shard's documents (reservoir sampling) and how many it has."""
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
    texts = {document.doc_id: document for document in sample}
    kept: list[RefinerInput] = []
    tokens = 0
    with RefinerSession(plan.refiners.doc, "doc", plan.engine) as session:
        started = time.monotonic()
        refiner = session.document_refiner()
        loaded = time.monotonic()
        for result in refiner.write_programs(sample):
            tokens += result.prompt_tokens
            document = texts[result.doc_id]
            decision = decide_document(document.text, result.program, result.keep_probability, plan.execution_policy)
            if result.error is None and decision.keep:
                kept.append(document)
        ended = time.monotonic()
    return LevelTiming("documents", len(sample), loaded - started, ended - loaded, tokens), kept


def _time_chunks(plan: RefinementPlan, kept: list[RefinerInput]) -> LevelTiming:
    with RefinerSession(plan.refiners.chunk, "chunk", plan.engine) as session:
        started = time.monotonic()
        refiner = session.chunk_refiner()
        loaded = time.monotonic()
        tokens = sum(row.prompt_tokens for result in refiner.write_programs(kept) for row in result.rows)
        ended = time.monotonic()
    return LevelTiming("chunks", len(kept), loaded - started, ended - loaded, tokens)


def _extrapolate(shards: list[Shard], first_documents: int) -> int:
    first_size = shards[0].size
    if len(shards) == 1 or not first_size:
        return first_documents * len(shards)
    return round(first_documents * sum(shard.size or first_size for shard in shards) / first_size)
