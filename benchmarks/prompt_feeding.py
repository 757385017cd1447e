"""How fast an engine can be fed: `python -m benchmarks.prompt_feeding --pages FILE`.

The refiners of the ProX-xs shape cut and tokenise real pages for an engine that answers everything at once, with their
prompts made in this process and in others beside it. Tokens per second are the most that an engine could be fed;
processor time of this process is what its engine's thread, which needs Python's lock as well, has to share with.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.support.bare_vllm import RecordingEngine
from benchmarks.support.llama_shapes import SHAPES, make_tokenizer
from benchmarks.support.pages import default_pages_path, read_pages
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
    """How fast prompts were made.

    Attributes:
        level: "doc" or "chunk".
        processes: Beside this one; 0 made them here.
        prompts: How many.
        tokens: Of all of them.
        seconds: Wall time.
        cpu_seconds: Processor time of this process.
    """

    level: str
    processes: int
    prompts: int
    tokens: int
    seconds: float
    cpu_seconds: float


def feed(config: RefinerConfig, folder: Path, texts: Sequence[str], processes: int) -> Feeding:
    """Make the prompts of all texts; starting processes and reading the tokenizer is not timed."""
    documents = [RefinerInput(str(number), text) for number, text in enumerate(texts)]
    engine = RecordingEngine(Limits(SHAPE.window, SHAPE.vocabulary))
    opener = open_document_refiner if config.level == "doc" else open_chunk_refiner
    with ExitStack() as stack:
        beside = None
        if processes:
            beside = stack.enter_context(PromptProcesses(config, folder, processes, STALL_SECONDS))
        refiner = opener(config, engine, folder, lambda _: None if beside is None else beside.prompts)
        # Every process has had a batch, and so has begun.
        list(refiner.write_programs([RefinerInput("", "a page")] * (4 << processes)))
        engine.asks = []
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in refiner.write_programs(documents):
            pass
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    tokens = sum(len(ask.prompt_token_ids) for ask in engine.asks)
    return Feeding(config.level, processes, len(engine.asks), tokens, wall, cpu)


def table(found: Sequence[Feeding]) -> str:
    """Return the measurements as a Markdown table; each is compared with the first of its level."""
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
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prompt_feeding", description=__doc__)
    default = default_pages_path()
    parser.add_argument("--pages", type=Path, default=default, required=default is None, help="Parquet file of pages")
    parser.add_argument("--limit", type=int, help="pages at most (all)")
    parser.add_argument("--processes", type=int, nargs="+", default=[0, 1, 2], help="how many (0 1 2)")
    options = parser.parse_args(arguments)
    if min(options.processes) < 0 or (options.limit is not None and options.limit < 1):
        parser.error("--processes must be at least 0, --limit at least 1")
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
    alike = {(item.level, item.prompts, item.tokens) for item in found}
    print(table(found))
    if len(alike) > len({item.level for item in found}):
        print("error: other processes made other prompts", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
