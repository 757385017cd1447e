"""What makes scores faster on processors: `python -m benchmarks.processor_scoring --pages FILE`.

The requests of a refiner on real pages are scored with packed batches in four ways, each in a process of its own, by
turns: with torch's attention and all logits; with attention in blocks; with the candidates' logits alone, too; and with
freed memory kept, too. Times are by the clock, on all cores, so the machine should have nothing else to do.
"""

import json
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks.packed_scoring import refiner_case
from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.pages import read_pages
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.protocol import EngineError
from prox_assets.engines.transformers import attention, model
from prox_assets.engines.transformers.engine import TransformersEngine
from prox_assets.engines.transformers.processor import attends_in_float32
from prox_assets.training.data.pages import PagesError

WAYS = (
    "torch's attention, all logits",
    "attention in blocks",
    "candidates' logits alone, too",
    "freed memory kept, too",
)


def score_one_way(pages: Path, refiner: str, tokens: int, way: int) -> None:
    """Score in this process, and print the prompt tokens and the seconds as JSON."""
    if way < 1:
        attention.attends_in_float32 = lambda: False
    if way < 3:
        model.keep_freed_memory = lambda: None
    case = refiner_case(refiner, [page.text for page in islice(read_pages(pages), 1000)], tokens)
    requests = [replace(request, relative=way >= 2) for request in case.requests]
    with TransformersEngine(TransformersEngineConfig(), str(case.folder)) as engine:
        list(engine.score(requests[:8]))
        started = time.perf_counter()
        failed = [score.error for score in engine.score(requests) if score.error is not None]
        seconds = time.perf_counter() - started
    if failed:
        raise EngineError(failed[0])
    print(json.dumps([case.tokens, seconds]))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = command_parser("processor_scoring", __doc__)
    parser.add_argument("--tokens", type=positive, default=100_000, help="prompt tokens (100000)")
    parser.add_argument("--rounds", type=positive, default=3, help="times each way is timed (3)")
    parser.add_argument("--refiner", default="bundled", help="a preset, or a folder of the refiner lab (bundled)")
    parser.add_argument("--way", type=int, choices=range(len(WAYS)), help="only this one, as JSON")
    options = parser.parse_args(arguments)
    try:
        if options.way is not None:
            score_one_way(options.pages, options.refiner, options.tokens, options.way)
            return 0
    except (EngineError, PagesError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not attends_in_float32():
        print("attention in blocks is for processors with AVX-512 BF16 and without AMX: no difference here")
    found: dict[int, list[float]] = {way: [] for way in range(len(WAYS))}
    same = ["--pages", str(options.pages), "--refiner", options.refiner, "--tokens", str(options.tokens)]
    for _ in range(options.rounds):
        for way in found:
            command = [sys.executable, "-m", "benchmarks.processor_scoring", *same, "--way", str(way)]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode:
                print(run.stderr, file=sys.stderr)
                return 1
            tokens, seconds = json.loads(run.stdout.splitlines()[-1])
            found[way].append(tokens / seconds)
    print("| scored with | tokens/s, each round | median | of the first |\n|---|---|---|---|")
    first = median(found[0])
    for way, rates in found.items():
        each = ", ".join(f"{rate:,.0f}" for rate in rates)
        print(f"| {WAYS[way]} | {each} | {median(rates):,.0f} | {median(rates) / first:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
