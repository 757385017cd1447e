"""Check that vLLM and transformers decide lines alike: `python -m benchmarks.engine_parity --pages FILE`.

Prints how many pages and lines the refiner's own policy decides differently with the two engines' probabilities, the
largest difference between these, and each engine's prompt tokens per second. In bfloat16 another order of sums rounds
differently; `--dtype float32` shows whether anything else differs.
"""

import sys
import time
from itertools import islice

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.pages import read_pages
from prox_assets.engines.config import EngineConfig, TransformersEngineConfig, VllmEngineConfig
from prox_assets.refiners.presets import named_refiners
from prox_assets.refiners.protocol import ChunkPrograms
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.evaluation.evaluate import chunk_programs, refine


def probabilities(programs: list[ChunkPrograms]) -> list[float]:
    """Return P(keep) of every line, in order."""
    return [p for answer in programs for row in answer.rows for p in row.line_keep_probabilities or ()]


def main() -> int:
    """Compare the engines; return 1 if any page's refined text or normalize call differs."""
    parser = command_parser("engine_parity", __doc__)
    parser.add_argument("--count", type=positive, default=300, help="number of pages (300)")
    parser.add_argument("--refiner", default="bundled", help="a preset, or a folder of the refiner lab (bundled)")
    parser.add_argument("--dtype", choices=("auto", "bfloat16", "float32"), default="auto", help="of the model (auto)")
    arguments = parser.parse_args()
    engines: dict[str, EngineConfig] = {
        "transformers": TransformersEngineConfig(dtype=arguments.dtype),
        "vllm": VllmEngineConfig(dtype=arguments.dtype, enforce_eager=True),
    }
    texts = [page.text for page in islice(read_pages(arguments.pages), arguments.count)]
    pair = named_refiners(arguments.refiner)
    found: dict[str, list[ChunkPrograms]] = {}
    for name, engine in engines.items():
        with RefinerSession(pair.chunk, "chunk", engine) as session:
            refiner = session.chunk_refiner()
            begin = time.perf_counter()
            found[name] = chunk_programs(refiner, texts)
            seconds = time.perf_counter() - begin
        tokens = sum(row.prompt_tokens for answer in found[name] for row in answer.rows)
        print(f"{name}: {len(texts)} pages, {tokens} prompt tokens, {tokens / seconds:.0f} tokens/s", flush=True)
    policy = pair.policy()
    refined = [
        [refine(text, answer, policy).text for text, answer in zip(texts, found[name], strict=True)] for name in engines
    ]
    pages = sum(a != b for a, b in zip(*refined, strict=True))
    lines = sum(len(set(a.split("\n")) ^ set(b.split("\n"))) for a, b in zip(*refined, strict=True))
    one, other = (probabilities(found[name]) for name in engines)
    programs = sum(
        a.program != b.program
        for x, y in zip(*found.values(), strict=True)
        for a, b in zip(x.rows, y.rows, strict=True)
    )
    largest = max(abs(a - b) for a, b in zip(one, other, strict=True))
    print(f"{len(one)} lines: {lines} decided differently, on {pages} pages; largest difference {largest:.2e}")
    print(f"{programs} of {sum(len(answer.rows) for answer in found['vllm'])} chunks with different normalize calls")
    return 0 if pages == programs == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
