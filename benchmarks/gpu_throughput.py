"""GPU throughput over a sweep of vLLM settings: `python -m benchmarks.gpu_throughput --pages FILE`.

A Llama of the ProX-xs shape with random weights refines the chunks of real pages, once per vLLM configuration. Each
configuration runs in its own process and becomes a row of the table; one that fails is reported with the reason, and
the sweep goes on. Chunks per second, tokens per second and GPU-hours per billion tokens are for the whole stage
`chunk_programs`. `ratio` is its tokens per second / those of a bare `LLM.generate` with the same prompts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.engine_efficiency import engine_settings
from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.llama_shapes import SHAPES, make_llama
from benchmarks.support.pages import read_pages
from benchmarks.support.stage_efficiency import Efficiency, measure_stages, random_refiners, texts_with_chunks
from prox_assets.engines.config import VllmEngineConfig
from prox_assets.training.data.pages import PagesError

MAX_REASON = 400  # characters
MARK = "row: "  # prefix of the output line that carries a process's result

# Each changes one setting of `base`; the last combines those that should help. Names are vLLM's EngineArgs.
SWEEP: dict[str, dict[str, Any]] = {
    "base": {},
    "no CUDA graphs": {"enforce_eager": True},
    "max_num_seqs=256": {"max_num_seqs": 256},
    "max_num_seqs=2048": {"max_num_seqs": 2048},
    "max_num_batched_tokens=8192": {"max_num_batched_tokens": 8192},
    "max_num_batched_tokens=32768": {"max_num_batched_tokens": 32768},
    "max_num_batched_tokens=65536": {"max_num_batched_tokens": 65536},
    "look_ahead=4096": {"look_ahead": 4096},
    "FP8 weights": {"extra": {"quantization": "fp8"}},
    "FP8 weights and KV cache": {"extra": {"quantization": "fp8", "kv_cache_dtype": "fp8"}},
    # Programs repeat their prompts (normalize) and each other (remove_lines), so n-grams are free, good guesses.
    "n-gram speculation, 4 tokens": {
        "extra": {"speculative_config": {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4}}
    },
    "no prefix cache": {"extra": {"enable_prefix_caching": False}},
    "large batches and FP8": {
        "max_num_seqs": 2048,
        "max_num_batched_tokens": 32768,
        "look_ahead": 4096,
        "extra": {"quantization": "fp8"},
    },
}


@dataclass(frozen=True, slots=True)
class SweepRow:
    """The result of one configuration.

    Attributes:
        name: The configuration.
        chunks_per_second: Chunks per second over the whole stage.
        input_tokens_per_second: Prompt tokens per second over the whole stage.
        ratio: Throughput of the stage / that of the bare engine.
        error: Why it failed; None if it was measured.
    """

    name: str
    chunks_per_second: float = 0.0
    input_tokens_per_second: float = 0.0
    ratio: float = 0.0
    error: str | None = None

    @property
    def gpu_hours_per_billion_tokens(self) -> float:
        """GPU-hours per billion prompt tokens."""
        return 1e9 / self.input_tokens_per_second / 3600

    @classmethod
    def measured(cls, name: str, found: Efficiency) -> "SweepRow":
        """Return the row of a measurement, all its rounds added up."""
        seconds = sum(timed.seconds for timed in found.stage)
        return cls(
            name,
            chunks_per_second=found.requests * len(found.stage) / seconds,
            input_tokens_per_second=sum(timed.prompt_tokens for timed in found.stage) / seconds,
            ratio=found.ratio,
        )


def table(rows: Sequence[SweepRow]) -> str:
    """Return the rows as a Markdown table, each relative to the first that was measured."""
    lines = [
        "| configuration | chunks/s | input tokens/s | against the first | GPU-hours per 10^9 tokens | ratio |",
        "|---|---|---|---|---|---|",
    ]
    first = next((row for row in rows if row.error is None), None)
    for row in rows:
        if row.error is not None or first is None:
            lines.append(f"| {row.name} | failed: {_cell(row.error or '')} | | | | |")
            continue
        lines.append(
            f"| {row.name} | {row.chunks_per_second:,.1f} | {row.input_tokens_per_second:,.0f} | "
            f"{row.input_tokens_per_second / first.input_tokens_per_second:.2f} | "
            f"{row.gpu_hours_per_billion_tokens:,.2f} | {row.ratio:.3f} |"
        )
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")[:MAX_REASON]


def run_row(name: str, arguments: Sequence[str], timeout_seconds: float) -> SweepRow:
    """Measure one configuration in a subprocess.

    Args:
        name: A key of SWEEP.
        arguments: The subprocess's other arguments.
        timeout_seconds: Kill the subprocess and its engine after this time.
    """
    command = [sys.executable, "-m", "benchmarks.gpu_throughput", "--row", name, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, errors = process.communicate(timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        # Takes the engine core down with it (prox_assets.engines.orphan_guard).
        process.kill()
        process.communicate()
        return SweepRow(name, error=f"took longer than {timeout_seconds:,.0f} s (--row-seconds)")
    for line in output.splitlines():
        if line.startswith(MARK):
            return SweepRow(**json.loads(line.removeprefix(MARK)))
    reasons = [line for line in errors.splitlines() if line.strip()]
    return SweepRow(name, error=f"exit code {process.returncode}: {reasons[-1] if reasons else 'no reason given'}")


def _measure_row(name: str, options: argparse.Namespace) -> SweepRow:
    """Measure a configuration in this process."""
    texts: list[str] = json.loads((options.work / "texts.json").read_text(encoding="utf-8"))
    shape = SHAPES[options.shape]
    base = engine_settings(shape, [])
    engine = VllmEngineConfig.model_validate({**base.model_dump(), **SWEEP[name]})
    refiners = random_refiners(options.work / "model", shape, options.answer_tokens)
    with tempfile.TemporaryDirectory(prefix="row-", dir=options.work) as folder:
        (found,) = measure_stages(
            Path(folder), {"chunk": texts}, refiners, engine, rounds=options.rounds, report=lambda _: None
        )
    return SweepRow.measured(name, found)


def _sweep(options: argparse.Namespace) -> list[SweepRow]:
    """Prepare model and texts once, then run every configuration."""
    shape = SHAPES[options.shape]
    options.work.mkdir(parents=True, exist_ok=True)
    pages = [page.text for page in read_pages(options.pages)]
    model = make_llama(options.work / "model", shape, pages)
    texts = texts_with_chunks(pages, options.chunks, random_refiners(model, shape, options.answer_tokens), model)
    (options.work / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    shared = ["--shape", options.shape, "--answer-tokens", str(options.answer_tokens), "--work", str(options.work)]
    shared += ["--rounds", str(options.rounds), "--pages", str(options.pages)]
    rows: list[SweepRow] = []
    for name in options.only or SWEEP:
        rows.append(run_row(name, shared, options.row_seconds))
        row = rows[-1]
        found = f"{row.input_tokens_per_second:,.0f} input tokens/s, ratio {row.ratio:.3f}"
        print(f"{name}: {row.error or found}", flush=True)
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Run the sweep; return 0 if anything could be measured."""
    parser = command_parser("gpu_throughput", __doc__)
    parser.add_argument("--chunks", type=positive, default=4000, help="minimum chunks, from the first pages (4000)")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="prox-xs", help="size of the model (prox-xs)")
    parser.add_argument("--answer-tokens", type=positive, default=32, help="tokens generated per chunk (32)")
    parser.add_argument("--rounds", type=positive, default=1, help="times the stage is timed per configuration (1)")
    parser.add_argument("--only", action="append", choices=list(SWEEP), help="run this configuration; repeatable")
    parser.add_argument("--row-seconds", type=positive, default=1800, help="time limit per configuration (1800)")
    parser.add_argument("--work", type=Path, help="new folder for model and lakes, kept; a temporary one by default")
    parser.add_argument("--row", choices=list(SWEEP), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    if options.row is not None:
        try:
            row = _measure_row(options.row, options)
        except Exception as error:  # settings that vLLM rejects, too little memory, ...
            traceback.print_exc()
            row = SweepRow(options.row, error=f"{type(error).__name__}: {error}")
        print(MARK + json.dumps(asdict(row)))
        return 0 if row.error is None else 1
    with tempfile.TemporaryDirectory(prefix="prox-bench-") as temporary:
        options.work = options.work or Path(temporary)
        try:
            rows = _sweep(options)
        except (PagesError, ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    print(f"\n{_device()}; {options.shape}, random weights, {options.answer_tokens} tokens per answer\n")
    print(table(rows))
    return 0 if any(row.error is None for row in rows) else 1


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU, CPU only"


if __name__ == "__main__":
    sys.exit(main())
