"""Evaluate refiners on the validation sites of labelled pages, side by side: the table of the model cards.

`python -m benchmarks.evaluate_refiner --pages FILE [--systems lines,bundled]` prints Markdown tables. A system
is a preset or a folder of the refiner lab; every released or trained model joins by its name. The rules of C4, Gopher
and FineWeb, lines of eight and more words, and the labels themselves come with them. Intervals are paired bootstraps
over sites against the first system.
"""

import sys

from benchmarks.support.arguments import command_parser
from benchmarks.support.reference_refiners import ScoringReference, from_labels, long_lines, published_rules
from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.presets import BUNDLED, named_refiners, preset
from prox_assets.refiners.prompts.formats import Level
from prox_assets.refiners.protocol import ChunkRefiner
from prox_assets.training.data.pages import REGIMES, LabelledPage, read_labelled_pages
from prox_assets.training.lab.evaluation import evaluate_systems, validation_pages


def references(pages: list[LabelledPage]) -> dict[str, ChunkRefiner]:
    """Return the references that score lines."""
    labels = {page.text(regime): page.labels(regime) for page in pages for regime in REGIMES}
    # The gold text is main content throughout.
    labels |= {page.gold: [1] * (page.gold.count("\n") + 1) for page in pages}
    return {
        "lines of 8+ words": ScoringReference(long_lines),
        "labels themselves": ScoringReference(from_labels(labels)),
    }


def main() -> int:
    """Print the tables; return the process's exit code."""
    parser = command_parser("evaluate_refiner", __doc__)
    parser.add_argument("--systems", default=BUNDLED, help="comma-separated presets or folders (bundled)")
    parser.add_argument("--every", type=int, default=1, help="measure every n-th page only")
    parser.add_argument("--level", choices=("doc", "chunk"), help="only this level")
    arguments = parser.parse_args()
    pages = validation_pages(list(read_labelled_pages(arguments.pages)))[:: arguments.every]
    chosen = {name: named_refiners(name) for name in arguments.systems.split(",")}
    levels: tuple[Level, ...] = ("chunk", "doc") if arguments.level is None else (arguments.level,)
    for level in levels:
        systems: dict[str, RefinerPair] = {
            **chosen,
            "keep-all": preset("keep-all"),
            **{name: pair for name, pair in published_rules().items() if level == "doc" or pair.chunk is not None},
            "rules": preset("rules"),
        }
        evaluation = evaluate_systems(level, systems, pages, 0, references(pages) if level == "chunk" else None)
        print(f"## Level {level}\n\n{evaluation['report']}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
