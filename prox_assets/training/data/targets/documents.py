"""The rule behind document-level targets: which labelled pages are worth keeping, judged by what they are.

A page is kept if a reader would keep what the chunk level leaves of it, however much boilerplate surrounds it. Pages
that people read (articles, documentation, forums, services) need little main content for that, in lines of any length:
code and poems have short ones. Pages that people look things up in (products, listings, collections) need as much
connected text as a short article, or they are lists of names.
"""

import math

from prox_assets.training.data.pages import LabelledPage
from prox_assets.training.data.targets.lines import WORD

# Fewest words of a line that is part of connected text.
PROSE_LINE_WORDS = 10
# Words of main content: in all lines, or in lines of connected text.
NEEDED_WORDS = {"article": 50, "documentation": 50, "forum": 50, "service": 50}
NEEDED_PROSE_WORDS = {"product": 100, "listing": 150, "collection": 150}
# A page with 1.42 times the needed words has a target of 0.73, and one with twice as many has 0.88: near the bound,
# people who label such pages agree no better than that.
SOFTNESS = 0.35


def main_words(page: LabelledPage, line_words: int = 1) -> int:
    """Return the number of words in main-content lines of `text_full` with at least so many words."""
    counts = (
        len(WORD.findall(line))
        for line, label in zip(page.text_full.split("\n"), page.keep_full, strict=True)
        if label == 1
    )
    return sum(count for count in counts if count >= line_words)


def document_target(page: LabelledPage) -> float | None:
    """Return the target P(keep) in (0, 1), above 0.5 if the rule keeps the page; None for an unknown page type."""
    kind = page.page_type or ""
    if kind in NEEDED_WORDS:
        ratio = (main_words(page) + 1) / NEEDED_WORDS[kind]
    elif kind in NEEDED_PROSE_WORDS:
        ratio = (main_words(page, PROSE_LINE_WORDS) + 1) / NEEDED_PROSE_WORDS[kind]
    else:
        return None
    return 1.0 / (1.0 + math.exp(-math.log(ratio) / SOFTNESS))
