"""`python -m prox_assets.cli.make_mean`: a chunk refiner of the mean of several adapters that the lab trained.

They must have the same base, layers and prompts; train them with other seeds, steps or targets. Calibration and
threshold are chosen on the development sites of labelled pages.
"""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from prox_assets.engines.protocol import EngineError
from prox_assets.refiners.errors import RefinerError
from prox_assets.training.data.pages import PAGES_VARIABLE, PagesError, read_labelled_pages
from prox_assets.training.lab.mean import make_mean


def main(arguments: list[str] | None = None) -> int:
    """Make the refiner; return the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m prox_assets.cli.make_mean", description=__doc__)
    parser.add_argument("out", type=Path, help="the new refiner's folder")
    parser.add_argument("folders", type=Path, nargs="+", help="folders of chunk refiners, such as lab/NAME/chunk/model")
    parser.add_argument("--pages", default=os.environ.get(PAGES_VARIABLE), help=f"labelled pages ({PAGES_VARIABLE})")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        pages = list(read_labelled_pages(Path(options.pages))) if options.pages else []
        made = make_mean(options.folders, options.out, pages)
    except (RefinerError, PagesError, EngineError) as error:
        console.print(f"[bold red]error:[/] {error}")
        return 1
    console.print(f"{made.level}: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
