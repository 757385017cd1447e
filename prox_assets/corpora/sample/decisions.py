"""Which pages of the sample a reader would keep, and which nobody would; where people may disagree, neither.

`decisions.txt` has a line for each such page: keep or drop, and its URL.
"""

from pathlib import Path

from prox_assets.corpora.sample.build import sample_pages
from prox_assets.corpora.sample.page_files import Page

_FILE = Path(__file__).parent / "decisions.txt"


def sound_pages() -> list[Page]:
    """Return the pages to keep: prose, recipes, poems, code, questions with answers, in several languages."""
    return _pages("keep")


def worthless_pages() -> list[Page]:
    """Return the pages to drop: spam, error pages, walls, and pages of nothing but links."""
    return _pages("drop")


def _pages(decision: str) -> list[Page]:
    told = (line.split() for line in _FILE.read_text(encoding="utf-8").splitlines())
    wanted = {url for said, url in told if said == decision}
    return [page for shard in sample_pages() for page in shard if page.url in wanted]
