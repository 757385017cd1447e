"""Evaluate a refiner against reference methods on the validation sites of labelled pages.

`python -m benchmarks.evaluate_refiner --pages FILE [--silver FILE] [--refiner bundled]` prints Markdown tables. One of
the references is a classical classifier, fitted on the training sites. Fitting takes minutes; --no-classifier skips it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.support.arguments import command_parser
from benchmarks.support.reference_refiners import ScoringReference, boosted, from_labels, long_lines
from prox_assets.programs import ExecutionPolicy
from prox_assets.refiners.config import RefinerConfig, RefinerPair
from prox_assets.refiners.presets import named_refiners, preset
from prox_assets.refiners.prompts.formats import Level
from prox_assets.training.data.page_annotations import chunk_annotations
from prox_assets.training.data.pages import REGIMES, LabelledPage, Regime, read_labelled_pages
from prox_assets.training.evaluation.evaluate import NO_FLOOR, ChunkEvaluation, evaluate_chunks
from prox_assets.training.evaluation.table import chunk_table, type_table
from prox_assets.training.fit.line_ensemble import LineEnsemble
from prox_assets.training.lab.evaluation import NEW, evaluate_systems, validation_pages


def references(
    pages: Sequence[LabelledPage], regime: Regime, ensemble: LineEnsemble | None
) -> dict[str, ChunkEvaluation]:
    """Evaluate the reference methods on the validation pages."""
    chosen = validation_pages(pages)
    labels = {page.text(regime): page.labels(regime) for page in chosen}
    found = {
        "lines of 8+ words": _evaluate(ScoringReference(long_lines), chosen, regime),
        "labels themselves": _evaluate(ScoringReference(from_labels(labels)), chosen, regime),
    }
    if ensemble is not None:
        found["boosted classifier"] = _evaluate(ScoringReference(boosted(ensemble)), chosen, regime)
    return found


def _evaluate(refiner: ScoringReference, pages: Sequence[LabelledPage], regime: Regime) -> ChunkEvaluation:
    policy = ExecutionPolicy(dialect="line-labels", line_decision="expected_f1", **NO_FLOOR)
    return evaluate_chunks(refiner, pages, regime, policy)


def fit(pages: Sequence[LabelledPage]) -> LineEnsemble:
    """Fit the classical classifier on the training sites."""
    rows = chunk_annotations(page for page in pages if page.split == "train")
    ensemble = LineEnsemble()
    ensemble.fit(list(rows))
    return ensemble


def main() -> int:
    """Print the tables; return the process's exit code."""
    parser = command_parser("evaluate_refiner", __doc__)
    parser.add_argument("--silver", type=Path, help="Parquet file of pages without gold text, for the classifier")
    parser.add_argument("--refiner", default="bundled", help="a preset, or a folder of the refiner lab (bundled)")
    parser.add_argument("--no-classifier", action="store_true", help="skip the classical classifier")
    arguments = parser.parse_args()
    files = [arguments.pages, *([arguments.silver] if arguments.silver else [])]
    pages = [page for file in files for page in read_labelled_pages(file)]
    ensemble = None if arguments.no_classifier else fit(pages)
    for regime in REGIMES:
        results = references(pages, regime, ensemble)
        print(f"### References, {regime}\n\n{chunk_table(results)}\n\n{type_table(results)}\n", flush=True)
    pair = named_refiners(arguments.refiner)
    levels: tuple[tuple[Level, RefinerConfig | None], ...] = (("chunk", pair.chunk), ("doc", pair.doc))
    for level, config in levels:
        if config is not None:
            systems = {
                "keep-all": preset("keep-all"),
                "rules": preset("rules"),
                NEW: RefinerPair.model_validate({"name": NEW, level: config}),
            }
            report = evaluate_systems(level, systems, validation_pages(pages), 0)["report"]
            print(f"## Level {level}\n\n{report}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
