r"""How much of a page's main content is in a text, and how much else: word F1.

F1 over two bags of words, averaged over pages: the macro-averaged F1 of SQuAD (arXiv 1606.05250, section 6.1) with one
reference, without its removal of articles. A word is a maximal run of letters, digits and underscores (`\w+`), case
folded, so that punctuation and layout do not count. Text without spaces counts as few long words: compare such pages
with each other only.
"""

import re
from collections import Counter

_WORD = re.compile(r"\w+")


def word_f1(text: str, gold: str) -> float:
    """Return 2 * common / (words of text + words of gold), in [0, 1]; 1.0 when neither has a word."""
    found, wanted = (Counter(_WORD.findall(one.casefold())) for one in (text, gold))
    total = found.total() + wanted.total()
    return 2 * (found & wanted).total() / total if total else 1.0
