"""The whole stages `doc_programs` and `chunk_programs` against one bare `LLM.generate` over the same prompts.

The stages are timed on a lake of real pages as `prox refine` and Dagster run them (plan, session, lease, ledger,
published file). vLLM alone is timed before and after each, so that a machine that grows slower or faster meanwhile
favours neither. The commands are engine_efficiency.py and gpu_throughput.py.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks.support.bare_vllm import SharedVllm, StopWatch, Timed, asks_of_refiner, engine_limits
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
from prox_assets.stages.chunk_programs import write_chunk_programs
from prox_assets.stages.discovery import discover_shards
from prox_assets.stages.doc_programs import write_document_programs
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.program_table import InferenceSummary
from prox_assets.stages.raw_shards import read_raw_shard
from prox_assets.stages.run import ShardRun

SHARD = "pages.jsonl"
COUNTED_AT_ONCE = 4  # texts


class NotTheSameWorkError(RuntimeError):
    """Stage and bare engine did not see the same prompts: their times cannot be compared."""


@dataclass(frozen=True, slots=True)
class Efficiency:
    """One stage against the bare engine.

    Attributes:
        level: "doc" or "chunk".
        requests: vLLM requests of the whole stage.
        stage: The whole stages, one for each round.
        bare: `LLM.generate` before and after each of them, one more than stages.
    """

    level: Level
    requests: int
    stage: tuple[Timed, ...]
    bare: tuple[Timed, ...]

    @property
    def stage_rate(self) -> float:
        """Mean tokens per second of the stages."""
        return mean(timed.tokens_per_second for timed in self.stage)

    @property
    def bare_rate(self) -> float:
        """Mean tokens per second of the bare engine."""
        return mean(timed.tokens_per_second for timed in self.bare)

    @property
    def ratio(self) -> float:
        """Each stage against the mean of the bare calls on either side of it; the mean over the rounds."""
        return mean(
            stage.tokens_per_second / mean((before.tokens_per_second, after.tokens_per_second))
            for before, stage, after in zip(self.bare, self.stage, self.bare[1:], strict=False)
        )

    @property
    def cpu_ratio(self) -> float:
        """Processor time of the bare engine / of the stages: what `ratio` could not exceed if nothing overlapped."""
        return mean(timed.cpu_seconds for timed in self.bare) / mean(timed.cpu_seconds for timed in self.stage)


def texts_with_chunks(texts: Sequence[str], chunks: int, refiners: RefinerPair, model: Path) -> list[str]:
    """Return as many texts from the front as it takes to have so many chunks.

    Raises:
        ValueError: All of them together have fewer.
    """
    config = _chunk_config(refiners)
    limits = engine_limits(model, config.window)
    batches = (texts[start : start + COUNTED_AT_ONCE] for start in range(0, len(texts), COUNTED_AT_ONCE))
    found = 0
    for number, asks in enumerate(asks_of_refiner(config, model, batches, limits), start=1):
        found += len(asks)
        if found >= chunks:
            return list(texts[: number * COUNTED_AT_ONCE])
    raise ValueError(f"the {len(texts)} pages have {found} chunks; ask for no more (--chunks)")


def _chunk_config(refiners: RefinerPair) -> RefinerConfig:
    if refiners.chunk is None:
        raise ValueError(f"the pair {refiners.name} has no chunk refiner")
    return refiners.chunk


def random_refiners(model: Path, shape: LlamaShape, answer_tokens: int) -> RefinerPair:
    """Return a pair with one model at both levels that lets every document through to the chunks."""
    common = {
        "model": str(model),
        "prompt_format": "plain",
        "probe": False,  # random weights answer nothing
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
    told: Callable[[str], None] = print,
) -> list[Efficiency]:
    """Time both stages over the texts, and the bare engine before and after each.

    Args:
        work: New folder for raw shards and lakes.
        texts: The documents of the shard of each level that is wanted. A document has one request at the document level
            and many at the other, so that one shard is too small for the first or too large for the second.
        refiners: Both levels, with a model each.
        engine: How vLLM runs; its `max_model_len` should be set.
        rounds: How often each stage is timed.
        told: Given a line for each measurement as it is made.

    Raises:
        NotTheSameWorkError: A stage saw other prompts than the bare engine.
        EngineStartError: vLLM does not start with these settings.
    """
    return [
        _measure_level(work / level, documents, refiners, engine, level, rounds, told)
        for level, documents in texts.items()
    ]


def _measure_level(
    work: Path,
    texts: Sequence[str],
    refiners: RefinerPair,
    engine: VllmEngineConfig,
    level: Level,
    rounds: int,
    told: Callable[[str], None],
) -> Efficiency:
    work.mkdir(parents=True)
    plan = RefinementPlan(
        source=CorpusSource(name="pages", urls=[str(_write_shard(work / SHARD, texts))]),
        # A chunk refiner alone works from decisions that keep everything.
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
        return _measure(run, session, shared, level, texts, rounds, told)


def _write_shard(path: Path, texts: Sequence[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def _measure(
    run: ShardRun,
    session: RefinerSession,
    shared: SharedVllm,
    level: Level,
    texts: Sequence[str],
    rounds: int,
    told: Callable[[str], None],
) -> Efficiency:
    config, files = run.plan.refiner(level), session.files
    if config is None or files is None:
        raise ValueError(f"the {level} refiner has no model to time")
    (asks,) = asks_of_refiner(config, files.path, [texts], engine_limits(files.path, config.window))
    shared.warm_up(files.path, asks)
    bare = [_tell(told, f"{level}: bare ", shared.generate(files.path, asks))]
    stages: list[Timed] = []
    for _ in range(rounds):
        shared.forget_prompts()
        stages.append(_tell(told, f"{level}: stage", _stage(run, session, level, asks)))
        bare.append(_tell(told, f"{level}: bare ", shared.generate(files.path, asks)))
    return Efficiency(level, len(asks), tuple(stages), tuple(bare))


def _tell(told: Callable[[str], None], name: str, timed: Timed) -> Timed:
    told(
        f"{name} {timed.seconds:8.2f} s, {timed.prompt_tokens:,} prompt and {timed.generated_tokens:,} generated "
        f"tokens, {timed.tokens_per_second:,.0f} tokens/s, {timed.cpu_seconds:.2f} s of processor time"
    )
    return timed


def _stage(run: ShardRun, session: RefinerSession, level: Level, asks: Sequence[Ask]) -> Timed:
    write = write_document_programs if level == "doc" else write_chunk_programs
    watch = StopWatch()
    summary = write(run, session)
    seconds, cpu_seconds = watch.read()
    wanted = sum(len(ask.prompt_token_ids) for ask in asks)
    if summary.prompt_tokens != wanted or summary.failed or summary.reused:
        raise NotTheSameWorkError(
            f"the {level} stage showed the model {summary.prompt_tokens:,} prompt tokens and failed on "
            f"{summary.failed} documents; the bare engine saw {wanted:,}"
        )
    return Timed(seconds, cpu_seconds, summary.prompt_tokens, sum(_generated(run, level, summary)))


def _generated(run: ShardRun, level: Level, summary: InferenceSummary) -> Iterator[int]:
    """Yield the tokens that each request generated, the end-of-sequence token among them as vLLM counts it."""
    table = Table.DOC_PROGRAMS if level == "doc" else Table.CHUNK_PROGRAMS
    for row in run.lake.rows(run.corpus, table, run.shard, ["completion_tokens", "finish_reason"]):
        if row["finish_reason"] != "skipped":
            # A scored prompt takes one token, which nobody reads.
            yield row["completion_tokens"] + (row["finish_reason"] in ("stop", "scored"))
