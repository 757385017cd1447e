"""Check that vLLM and transformers give lines the same labels: `python -m benchmarks.engine_parity --pages FILE`.

Prints how many lines the engines label differently, the largest difference between their probabilities, and each
engine's prompt tokens per second.
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
from prox_assets.training.evaluation.evaluate import chunk_programs

ENGINES: dict[str, EngineConfig] = {
    "transformers": TransformersEngineConfig(),
    "vllm": VllmEngineConfig(enforce_eager=True),
}


def probabilities(programs: list[ChunkPrograms]) -> list[float]:
    """Return P(keep) of every line, in order."""
    return [p for answer in programs for row in answer.rows for p in row.line_keep_probabilities or ()]


def main() -> int:
    """Compare the engines; return 1 if any label or normalize call differs."""
    parser = command_parser("engine_parity", __doc__)
    parser.add_argument("--count", type=positive, default=300, help="number of pages (300)")
    parser.add_argument("--refiner", default="bundled", help="a preset, or a folder of the refiner lab (bundled)")
    arguments = parser.parse_args()
    texts = [page.text for page in islice(read_pages(arguments.pages), arguments.count)]
    config = named_refiners(arguments.refiner).chunk
    threshold = 0.5 if config is None or config.keep_threshold is None else config.keep_threshold
    found: dict[str, list[ChunkPrograms]] = {}
    for name, engine in ENGINES.items():
        with RefinerSession(config, "chunk", engine) as session:
            refiner = session.chunk_refiner()
            begin = time.perf_counter()
            found[name] = chunk_programs(refiner, texts)
            seconds = time.perf_counter() - begin
        tokens = sum(row.prompt_tokens for answer in found[name] for row in answer.rows)
        print(f"{name}: {len(texts)} pages, {tokens} prompt tokens, {tokens / seconds:.0f} tokens/s", flush=True)
    one, other = (probabilities(found[name]) for name in ENGINES)
    differing = sum((a >= threshold) != (b >= threshold) for a, b in zip(one, other, strict=True))
    programs = sum(
        a.program != b.program
        for x, y in zip(*found.values(), strict=True)
        for a, b in zip(x.rows, y.rows, strict=True)
    )
    largest = max(abs(a - b) for a, b in zip(one, other, strict=True))
    print(
        f"{len(one)} lines: {differing} with different labels at P(keep) >= {threshold}; "
        f"largest difference {largest:.2e}"
    )
    print(f"{programs} of {sum(len(answer.rows) for answer in found['vllm'])} chunks with different normalize calls")
    return 0 if differing == programs == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
