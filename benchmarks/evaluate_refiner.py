"""Evaluate a refiner against reference methods on the validation sites of labelled pages.

`python -m benchmarks.evaluate_refiner --pages FILE [--refiner bundled]` prints Markdown tables.
"""

import sys
from collections.abc import Sequence

from benchmarks.support.arguments import command_parser
from benchmarks.support.reference_refiners import ScoringReference, from_labels, long_lines
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.config import RefinerConfig, RefinerPair
from prox_assets.refiners.presets import LINES, named_refiners, preset
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.data.pages import REGIMES, LabelledPage, Regime, read_labelled_pages
from prox_assets.training.evaluation.evaluate import (
    NO_FLOOR,
    ChunkEvaluation,
    evaluate_chunks,
)
from prox_assets.training.evaluation.table import chunk_table, type_table
from prox_assets.training.lab.evaluation import NEW, evaluate_systems, validation_pages


def references(pages: Sequence[LabelledPage], regime: Regime) -> dict[str, ChunkEvaluation]:
    """Evaluate the reference methods on validation pages."""
    labels = {page.text(regime): page.labels(regime) for page in pages}
    return {
        "lines of 8+ words": _evaluate(ScoringReference(long_lines), pages, regime),
        "labels themselves": _evaluate(ScoringReference(from_labels(labels)), pages, regime),
    }


def _evaluate(refiner: ScoringReference, pages: Sequence[LabelledPage], regime: Regime) -> ChunkEvaluation:
    policy = ExecutionPolicy(dialect="line-labels", line_keep_threshold=0.5, **NO_FLOOR)
    return evaluate_chunks(refiner, pages, regime, policy)


def main() -> int:
    """Print the tables; return the process's exit code."""
    parser = command_parser("evaluate_refiner", __doc__)
    parser.add_argument("--refiner", default="bundled", help="a preset, or a folder of the refiner lab (bundled)")
    arguments = parser.parse_args()
    pages = validation_pages(list(read_labelled_pages(arguments.pages)))
    for regime in REGIMES:
        results = references(pages, regime)
        print(f"### References, {regime}\n\n{chunk_table(results)}\n\n{type_table(results)}\n", flush=True)
    pair = named_refiners(arguments.refiner)
    levels: tuple[tuple[Level, RefinerConfig | None], ...] = (("chunk", pair.chunk), ("doc", pair.doc))
    for level, config in levels:
        if config is not None:
            systems = {
                "keep-all": preset("keep-all"),
                "rules": preset("rules"),
                **({} if arguments.refiner == LINES else {LINES: preset(LINES)}),
                NEW: RefinerPair.model_validate({"name": NEW, level: config}),
            }
            report = evaluate_systems(level, systems, pages, 0)["report"]
            print(f"## Level {level}\n\n{report}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
