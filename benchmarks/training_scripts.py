"""Count the scripts and languages of labelled pages: which of them a refiner trained on these pages has seen.

`python -m benchmarks.training_scripts --pages FILE [--silver FILE]` prints two Markdown tables: pages and lines by
script, with what the refiner lab writes into `trained_scripts`, and the pages in Latin letters by language.
"""

import sys
from collections import Counter
from pathlib import Path

import polars as pl

from benchmarks.support.arguments import command_parser
from prox_assets.monitoring.metrics.languages import language_of
from prox_assets.programs.scripts import LATIN, main_script
from prox_assets.training.data.page_annotations import chunk_annotations
from prox_assets.training.data.pages import LabelledPage, read_labelled_pages
from prox_assets.training.data.scripts import LEAST_PAGES, pages_by_script, scripts_with_enough
from prox_assets.training.evaluation.table import markdown


def script_table(pages: list[LabelledPage]) -> str:
    """Return pages of the train split, all pages and lines by script; lines without letters are left out."""
    trained = pages_by_script(chunk_annotations(page for page in pages if page.split == "train"))
    enough = scripts_with_enough(trained) or ()
    every = pages_by_script(chunk_annotations(pages))
    lines = Counter(main_script(line) for page in pages for line in page.text_full.split("\n"))
    rows = [
        (script, str(trained[script]), str(count), str(lines[script]), "yes" if script in enough else "no")
        for script, count in every.most_common()
    ]
    return markdown(("script", "pages for training", "all pages", "lines", "trained"), rows)


def language_table(pages: list[LabelledPage]) -> str:
    """Return the pages of the train split in Latin letters by language, as far as function words tell."""
    texts = [page.text_full for page in pages if page.split == "train" and main_script(page.text_full) == LATIN]
    languages = pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(language=language_of())
    counts = Counter(languages["language"].to_list())
    return markdown(("language", "pages for training"), [(name, str(count)) for name, count in counts.most_common()])


def main() -> int:
    """Print the tables; return the process's exit code."""
    parser = command_parser("training_scripts", __doc__)
    parser.add_argument("--silver", type=Path, help="Parquet file of pages without gold text")
    arguments = parser.parse_args()
    files = [arguments.pages, *([arguments.silver] if arguments.silver else [])]
    pages = [page for file in files for page in read_labelled_pages(file)]
    print(f"{len(pages)} pages; a script is trained with at least {LEAST_PAGES} pages for training.\n")
    print(f"{script_table(pages)}\n\n{language_table(pages)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
