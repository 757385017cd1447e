"""Which pages of the sample a reader would keep, and which nobody would; where people may disagree, neither.

`decisions.txt` has a line for each such page: keep or drop, and its URL. `gold.jsonl` has the main content of the
sound ones, by address; `python -m prox_assets.corpora.sample.decisions` writes it.
"""

import json
from pathlib import Path

from prox_assets.corpora.sample.build import sample_pages
from prox_assets.corpora.sample.page_files import Page

GOLD = Path(__file__).parent / "gold.jsonl"
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


def gold_lines() -> list[str]:
    """Return the lines of gold.jsonl: url, and text without the header and footer of the page's site."""
    pages = [page for page in sound_pages() if page.own]
    return [json.dumps({"url": page.url, "text": page.own}, ensure_ascii=False) for page in pages]


if __name__ == "__main__":
    GOLD.write_text("".join(f"{line}\n" for line in gold_lines()), encoding="utf-8")
