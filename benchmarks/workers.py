"""Speed-up of `prox refine --workers N`, or of `--gpus N`, over one process.

    python -m benchmarks.workers --pages FILE [--workers 2] [--shards 16] [--repeat 4] [--rounds 1]
    python -m benchmarks.workers --pages FILE --refiner bundled [--documents 60]

Every page is repeated, spread over the shards and refined through the console command: with `rules` by several workers,
or with a refiner that has a model by several engines. Where there are no GPUs, each engine has a logical device and its
share of the cores. One process and several take turns; the ratios are of wall time, medians over the rounds. Fails if
several processes write different rows from one, apart from run ids and times.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.commands import Cost, prox
from benchmarks.support.pages import Page, read_pages
from prox_assets.lake.lake import Lake
from prox_assets.machine.devices import DECLARED_VARIABLE
from prox_assets.refiners.presets import named_refiners
from prox_assets.testing.comparable_rows import PROBABILITY_TOLERANCE, compare_lakes

CORPUS = "pages"


class LakesDifferError(RuntimeError):
    """Several processes did not write the same lake as one."""


def main() -> int:
    """Print the table; fail if the lakes differ."""
    parser = command_parser("workers", __doc__)
    parser.add_argument("--workers", type=positive, nargs="+", default=[2], help="numbers of processes to try (2)")
    parser.add_argument("--refiner", default="rules", help="a preset; one with a model runs several engines (rules)")
    parser.add_argument("--documents", type=positive, help="only the first N pages of FILE")
    parser.add_argument("--shards", type=positive, default=16, help="shards of the corpus (16)")
    parser.add_argument("--repeat", type=positive, default=4, help="copies of each page (4)")
    parser.add_argument("--rounds", type=positive, default=1, help="runs per number of processes (1)")
    options = parser.parse_args()
    refiners = named_refiners(options.refiner)
    engines = any(refiner is not None and refiner.needs_engine for refiner in (refiners.doc, refiners.chunk))
    option = "--gpus" if engines else "--workers"
    costs: dict[int, list[Cost]] = {number: [] for number in (1, *options.workers)}
    with tempfile.TemporaryDirectory(prefix="workers-") as folder:
        work = Path(folder)
        pages = list(islice(read_pages(options.pages), options.documents))
        documents, characters = _write_shards(pages, work / "raw", options.shards, options.repeat)
        for turn in range(options.rounds):
            for number, taken in costs.items():
                lake = work / f"lake-{number}-{turn}"
                command = ("refine", work / "raw", "--lake", lake, "--corpus", CORPUS, "--refiner", options.refiner)
                several = (option, str(number)) if number > 1 else ()
                taken.append(prox(*command, *several, environment={DECLARED_VARIABLE: str(number)} if engines else {}))
                _check_same(work / "lake-1-0", lake, scores=engines)
    print(f"{documents:,} pages, {characters:,} characters, {options.shards} shards, {options.rounds} rounds\n")
    print(f"| {option} | wall s (median) | processor s (median) | pages per second | times as fast as one |")
    print("|---|---|---|---|---|")
    for number, taken in costs.items():
        wall = statistics.median(cost.wall_seconds for cost in taken)
        cpu = statistics.median(cost.cpu_seconds for cost in taken)
        ratios = [alone.wall_seconds / cost.wall_seconds for alone, cost in zip(costs[1], taken, strict=True)]
        print(f"| {number} | {wall:.1f} | {cpu:.1f} | {documents / wall:.1f} | {statistics.median(ratios):.2f} |")
    return 0


def _write_shards(pages: Sequence[Page], folder: Path, shards: int, repeat: int) -> tuple[int, int]:
    folder.mkdir()
    rows = [json.dumps({"text": page.text, "url": page.url}) for page in pages] * repeat
    for number in range(shards):
        (folder / f"part-{number:03}.jsonl").write_text("".join(f"{row}\n" for row in rows[number::shards]))
    return len(rows), sum(len(json.loads(row)["text"]) for row in rows)


def _check_same(expected: Path, made: Path, *, scores: bool) -> None:
    """Compare all tables; scores of a model differ in their last bits, with what shares a batch."""
    tolerance = PROBABILITY_TOLERANCE if scores else 0.0
    compared = compare_lakes(Lake(str(made)), Lake(str(expected)), CORPUS, tolerance=tolerance)
    if compared.differences:
        raise LakesDifferError("\n".join(compared.differences))


if __name__ == "__main__":
    sys.exit(main())
