"""`make bench`, or `python -m benchmarks [--pages FILE] [--only NAME]`: every benchmark that can run here.

One after the other, each in a process of its own, so that none inherits memory, threads or an engine. One that lacks
what it needs (labelled pages, the released code, vLLM, a GPU) is skipped and says so. `make chaos` is for faults.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.support.pages import default_pages_path
from prox_assets.training.data.pages import PAGES_VARIABLE

CHECKOUT_VARIABLE = "PROX_REFERENCE_CHECKOUT"


@dataclass(frozen=True)
class Benchmark:
    """A benchmark and what it needs.

    Attributes:
        name: Its module in this folder.
        arguments: What it is told beside the pages.
        pages: Whether it needs labelled pages.
        lacks: Why it cannot run here, or None.
    """

    name: str
    arguments: tuple[str, ...] = ()
    pages: bool = True
    lacks: str | None = None


def main() -> int:
    """Run what can be run; return 1 if anything failed, 0 also where something had to be skipped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--pages", type=Path, default=default_pages_path(), help=f"Parquet file of labelled pages (or {PAGES_VARIABLE})"
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        benchmarks = {benchmark.name: benchmark for benchmark in _benchmarks(Path(work))}
        parser.add_argument("--only", action="append", choices=sorted(benchmarks), help="one; may be repeated")
        options = parser.parse_args()
        if options.pages is not None and not options.pages.is_file():
            parser.error(f"there is no file {options.pages}; correct --pages or {PAGES_VARIABLE}")
        wanted = [benchmarks[name] for name in options.only or benchmarks]
        ended = {benchmark.name: _run(benchmark, options.pages) for benchmark in wanted}
    print()
    for name, how in ended.items():
        print(f"{name}: {how}")
    return 1 if any(how.startswith("failed") for how in ended.values()) else 0


def _benchmarks(work: Path) -> Iterator[Benchmark]:
    """Give all of them, the short ones first."""
    checkout = os.environ.get(CHECKOUT_VARIABLE)
    no_vllm = None if importlib.util.find_spec("vllm") else "needs vLLM"
    yield Benchmark(
        "chunking",
        ("--prox-checkout", checkout or ""),
        lacks=None if checkout else f"set {CHECKOUT_VARIABLE} to a checkout of GAIR-NLP/ProX",
    )
    yield Benchmark("prompt_feeding")
    yield Benchmark("stage_costs")
    yield Benchmark("workers")
    yield Benchmark("rule_signals")
    yield Benchmark("engine_efficiency", ("--shape", "bundled", "--documents", "300"), lacks=no_vllm)
    yield Benchmark("document_decisions", lacks=no_vllm)
    yield Benchmark("gpu_throughput", lacks=no_vllm or _no_gpu())
    yield Benchmark("memory")
    yield Benchmark("backfill_overhead", pages=False)
    yield Benchmark("refine_pages", lacks=no_vllm)
    yield Benchmark("s3_demo", pages=False)
    yield Benchmark("scan_on_s3", pages=False)
    yield Benchmark("catalog_scale", ("--shards", "2000", "--work", str(work / "catalog")), pages=False)
    yield Benchmark("engine_parity", lacks=no_vllm)
    yield Benchmark("drift_simulation", pages=False)
    yield Benchmark("fuzz_programs", pages=False)


def _no_gpu() -> str | None:
    import torch

    return None if torch.cuda.is_available() else "needs a GPU"


def _run(benchmark: Benchmark, pages: Path | None) -> str:
    """Run one; say how it ended."""
    lacks = benchmark.lacks
    if benchmark.pages and pages is None:
        lacks = f"needs labelled pages: give --pages FILE or set {PAGES_VARIABLE}"
    if lacks is not None:
        return f"skipped, {lacks}"
    shown = ("--pages", str(pages)) if benchmark.pages else ()
    command = [sys.executable, "-m", f"benchmarks.{benchmark.name}", *shown, *benchmark.arguments]
    print(f"\n## {' '.join(command[1:])}\n", flush=True)
    begin = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    return f"{'ended well' if code == 0 else f'failed with exit code {code}'}, {time.monotonic() - begin:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
