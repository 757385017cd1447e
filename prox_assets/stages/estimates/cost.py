"""What refining a corpus will cost, from a timed sample; nothing is written."""

import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from prox_assets.corpora.cutting import count_rows
from prox_assets.corpora.document import Document
from prox_assets.corpora.formats import container_from_name
from prox_assets.corpora.listing.files import list_files
from prox_assets.corpora.listing.raw_files import RawFile, RawFiles
from prox_assets.corpora.shards import Shard, read_shard, shard_of_file
from prox_assets.programs import decide_document
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.run import InferenceFailedError, Progress, StageError, silent
from prox_assets.stages.running.pipeline import Report

# Reading more Parquet footers is not worth its time; the other files are estimated by size.
COUNTED_FILES = 100
# A report costs more than reading a row.
ROWS_PER_REPORT = 1000

Result = TypeVar("Result")


def _no_report(_what: str, _shard: str) -> Progress:
    return silent


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


def estimate_cost(plan: RefinementPlan, sample_size: int, seed: int, report: Report = _no_report) -> Estimate:
    """Draw a sample from the first file, time both levels on it, and extrapolate to all files.

    Args:
        plan: The corpus and its refiners.
        sample_size: Documents to time.
        seed: Random seed of the sample.
        report: Given what is being done and to what, returns the callback for its progress.

    Raises:
        CorpusError: The source cannot be listed or read.
        StageError: The first file has no documents.
        InferenceFailedError: The refiner failed on every document of the sample.
        EngineError, RefinerError: The refiner does not run.
    """
    files = list_files(plan.source)
    first = shard_of_file(plan.source, files[0])
    sample, documents = _sample(plan, first, sample_size, seed, report("read", first.key))
    doc_timing, kept = _time_documents(plan, sample, report("documents", first.key))
    chunk_timing = _time_chunks(plan, kept, report("chunks", first.key))
    total, counted = _count(plan, files, documents, report("count", plan.corpus))
    seconds = doc_timing.seconds + chunk_timing.seconds
    return Estimate(
        files=len(files),
        counted=counted,
        documents=total,
        sample=len(sample),
        timings=(doc_timing, chunk_timing),
        engine_hours=seconds / len(sample) * total / 3600,
    )


def _sample(
    plan: RefinementPlan, shard: Shard, size: int, seed: int, progress: Progress
) -> tuple[list[RefinerInput], int]:
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
        if seen % ROWS_PER_REPORT == 0:
            progress(seen, 0)
    progress(seen, seen)
    if not sample:
        raise StageError(f"{shard.url} has no readable document to time; name another file first")
    return sample, seen


def _time_documents(
    plan: RefinementPlan, sample: list[RefinerInput], progress: Progress
) -> tuple[LevelTiming, list[RefinerInput]]:
    """Time the document level; return what it admits to the chunk level, too."""
    # Like the stage: the chunk level sees whatever passes the floor, regardless of the current threshold.
    admission = replace(plan.execution_policy, doc_keep_threshold=plan.chunk_floor)
    with plan.session("doc") as session:
        started = time.monotonic()
        refiner = session.document_refiner()
        loaded = time.monotonic()
        results = list(_counted(refiner.write_programs(sample), len(sample), progress))
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


def _time_chunks(plan: RefinementPlan, kept: list[RefinerInput], progress: Progress) -> LevelTiming:
    with plan.session("chunk") as session:
        started = time.monotonic()
        refiner = session.chunk_refiner()
        loaded = time.monotonic()
        results = _counted(refiner.write_programs(kept), len(kept), progress)
        tokens = sum(row.prompt_tokens for result in results for row in result.rows)
        ended = time.monotonic()
    return LevelTiming("chunks", len(kept), loaded - started, ended - loaded, tokens)


def _counted(results: Iterable[Result], total: int, progress: Progress) -> Iterator[Result]:
    """Pass results on, and report how many there have been."""
    for done, result in enumerate(results, 1):
        progress(done, total)
        yield result


def _count(plan: RefinementPlan, files: RawFiles, first_documents: int, progress: Progress) -> tuple[int, int]:
    """Return the documents of all files, and how many files were counted rather than estimated by size."""
    first = files[0]
    counted = {first.url: (first, first_documents)}
    footers = [file for file in files[1:COUNTED_FILES] if _is_parquet(file)]
    for file in _counted(footers, len(footers), progress):
        counted[file.url] = (file, count_rows(plan.source, file.url))
    # Where the store reports no sizes, all files weigh the same.
    sized = all(file.size for file in files)
    # The other counted files are Parquet, and say nothing about the documents per byte of a JSON file.
    alike = list(counted.values()) if _is_parquet(first) else [(first, first_documents)]
    rate = sum(documents for _, documents in alike) / sum(_weight(file, sized=sized) for file, _ in alike)
    rest = sum(_weight(file, sized=sized) for file in files if file.url not in counted)
    return sum(documents for _, documents in counted.values()) + round(rate * rest), len(counted)


def _weight(file: RawFile, *, sized: bool) -> int:
    return (file.size or 0) if sized else 1


def _is_parquet(file: RawFile) -> bool:
    container = container_from_name(file.source_file)
    return container is not None and container.kind == "parquet"
