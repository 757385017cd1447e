"""How fast prompts can be fed to an engine: `python -m benchmarks.prompt_feeding --pages FILE`.

Refiners of the ProX-xs shape chunk and tokenize real pages for an engine that answers instantly. Prompts are built in
this process or in worker processes. Tokens per second are an upper bound on what an engine could be fed. CPU seconds of
this process are time its engine thread cannot use, because both need the GIL.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.bare_vllm import RecordingEngine
from benchmarks.support.llama_shapes import SHAPES, make_tokenizer
from benchmarks.support.pages import read_pages
from benchmarks.support.stage_efficiency import random_refiners
from prox_assets.engines.request_checks import Limits
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.open import open_chunk_refiner, open_document_refiner
from prox_assets.refiners.prompts.processes import PromptProcesses
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.training.data.pages import PagesError

SHAPE = SHAPES["prox-xs"]
ANSWER_TOKENS = 32
STALL_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Feeding:
    """How fast prompts were built.

    Attributes:
        level: "doc" or "chunk".
        processes: Worker processes; 0 means in this process.
        prompts: Number of prompts.
        tokens: Tokens of all prompts together.
        seconds: Wall time.
        cpu_seconds: CPU time of this process.
    """

    level: str
    processes: int
    prompts: int
    tokens: int
    seconds: float
    cpu_seconds: float


def feed(config: RefinerConfig, folder: Path, texts: Sequence[str], processes: int) -> Feeding:
    """Build the prompts of all texts. Process start-up and loading the tokenizer are not timed."""
    documents = [RefinerInput(str(number), text) for number, text in enumerate(texts)]
    engine = RecordingEngine(Limits(SHAPE.window, SHAPE.vocabulary))
    opener = open_document_refiner if config.level == "doc" else open_chunk_refiner
    with ExitStack() as stack:
        workers = None
        if processes:
            workers = stack.enter_context(PromptProcesses(config, folder, processes, STALL_SECONDS))
        refiner = opener(config, engine, folder, lambda _: None if workers is None else workers.prompts)
        # Enough batches for every process to have started.
        list(refiner.write_programs([RefinerInput("", "a page")] * (4 << processes)))
        engine.requests = []
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in refiner.write_programs(documents):
            pass
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    tokens = sum(len(request.prompt_token_ids) for request in engine.requests)
    return Feeding(config.level, processes, len(engine.requests), tokens, wall, cpu)


def table(found: Sequence[Feeding]) -> str:
    """Return the measurements as a Markdown table, each relative to the first of its level."""
    lines = [
        "| level | processes | prompts | tokens/s | against 0 | of this process, CPU seconds | against 0 |",
        "|---|---|---|---|---|---|---|",
    ]
    for item in found:
        first = next(other for other in found if other.level == item.level)
        lines.append(
            f"| {item.level} | {item.processes} | {item.prompts:,} | {item.tokens / item.seconds:,.0f} | "
            f"{first.seconds / item.seconds:.2f} | {item.cpu_seconds:.2f} | "
            f"{item.cpu_seconds / first.cpu_seconds:.3f} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = command_parser("prompt_feeding", __doc__)
    parser.add_argument("--limit", type=positive, help="use only the first N pages")
    parser.add_argument("--processes", type=int, nargs="+", default=[0, 1, 2], help="worker processes (0 1 2)")
    options = parser.parse_args(arguments)
    if min(options.processes) < 0:
        parser.error("--processes must be at least 0")
    with tempfile.TemporaryDirectory(prefix="prox-bench-") as folder:
        try:
            pages = [page.text for page in read_pages(options.pages)]
            make_tokenizer(Path(folder), SHAPE, pages)
            refiners = random_refiners(Path(folder), SHAPE, ANSWER_TOKENS)
            found = [
                feed(config, Path(folder), pages[: options.limit], processes)
                for config in (refiners.doc, refiners.chunk)
                for processes in options.processes
                if config is not None
            ]
        except (PagesError, ValueError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    print(table(found))
    if len({(item.level, item.prompts, item.tokens) for item in found}) > len({item.level for item in found}):
        print("error: worker processes built different prompts", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
