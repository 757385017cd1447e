"""Refine the labelled pages with `prox refine`: rules on five formats, then a tiny model on vLLM for 100 pages.

Everything goes through the console command, as for a user. Fails unless every raw row is accounted for.
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.support.arguments import command_parser
from benchmarks.support.commands import CommandFailedError, prox
from benchmarks.support.corpus_formats import FORMATS
from benchmarks.support.pages import read_pages
from benchmarks.support.refined_corpus import CountsDoNotAddUpError, RefinedCorpus, check_and_measure
from benchmarks.support.tiny_refiner import make_tiny_refiner
from benchmarks.write_shards import INDEX_NAME, write_shards
from prox_assets.lake.lake import Lake
from prox_assets.training.data.pages import REGIMES, Regime

MODEL_PAGES = 100
MODEL_CORPUS = "tiny_model"
TRAINING_PAGES = 4
# Starts within seconds on any CPU, and keeps the checkpoint's probabilities.
VLLM_ON_CPU = ("dtype=float32", "enforce_eager=true")

console = Console(width=120, highlight=False)


def refine_with_rules(pages: Path, text_column: Regime, work: Path) -> None:
    """Spread all pages over the five formats, refine each with `--refiner rules`, and print a row per format.

    The last column is a ratio of CPU times: refining with rules against `keep-all`, which only reads, keeps and
    accounts for documents. Both are net of a second run of the same command, which finds nothing to do.
    """
    shards = work / "shards"
    written = write_shards(read_pages(pages, text_column), shards, broken_rows=1)
    index = pl.read_parquet(shards / INDEX_NAME, glob=False)
    lake = work / "lake"
    refined: dict[str, RefinedCorpus] = {}
    ratios: dict[str, float] = {}
    for corpus in written.rows:
        console.print(f"{corpus}: {written.rows[corpus]:,} rows in {written.shards[corpus]} shards")
        first, again = (
            prox("refine", shards / corpus, "--lake", lake, "--corpus", corpus, "--refiner", "rules") for _ in range(2)
        )
        kept, kept_again = (
            prox("refine", shards / corpus, "--lake", work / "baseline", "--corpus", corpus, "--refiner", "keep-all")
            for _ in range(2)
        )
        net = first.cpu_seconds - again.cpu_seconds
        ratios[corpus] = net / (kept.cpu_seconds - kept_again.cpu_seconds)
        pages_of = index.filter(pl.col("format") == corpus)
        refined[corpus] = check_and_measure(Lake(str(lake)), corpus, pages_of, written.rows[corpus])
        check_and_measure(Lake(str(work / "baseline")), corpus, pages_of, written.rows[corpus])
    console.print(_table(f"rules, {text_column}", refined, ratios))


def refine_with_tiny_model(pages: Path, text_column: Regime, work: Path) -> None:
    """Refine MODEL_PAGES pages from all over the file with a tiny model per level on vLLM; print a table."""
    stride = max(1, pq.read_metadata(pages).num_rows // MODEL_PAGES)
    chosen = islice(read_pages(pages, text_column), 0, MODEL_PAGES * stride, stride)
    written = write_shards(chosen, work / "shards", broken_rows=1)
    index = pl.read_parquet(work / "shards" / INDEX_NAME, glob=False)
    # Train on the pages next to the chosen ones: no overlap if the file has at least twice MODEL_PAGES.
    unseen = islice(read_pages(pages, text_column), 1, TRAINING_PAGES * stride, stride)
    refiner = make_tiny_refiner(work / "models", [page.text for page in unseen])
    arguments: list[str | Path] = ["refine", *(work / "shards" / layout.name for layout in FORMATS)]
    arguments += ["--lake", work / "lake", "--corpus", MODEL_CORPUS, "--refiner", refiner, "--engine", "vllm"]
    for option in VLLM_ON_CPU:
        arguments += ["--engine-option", option]
    environment = {
        "VLLM_CPU_KVCACHE_SPACE": os.environ.get("VLLM_CPU_KVCACHE_SPACE", "1"),
        "VLLM_LOGGING_LEVEL": "ERROR",
    }
    first, again = (prox(*arguments, environment=environment) for _ in range(2))
    refined = check_and_measure(Lake(str(work / "lake")), MODEL_CORPUS, index, written.rows.total())
    console.print(_table(f"tiny model on vLLM, {text_column}", {"all five": refined}, {}))
    console.print(
        f"operations: {refined.operations_applied:,} applied, {refined.operations_failed:,} failed; "
        f"a second run took {again.wall_seconds / first.wall_seconds:.2f} of the first run's time"
    )


def _table(title: str, refined: Mapping[str, RefinedCorpus], ratios: Mapping[str, float]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("corpus")
    names = ("documents", "kept", "edited", "dropped", "quarantined", "rejects", "text")
    scores = ("F1 raw", "kept: raw", "refined")
    for name in (*names, *scores, *(["cpu"] if ratios else [])):
        table.add_column(name, justify="right")
    for corpus, row in refined.items():
        counts = (row.documents, row.kept, row.edited, row.dropped, row.quarantined, row.rejects)
        cells = [f"{count:,}" for count in counts] + [f"{row.text_kept:.1%}"]
        cells += [f"{score:.3f}" for score in (row.f1_raw, row.f1_kept_raw, row.f1_kept)]
        table.add_row(corpus, *cells, *([f"{ratios[corpus]:.1f}"] if ratios else []))
    return table


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = command_parser("refine_pages", __doc__)
    parser.add_argument("--regime", choices=REGIMES, default="text_full", help="which text of a page to refine")
    parser.add_argument("--work", type=Path, help="new folder for shards and lakes, kept; a temporary one by default")
    parser.add_argument("--only", choices=("rules", "model"), help="run one half")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="prox-bench-") as temporary:
        work = options.work or Path(temporary)
        try:
            if options.only != "model":
                refine_with_rules(options.pages, options.regime, work / "rules")
            if options.only != "rules":
                refine_with_tiny_model(options.pages, options.regime, work / "model")
        except (CommandFailedError, CountsDoNotAddUpError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
