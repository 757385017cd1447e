"""Time the stages `doc_programs` and `chunk_programs` against a bare `LLM.generate` over the same prompts.

The stages run on a lake of real pages exactly as under `prox refine` and Dagster (plan, session, lease, ledger,
published file). vLLM alone is timed before and after each, so that a drift in the machine's speed favours neither.
Used by engine_efficiency.py and gpu_throughput.py.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks.support.bare_vllm import SharedVllm, StopWatch, Timed, engine_limits, vllm_requests
from benchmarks.support.llama_shapes import LlamaShape
from prox_assets.corpora.source import CorpusSource
from prox_assets.engines.config import VllmEngineConfig
from prox_assets.engines.vllm.jobs import Ask
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.config import RefinerConfig, RefinerPair
from prox_assets.refiners.prompts.formats import Level
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.inference.chunk_programs import write_chunk_programs
from prox_assets.stages.inference.doc_programs import write_document_programs
from prox_assets.stages.inference.program_table import InferenceSummary
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.discovery import discover_shards
from prox_assets.stages.reading.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun

SHARD = "pages.jsonl"
BATCH_TEXTS = 4  # texts whose chunks are counted at a time


class NotTheSameWorkError(RuntimeError):
    """Stage and bare engine did not see the same prompts, so their times cannot be compared."""


@dataclass(frozen=True, slots=True)
class Efficiency:
    """One stage against the bare engine.

    Attributes:
        level: "doc" or "chunk".
        requests: vLLM requests of the whole stage.
        stage: The stage, once per round.
        bare: `LLM.generate` before and after each stage, so one more than there are rounds.
    """

    level: Level
    requests: int
    stage: tuple[Timed, ...]
    bare: tuple[Timed, ...]

    @property
    def stage_rate(self) -> float:
        """Mean tokens per second of the stage."""
        return mean(timed.tokens_per_second for timed in self.stage)

    @property
    def bare_rate(self) -> float:
        """Mean tokens per second of the bare engine."""
        return mean(timed.tokens_per_second for timed in self.bare)

    @property
    def ratio(self) -> float:
        """Throughput of the stage / mean of the bare runs before and after it; mean over the rounds."""
        return mean(
            stage.tokens_per_second / mean((before.tokens_per_second, after.tokens_per_second))
            for before, stage, after in zip(self.bare, self.stage, self.bare[1:], strict=False)
        )

    @property
    def cpu_ratio(self) -> float:
        """CPU time of the bare engine / of the stage: an upper bound on `ratio` if nothing overlapped."""
        return mean(timed.cpu_seconds for timed in self.bare) / mean(timed.cpu_seconds for timed in self.stage)


def texts_with_chunks(texts: Sequence[str], chunks: int, refiners: RefinerPair, model: Path) -> list[str]:
    """Return the shortest prefix of the texts, in steps of BATCH_TEXTS, that has at least `chunks` chunks.

    Raises:
        ValueError: All texts together have fewer.
    """
    config = _chunk_config(refiners)
    limits = engine_limits(model, config.window)
    batches = (texts[start : start + BATCH_TEXTS] for start in range(0, len(texts), BATCH_TEXTS))
    found = 0
    for number, requests in enumerate(vllm_requests(config, model, batches, limits), start=1):
        found += len(requests)
        if found >= chunks:
            return list(texts[: number * BATCH_TEXTS])
    raise ValueError(f"the {len(texts)} pages have only {found} chunks; lower --chunks")


def _chunk_config(refiners: RefinerPair) -> RefinerConfig:
    if refiners.chunk is None:
        raise ValueError(f"the pair {refiners.name} has no chunk refiner")
    return refiners.chunk


def random_refiners(model: Path, shape: LlamaShape, answer_tokens: int) -> RefinerPair:
    """Return a pair of refiners that share one model and keep every document."""
    common = {
        "model": str(model),
        "prompt_format": "plain",
        "probe": False,  # random weights would fail it
        "window": shape.window,
        "max_prompt_tokens": shape.prompt_tokens,
    }
    doc = RefinerConfig.model_validate({"name": "random-doc", "level": "doc", **common})
    chunk = RefinerConfig.model_validate(
        {"name": "random-chunk", "level": "chunk", "max_new_tokens": answer_tokens, "chunk_floor": 0.0, **common}
    )
    return RefinerPair(name="random", doc=doc, chunk=chunk)


def measure_stages(
    work: Path,
    texts: Mapping[Level, Sequence[str]],
    refiners: RefinerPair,
    engine: VllmEngineConfig,
    *,
    rounds: int = 1,
    report: Callable[[str], None] = print,
) -> list[Efficiency]:
    """Time the stages over the texts, and the bare engine before and after each.

    Args:
        work: New folder for raw shards and lakes.
        texts: Documents for each level to measure. A document is one request at document level and many at chunk
            level, so a shard of one size would be too small for the first or too large for the second.
        refiners: Refiners of both levels, each with a model.
        engine: vLLM settings; `max_model_len` should be set.
        rounds: Times each stage is run.
        report: Receives a line per measurement as it is made.

    Raises:
        NotTheSameWorkError: A stage and the bare engine saw different prompts.
        EngineStartError: vLLM does not start with these settings.
    """
    return [
        _measure_level(work / level, documents, refiners, engine, level, rounds, report)
        for level, documents in texts.items()
    ]


def _measure_level(
    work: Path,
    texts: Sequence[str],
    refiners: RefinerPair,
    engine: VllmEngineConfig,
    level: Level,
    rounds: int,
    report: Callable[[str], None],
) -> Efficiency:
    work.mkdir(parents=True)
    shard = work / SHARD
    shard.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    plan = RefinementPlan(
        source=CorpusSource(name="pages", urls=[str(shard)]),
        # Without a document refiner, every document is kept.
        refiners=refiners if level == "doc" else refiners.model_copy(update={"doc": None}),
        policy=ExecutionPolicy(doc_keep_threshold=0.0),
        engine=engine,
    )
    run = ShardRun(Lake(str(work / "lake")), plan, SHARD, "benchmark", force=True)
    discover_shards(run.lake, plan, run.run_id)
    read_raw_shard(run)
    if level == "chunk":
        with plan.session("doc") as keep_all:
            write_document_programs(run, keep_all)
    with SharedVllm() as shared, plan.session(level) as session:
        _ = session.document_refiner() if level == "doc" else session.chunk_refiner()  # starts the engine
        config, files = plan.refiner(level), session.files
        if config is None or files is None:
            raise ValueError(f"the {level} refiner has no model to time")
        (requests,) = vllm_requests(config, files.path, [texts], engine_limits(files.path, config.window))
        shared.warm_up(files.path, requests)
        bare = [_report(report, f"{level}: bare ", shared.generate(files.path, requests))]
        stages: list[Timed] = []
        for _ in range(rounds):
            shared.forget_prompts()
            stages.append(_report(report, f"{level}: stage", _stage(run, session, level, requests)))
            bare.append(_report(report, f"{level}: bare ", shared.generate(files.path, requests)))
    return Efficiency(level, len(requests), tuple(stages), tuple(bare))


def _report(report: Callable[[str], None], name: str, timed: Timed) -> Timed:
    report(
        f"{name} {timed.seconds:8.2f} s, {timed.prompt_tokens:,} prompt and {timed.generated_tokens:,} generated "
        f"tokens, {timed.tokens_per_second:,.0f} tokens/s, {timed.cpu_seconds:.2f} CPU seconds"
    )
    return timed


def _stage(run: ShardRun, session: RefinerSession, level: Level, requests: Sequence[Ask]) -> Timed:
    write = write_document_programs if level == "doc" else write_chunk_programs
    watch = StopWatch()
    summary = write(run, session)
    seconds, cpu_seconds = watch.read()
    expected = sum(len(request.prompt_token_ids) for request in requests)
    if summary.prompt_tokens != expected or summary.failed or summary.reused:
        raise NotTheSameWorkError(
            f"the {level} stage showed the model {summary.prompt_tokens:,} prompt tokens and failed on "
            f"{summary.failed} documents; the bare engine saw {expected:,}"
        )
    return Timed(seconds, cpu_seconds, summary.prompt_tokens, sum(_generated(run, level, summary)))


def _generated(run: ShardRun, level: Level, summary: InferenceSummary) -> Iterator[int]:
    """Yield the tokens each request generated, including the end-of-sequence token, as vLLM counts."""
    table = Table.DOC_PROGRAMS if level == "doc" else Table.CHUNK_PROGRAMS
    for row in run.lake.rows(run.corpus, table, run.shard, ["completion_tokens", "finish_reason"]):
        if row["finish_reason"] != "skipped":
            # A scored prompt generates one token, which is ignored.
            yield row["completion_tokens"] + (row["finish_reason"] in ("stop", "scored"))
