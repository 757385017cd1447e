"""`python -m prox_assets.cli.make_cascade`: a cascade's folder from a classifier's folder and a model's.

The weights of both opinions are fitted on the development sites of labelled pages. The folder holds only a
`refiner.json` for each level, which names the two others: they have to stay where they are. A level for which there is
no language model is the classifier's alone.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.engines.protocol import EngineError
from prox_assets.refiners.cascade.settings import CascadeSettings
from prox_assets.refiners.config import RefinerConfig
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.folder import load_refiner_pair, save_refiner
from prox_assets.refiners.presets import BUNDLED, LINES, SHIPPED, named_refiners
from prox_assets.training.data.pages import PAGES_VARIABLE, PagesError, read_labelled_pages
from prox_assets.training.lab.cascade import make_cascade


def main(arguments: list[str] | None = None) -> int:
    """Make the cascade; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m prox_assets.cli.make_cascade", description=__doc__)
    parser.add_argument("out", type=Path, help="the cascade's folder")
    parser.add_argument("--classifier", default=SHIPPED[LINES], help=f"folder of the classifier ({SHIPPED[LINES]})")
    parser.add_argument("--model", default=BUNDLED, help=f"preset or folder of the refiner behind it ({BUNDLED})")
    parser.add_argument("--pages", default=os.environ.get(PAGES_VARIABLE), help=f"labelled pages ({PAGES_VARIABLE})")
    parser.add_argument("--min-gain", type=float, help="least gain of word F1 per 1,000 tokens (see CascadeSettings)")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    changes = {} if options.min_gain is None else {"min_gain": options.min_gain}
    try:
        settings = CascadeSettings(classifier=options.classifier, **changes)
        pair = named_refiners(options.model)
        classifiers = load_refiner_pair(options.classifier)
        pages = list(read_labelled_pages(Path(options.pages))) if options.pages else []
        made: list[tuple[RefinerConfig, dict[str, Any]]] = []
        for model, classifier in ((pair.doc, classifiers.doc), (pair.chunk, classifiers.chunk)):
            if model is not None and model.kind == "model":
                made.append(make_cascade(model, settings, pages, TransformersEngineConfig()))
            elif classifier is not None:
                made.append((classifier, {}))
        for config, training in made:
            save_refiner(config, options.out / config.level, training, refers=True)
            weights = ", ".join(f"{name} {value:.3g}" for name, value in training.items())
            folder = options.out / config.level
            console.print(f"{config.level}: {folder} ({weights or config.kind})")
    except (RefinerError, PagesError, EngineError, ValueError) as error:
        console.print(f"[bold red]error:[/] {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
