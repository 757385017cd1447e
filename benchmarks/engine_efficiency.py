"""How much engine throughput the platform costs: `python -m benchmarks.engine_efficiency --pages FILE`.

Runs the stages `doc_programs` and `chunk_programs` on real pages, and divides their tokens per second by those of a
bare `LLM.generate` with the same prompts and sampling on the same engine. The order is bare, stage, bare. The model has
random weights, so nothing is downloaded; the smaller the model, the larger the platform's share. Good ratios are 0.9 on
a CPU, where model and platform share the cores, and 0.95 on a GPU (`--shape prox-xs`).
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.support.arguments import add_engine_option, command_parser, positive
from benchmarks.support.llama_shapes import SHAPES, LlamaShape, make_llama
from benchmarks.support.pages import read_pages
from benchmarks.support.stage_efficiency import Efficiency, measure_stages, random_refiners, texts_with_chunks
from prox_assets.cli.options import assignments
from prox_assets.engines.config import VllmEngineConfig
from prox_assets.engines.protocol import EngineError
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.data.pages import PagesError


def engine_settings(shape: LlamaShape, options: Sequence[str]) -> VllmEngineConfig:
    """Return the engine settings for timing a shape, overridden by options such as max_num_seqs=64.

    Raises:
        ValueError: An option is not NAME=VALUE, or the engine has no such setting.
    """
    import torch

    settings: dict[str, Any] = {"dtype": shape.dtype, "max_model_len": shape.window}
    if not torch.cuda.is_available():
        settings |= {"dtype": "float32", "enforce_eager": True}
    return VllmEngineConfig.model_validate(settings | assignments(options))


def table(found: Sequence[Efficiency]) -> str:
    """Return the measurements as a Markdown table."""
    lines = [
        "| stage | requests | tokens per request | bare, tokens/s | stage, tokens/s | ratio | of processor time |",
        "|---|---|---|---|---|---|---|",
    ]
    for item in found:
        tokens = (item.stage[0].prompt_tokens + item.stage[0].generated_tokens) / item.requests
        lines.append(
            f"| {item.level}_programs | {item.requests:,} | {tokens:,.0f} | {item.bare_rate:,.0f} | "
            f"{item.stage_rate:,.0f} | {item.ratio:.3f} | {item.cpu_ratio:.3f} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = command_parser("engine_efficiency", __doc__)
    parser.add_argument("--chunks", type=positive, default=2000, help="minimum chunks, from the first pages (2000)")
    parser.add_argument("--documents", type=positive, default=2000, help="maximum pages at document level (2000)")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="tiny", help="size of the model (tiny)")
    parser.add_argument("--answer-tokens", type=positive, default=32, help="tokens generated per chunk (32)")
    parser.add_argument("--rounds", type=positive, default=1, help="times each stage is timed (1)")
    add_engine_option(parser)
    parser.add_argument("--work", type=Path, help="new folder for model and lake, kept; a temporary one by default")
    options = parser.parse_args(arguments)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    shape = SHAPES[options.shape]
    with tempfile.TemporaryDirectory(prefix="prox-bench-") as temporary:
        work = options.work or Path(temporary)
        try:
            engine = engine_settings(shape, options.engine_option)
            pages = [page.text for page in read_pages(options.pages)]
            model = make_llama(work / "model", shape, pages)
            refiners = random_refiners(model, shape, options.answer_tokens)
            texts: dict[Level, list[str]] = {
                "doc": pages[: options.documents],
                "chunk": texts_with_chunks(pages, options.chunks, refiners, model),
            }
            report = partial(print, flush=True)
            found = measure_stages(work / "stages", texts, refiners, engine, rounds=options.rounds, report=report)
        except (EngineError, PagesError, ValidationError, ValueError, OSError, RuntimeError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    print(f"\n{options.shape}, {engine.dtype}, {options.answer_tokens} tokens per answer\n")
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
