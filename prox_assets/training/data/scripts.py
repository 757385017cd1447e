"""Which scripts training pages are written in, and which of them a refiner has seen enough of.

programs/scripts.py says what the script of a text is.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from prox_assets.programs.scripts import main_script
from prox_assets.training.data.page_annotations import SYNTHETIC_SITE
from prox_assets.training.data.training_set import page_of

# The labelled and silver pages have 2,533 pages in Latin letters and at most 8 in any other script. Of so few a
# model learns single pages by heart.
LEAST_PAGES = 20


def pages_by_script(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Count the pages of a training set by the script of most of their letters.

    Args:
        rows: Rows of TRAINING_CHUNKS or TRAINING_DOCUMENTS. The texts of a page count once; synthetic documents, which
            are made from the pages, do not count.
    """
    scripts: dict[str, str] = {}
    for row in rows:
        script = main_script(row["text"])
        if script is not None and row["site"].partition(".")[0] != SYNTHETIC_SITE:
            scripts.setdefault(page_of(row["doc_id"]), script)
    return Counter(scripts.values())


def scripts_with_enough(pages: Mapping[str, int]) -> tuple[str, ...] | None:
    """Return the scripts with at least LEAST_PAGES pages, sorted; None if there are too few pages of any script."""
    return tuple(sorted(script for script, count in pages.items() if count >= LEAST_PAGES)) or None
