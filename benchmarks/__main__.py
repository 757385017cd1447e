"""`make bench`, or `python -m benchmarks [--pages FILE]`: every benchmark, one after the other."""

import argparse
import sys
from pathlib import Path

from benchmarks import refine_pages
from benchmarks.pages import default_pages_path
from prox_assets.training.pages import PAGES_VARIABLE


def main() -> int:
    """Run what can be run; return 1 if anything failed, 0 also where something had to be skipped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--pages", type=Path, default=default_pages_path(), help=f"Parquet file of labelled pages (or {PAGES_VARIABLE})"
    )
    pages = parser.parse_args().pages
    if pages is None:
        print(f"refine_pages: skipped, it needs labelled pages: give --pages FILE or set {PAGES_VARIABLE}")
        return 0
    if not pages.is_file():
        print(f"refine_pages: there is no file {pages}; correct --pages or {PAGES_VARIABLE}", file=sys.stderr)
        return 1
    print(f"refine_pages: {pages}", flush=True)
    return refine_pages.main(["--pages", str(pages)])


if __name__ == "__main__":
    sys.exit(main())
