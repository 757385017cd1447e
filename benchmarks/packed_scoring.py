"""How much faster scores are without padding: `python -m benchmarks.packed_scoring --pages FILE`.

The transformers engine scores the same requests alternately with padded and packed batches, on one thread; with
`--vllm`, vLLM also scores them once. The requests are those of a refiner on real pages, and random ones of about 1,000
and about 50 tokens to a Llama of 8 layers with random weights. Ratios are of processor time, which other work on the
machine affects less than wall time. A machine with an accelerator waits for it, and compares wall time.
"""

import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.bare_vllm import RecordingEngine
from benchmarks.support.llama_shapes import SHAPES, make_tokenizer, save_weights
from benchmarks.support.pages import read_pages
from prox_assets.engines.config import Dtype, TransformersEngineConfig, VllmEngineConfig
from prox_assets.engines.open import open_engine
from prox_assets.engines.protocol import Engine, EngineError, Score, ScoreRequest
from prox_assets.engines.request_checks import Limits
from prox_assets.engines.transformers.engine import TransformersEngine
from prox_assets.refiners.open import open_chunk_refiner
from prox_assets.refiners.presets import named_refiners
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.data.pages import PagesError

SHAPE = SHAPES["bundled"]


@dataclass(frozen=True, slots=True)
class Case:
    """A model and what it is asked."""

    name: str
    folder: Path
    requests: Sequence[ScoreRequest]

    @property
    def tokens(self) -> int:
        """Prompt tokens of all requests."""
        return sum(len(request.prompt_token_ids) for request in self.requests)


@dataclass(slots=True)
class Timed:
    """Times of one way to score, in seconds."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass
class ScoreRecorder(RecordingEngine):
    """Answers every score at once, keeping one line and dropping the next, and keeps the requests."""

    kept: list[ScoreRequest] = field(default_factory=list)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Yield made-up scores for each request."""
        likely, unlikely = math.log(0.9), math.log(0.1)
        for request in requests:
            self.kept.append(request)
            rows = tuple(
                (unlikely, likely) if number % 2 else (likely, unlikely) for number, _ in enumerate(request.positions)
            )
            yield Score(request.request_id, rows, len(request.prompt_token_ids))


def refiner_case(name: str, texts: Sequence[str], tokens: int) -> Case:
    """Return the first requests of a refiner on pages, about as many tokens as asked for.

    Raises:
        ValueError: The refiner does not score.
    """
    config = named_refiners(name).chunk
    if config is None or config.model is None or config.decoding != "score":
        raise ValueError(f"{name} scores no lines")
    with RefinerSession(config, "chunk", TransformersEngineConfig()) as session:
        assert session.files is not None  # noqa: S101 (it has a model)
        folder = session.files.path
    engine = ScoreRecorder(Limits(config.window, SHAPE.vocabulary))
    refiner = open_chunk_refiner(config, engine, folder, lambda _: None)
    engine.kept = []  # those of the probe
    for _ in refiner.write_programs(RefinerInput(str(number), text) for number, text in enumerate(texts)):
        if sum(len(request.prompt_token_ids) for request in engine.kept) >= tokens:
            break
    return Case(f"{name}, real pages", folder, engine.kept)


def random_case(folder: Path, about: int, tokens: int) -> Case:
    """Return requests of random tokens, half to one and a half times `about` long, with a position in every 14."""
    rng = random.Random(about)
    requests: list[ScoreRequest] = []
    while tokens > 0:
        ids = tuple(rng.randrange(1000, SHAPE.vocabulary) for _ in range(rng.randint(about // 2, about * 3 // 2)))
        requests.append(ScoreRequest(str(len(requests)), ids, tuple(range(13, len(ids), 14)), (5, 6)))
        tokens -= len(ids)
    return Case(f"8 layers x 576, about {about:,} tokens each", folder, requests)


def padding(engine: TransformersEngine, case: Case) -> float:
    """Score with padded batches and return the share of their tokens that is padding."""
    computed = 0
    pad = engine._model._pad

    def counted(prompts: Sequence[tuple[int, ...]], *, left: bool) -> tuple[object, object]:
        nonlocal computed
        computed += len(prompts) * max(map(len, prompts))
        return pad(prompts, left=left)

    engine._model._pad = counted  # type: ignore[method-assign,assignment]
    engine._model.packs = False
    list(engine.score(case.requests))
    engine._model._pad = pad
    return 1 - case.tokens / computed


def timed(case: Case, engine: Engine, into: Timed) -> None:
    """Score a case's requests, and note how long that took."""
    wall, cpu = time.perf_counter(), time.process_time()
    for score in engine.score(case.requests):
        if score.error is not None:
            raise EngineError(score.error)
    into.wall.append(time.perf_counter() - wall)
    into.cpu.append(time.process_time() - cpu)


def measure(case: Case, dtype: Dtype, rounds: int, config: VllmEngineConfig | None) -> str:
    """Return one row of the table."""
    import torch

    on_gpu = torch.cuda.is_available()
    ways = {"padded": Timed(), "packed": Timed(), "vllm": Timed()}
    threads = None if on_gpu else 1
    with TransformersEngine(TransformersEngineConfig(dtype=dtype, threads=threads), str(case.folder)) as engine:
        if not engine._model.packs:
            raise EngineError(f"{case.name}: this model is scored with padding")
        share = padding(engine, case)
        for _ in range(rounds):
            for way, packs in (("padded", False), ("packed", True)):
                engine._model.packs = packs
                timed(case, engine, ways[way])
    if config is not None:
        with open_engine(config.model_copy(update={"dtype": dtype}), str(case.folder)) as engine:
            list(engine.score(case.requests[:2]))
            timed(case, engine, ways["vllm"])
    rates = {
        way: case.tokens * len(found.wall) / sum(found.wall if on_gpu else found.cpu)
        for way, found in ways.items()
        if found.wall
    }
    against = f"{rates['packed'] / rates['vllm']:.2f}" if "vllm" in rates else "-"
    return (
        f"| {case.name} | {dtype} | {len(case.requests):,} | {share:.1%} | {rates['padded']:,.0f} | "
        f"{rates['packed']:,.0f} | **{rates['packed'] / rates['padded']:.2f}** | {against} |"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = command_parser("packed_scoring", __doc__)
    parser.add_argument("--tokens", type=positive, default=20_000, help="prompt tokens of each case (20000)")
    parser.add_argument("--rounds", type=positive, default=2, help="times each way is timed (2)")
    parser.add_argument("--refiner", default="bundled", help="a preset, or a folder of the refiner lab (bundled)")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default=SHAPE.dtype, help="of the 8 layers")
    parser.add_argument("--vllm", action="store_true", help="compare with vLLM, too")
    options = parser.parse_args(arguments)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    vllm = VllmEngineConfig(enforce_eager=True, core_process="same", max_model_len=2048) if options.vllm else None
    with tempfile.TemporaryDirectory(prefix="prox-bench-") as work:
        try:
            texts = [page.text for page in islice(read_pages(options.pages), 1000)]
            folder = Path(work) / "model"
            # Nothing here is tokenised with it.
            save_weights(folder, SHAPE, make_tokenizer(folder, SHAPES["tiny"], texts))
            cases: list[tuple[Callable[[], Case], Dtype]] = [
                (partial(refiner_case, options.refiner, texts, options.tokens), "auto"),
                (partial(random_case, folder, 1000, options.tokens), options.dtype),
                (partial(random_case, folder, 50, options.tokens), options.dtype),
            ]
            print(
                "| prompts | dtype | requests | padding | padded, tokens/s | packed, tokens/s | packed / padded | "
                "packed / vLLM |\n|---|---|---|---|---|---|---|---|"
            )
            for case, dtype in cases:
                print(measure(case(), dtype, options.rounds, vllm), flush=True)
        except (EngineError, PagesError, ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
