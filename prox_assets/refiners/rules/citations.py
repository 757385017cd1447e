"""Finds citation marks of encyclopedia pages, as C4 lists them, that a replacement throughout the text can remove.

Such a mark ([1], [edit], [citation needed]) has to be a citation mark wherever it occurs on the page.
"""

import re
from collections.abc import Iterable

from prox_assets.published_rules import c4

CITATION = re.compile(c4.CITATION)
# A mark follows a word, punctuation or another mark; at the start of a line it opens a reference instead. A space,
# punctuation, another mark or nothing follows it; in code a bracket, a dot or an operator would.
MARK = re.compile(rf"(?<=[^\W_]|[.,;:!?\"'”’)\]]){c4.CITATION}(?=\s(?![=+*/<>&|-])|[.,;:!?\"'”’)](?!\w)|\[|$)")


def citation_marks(lines: Iterable[str], code: Iterable[str] = ()) -> list[str]:
    """Return the marks that are citations at every occurrence, in order of first occurrence.

    Args:
        lines: The lines of a page that stay.
        code: The code lines among them; a mark that occurs in one is left alone everywhere.
    """
    blocked = {mark for line in code for mark in CITATION.findall(line)}
    marks: dict[str, None] = {}
    for line in lines:
        if "[" not in line:
            continue
        exact = {match.start() for match in MARK.finditer(line)}
        for match in CITATION.finditer(line):
            if match.start() in exact:
                marks[match.group()] = None
            else:
                blocked.add(match.group())
    return [mark for mark in marks if mark not in blocked]
