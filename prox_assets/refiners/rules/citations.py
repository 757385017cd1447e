"""Citation marks of encyclopedia pages: which of C4's can be taken out by a replacement in the whole text.

Belongs here: finding marks ([1], [edit], [citation needed]) that are marks wherever they occur in a page.
"""

import re
from collections.abc import Iterable

CITATION = re.compile(r"\[(?:\d{1,3}|edit|citation needed)\]")
# What a mark follows: a word, punctuation or another mark; at the start of a line it opens a reference instead.
# What follows it: a space, punctuation, another mark or nothing; in code it would be a bracket, a dot or an operator.
MARK = re.compile(
    r"(?<=[^\W_]|[.,;:!?\"'”’)\]])\[(?:\d{1,3}|edit|citation needed)\](?=\s(?![=+*/<>&|-])|[.,;:!?\"'”’)](?!\w)|\[|$)"
)


def citation_marks(lines: Iterable[str], code: Iterable[str] = ()) -> list[str]:
    """Return the marks that are citations at each of their occurrences, in order of first occurrence.

    Args:
        lines: The lines of a page that stay.
        code: Those of them that are code: a mark that occurs in one is left alone everywhere.
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
