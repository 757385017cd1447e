"""What the platform costs an engine: `python -m benchmarks.engine_efficiency --pages FILE`.

Tokens per second of the whole stages `doc_programs` and `chunk_programs` over real pages, divided by those of one bare
`LLM.generate` over the same prompts, with the same sampling, on the same engine, in the order bare, stage, bare. The
model has random weights, so that nothing must be downloaded; a small one makes the platform's share larger, not
smaller. 0.9 is good on a CPU, whose cores model and platform share, 0.95 on a GPU (`--shape prox-xs`).
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.support.llama_shapes import SHAPES, LlamaShape, make_llama
from benchmarks.support.pages import default_pages_path, read_pages
from benchmarks.support.stage_efficiency import Efficiency, measure_stages, random_refiners, texts_with_chunks
from prox_assets.cli.options import assignments
from prox_assets.engines.config import VllmEngineConfig
from prox_assets.engines.protocol import EngineError
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.data.pages import PagesError


def engine_settings(shape: LlamaShape, options: Sequence[str]) -> VllmEngineConfig:
    """Return the engine that a shape is timed on, changed by options such as max_num_seqs=64.

    Raises:
        ValueError: An option is no NAME=VALUE, or not one of the engine's.
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
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine_efficiency", description=__doc__)
    default = default_pages_path()
    parser.add_argument("--pages", type=Path, default=default, required=default is None, help="Parquet file of pages")
    parser.add_argument("--chunks", type=int, default=2000, help="chunks at least, of the first pages (2000)")
    parser.add_argument("--documents", type=int, default=2000, help="pages for the document level at most (2000)")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="tiny", help="size of the model (tiny)")
    parser.add_argument("--answer-tokens", type=int, default=32, help="tokens generated for each chunk (32)")
    parser.add_argument("--rounds", type=int, default=1, help="how often each stage is timed (1)")
    parser.add_argument(
        "--engine-option", action="append", default=[], metavar="NAME=VALUE", help="a setting of the vLLM engine"
    )
    parser.add_argument("--work", type=Path, help="new folder for model and lake, kept; a temporary one by default")
    options = parser.parse_args(arguments)
    if min(options.chunks, options.documents, options.answer_tokens, options.rounds) < 1:
        parser.error("--chunks, --documents, --answer-tokens and --rounds must be at least 1")
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
            found = measure_stages(work / "stages", texts, refiners, engine, rounds=options.rounds, told=_tell)
        except (EngineError, PagesError, ValidationError, ValueError, OSError, RuntimeError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    print(f"\n{options.shape}, {engine.dtype}, {options.answer_tokens} tokens an answer\n")
    print(table(found))
    return 0


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
