"""`make bench`, or `python -m benchmarks [--pages FILE] [--only NAME]`: run every benchmark that can run here.

They run one at a time, each in a fresh process, so that none inherits memory, threads or an engine. A benchmark whose
requirements are missing (labelled pages, the released code, vLLM, a GPU) is skipped with the reason. Fault injection is
separate: `make chaos`.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.support.arguments import add_pages_option
from prox_assets.training.data.pages import PAGES_VARIABLE

CHECKOUT_VARIABLE = "PROX_REFERENCE_CHECKOUT"
EXECUTOR_CHECKOUTS = {
    "--prox": CHECKOUT_VARIABLE,
    "--ultrax": "PROX_ULTRAX_CHECKOUT",
    "--rescraper": "PROX_RESCRAPER_CHECKOUT",
}


@dataclass(frozen=True)
class Benchmark:
    """A benchmark and its requirements.

    Attributes:
        name: Its module in this folder.
        arguments: Command-line arguments other than `--pages`.
        pages: Whether it needs labelled pages.
        missing: What it needs that this machine does not have; None if it can run.
    """

    name: str
    arguments: tuple[str, ...] = ()
    pages: bool = True
    missing: str | None = None


def main() -> int:
    """Run the benchmarks; return 1 if any failed (a skipped one has not failed)."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_pages_option(parser, required=False)
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        benchmarks = {benchmark.name: benchmark for benchmark in _benchmarks(Path(work))}
        parser.add_argument("--only", action="append", choices=sorted(benchmarks), help="run this one; repeatable")
        options = parser.parse_args()
        selected = [benchmarks[name] for name in options.only or benchmarks]
        results = {benchmark.name: _run(benchmark, options.pages) for benchmark in selected}
    print()
    for name, result in results.items():
        print(f"{name}: {result}")
    return 1 if any(result.startswith("failed") for result in results.values()) else 0


def _benchmarks(work: Path) -> Iterator[Benchmark]:
    """Yield every benchmark, quick ones first."""
    checkout = os.environ.get(CHECKOUT_VARIABLE)
    no_vllm = None if importlib.util.find_spec("vllm") else "needs vLLM"
    yield Benchmark(
        "chunking",
        ("--prox-checkout", checkout or ""),
        missing=None if checkout else f"set {CHECKOUT_VARIABLE} to a checkout of GAIR-NLP/ProX",
    )
    yield Benchmark("scale_model", pages=False)
    yield Benchmark("formula_lines", pages=False)
    yield Benchmark("prompt_feeding")
    yield Benchmark("stage_costs")
    yield Benchmark("classifier_speed")
    yield Benchmark("workers")
    yield Benchmark("rule_signals")
    yield Benchmark("packed_scoring", ("--vllm",) if no_vllm is None else ())
    yield Benchmark("cascade_curve")
    yield Benchmark("engine_efficiency", ("--shape", "bundled", "--documents", "300"), missing=no_vllm)
    yield Benchmark("document_decisions", missing=no_vllm)
    yield Benchmark("gpu_throughput", missing=no_vllm or _no_gpu())
    yield Benchmark("memory")
    yield Benchmark("backfill_overhead", pages=False)
    yield Benchmark("placements")
    yield Benchmark("refine_pages", missing=no_vllm)
    yield Benchmark("s3_demo", pages=False)
    yield Benchmark("scan_on_s3", pages=False)
    yield Benchmark("million_files", ("--files", "200000"), pages=False)
    yield Benchmark(
        "partitions_in_ui",
        ("--shards", "1000"),
        pages=False,
        missing=None if any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))) else "needs Chromium",
    )
    yield Benchmark("many_shards", ("--shards", "1000", "--work", str(work / "many")), pages=False)
    yield Benchmark("scale_model_check")
    yield Benchmark("catalog_scale", ("--shards", "2000", "--work", str(work / "catalog")), pages=False)
    yield Benchmark("engine_parity", missing=no_vllm)
    yield Benchmark("drift_simulation", pages=False)
    yield Benchmark("fuzz_programs", pages=False)
    checkouts = {option: os.environ[name] for option, name in EXECUTOR_CHECKOUTS.items() if name in os.environ}
    yield Benchmark(
        "released_executors",
        tuple(argument for pair in checkouts.items() for argument in pair),
        pages=False,
        missing=None if checkouts else f"set one of {', '.join(EXECUTOR_CHECKOUTS.values())}",
    )


def _no_gpu() -> str | None:
    import torch

    return None if torch.cuda.is_available() else "needs a GPU"


def _run(benchmark: Benchmark, pages: Path | None) -> str:
    """Run a benchmark; return how it went."""
    missing = benchmark.missing
    if benchmark.pages and pages is None:
        missing = f"needs labelled pages: give --pages FILE or set {PAGES_VARIABLE}"
    if missing is not None:
        return f"skipped, {missing}"
    pages_option = ("--pages", str(pages)) if benchmark.pages else ()
    command = [sys.executable, "-m", f"benchmarks.{benchmark.name}", *pages_option, *benchmark.arguments]
    print(f"\n## {' '.join(command[1:])}\n", flush=True)
    begin = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    return f"{'passed' if code == 0 else f'failed with exit code {code}'}, {time.monotonic() - begin:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
