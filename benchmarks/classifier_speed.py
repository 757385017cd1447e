"""How fast a classifier is on one core, against `rules`: `python -m benchmarks.classifier_speed --pages FILE`.

Both refine the same pages in this process, in the order rules, classifier, rules, so that a drift in the machine's
speed favours neither. Times are CPU times of the whole way from documents to programs, without loading the model.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from benchmarks.support.arguments import command_parser, positive

# Read by numpy's and LightGBM's libraries when they are loaded.
os.environ["OMP_NUM_THREADS"] = "1"

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.refiners.presets import LINES, named_refiners, preset
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.session import RefinerSession
from prox_assets.training.data.pages import read_labelled_pages
from prox_assets.training.evaluation.table import markdown

WriteLevel = Callable[[Iterable[RefinerInput]], Iterator[Any]]


def main() -> int:
    """Print the table; return the process's exit code."""
    parser = command_parser("classifier_speed", __doc__)
    parser.add_argument("--refiner", default=LINES, help=f"a preset, or a folder of the refiner lab ({LINES})")
    parser.add_argument("--documents", type=positive, help="use only so many pages")
    options = parser.parse_args()
    documents = [RefinerInput(page.page_id, page.text_full) for page in read_labelled_pages(options.pages)]
    documents = documents[: options.documents]
    rows = []
    for level in ("chunk", "doc"):
        rules, classifier = (_writer(name, level) for name in ("rules", options.refiner))
        for write in (rules, classifier):  # tables, compiled patterns and caches
            list(write(documents[:64]))
        before, own, after = (_seconds(write, documents) for write in (rules, classifier, rules))
        baseline = (before + after) / 2
        rows.append(
            (
                level,
                f"{len(documents) / own:.0f}",
                f"{len(documents) / baseline:.0f}",
                f"{baseline / own:.2f}",
                f"{sum(len(document.text) for document in documents) / own / 1e6:.1f}",
            )
        )
    header = ("level", "documents/s and core", "rules", "times as fast as rules", "million characters/s")
    print(f"{len(documents)} pages, text_full\n\n{markdown(header, rows)}")
    return 0


def _writer(name: str, level: str) -> WriteLevel:
    pair = preset(name) if name == "rules" else named_refiners(name)
    if level == "chunk":
        return RefinerSession(pair.chunk, "chunk", TransformersEngineConfig()).chunk_refiner().write_programs
    return RefinerSession(pair.doc, "doc", TransformersEngineConfig()).document_refiner().write_programs


def _seconds(write: WriteLevel, documents: list[RefinerInput]) -> float:
    begin = time.process_time()
    for _ in write(documents):
        pass
    return time.process_time() - begin


if __name__ == "__main__":
    sys.exit(main())
