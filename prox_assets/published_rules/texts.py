"""What a word and a line are to every published rule.

A word is a run of non-whitespace, as in the papers. A line is what stands between two line feeds, stripped; blank lines
count only where a rule counts newlines. docs/monitoring.md has what other definitions change, in numbers.
"""

import re

WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""Unicode's property White_Space, which polars goes by. Python's own `isspace` also has \\x1c to \\x1f."""

_WORD = re.compile(f"[^{WHITE_SPACE}]+")


def published_words(text: str) -> list[str]:
    """Return the words of a text."""
    return _WORD.findall(text)


def published_lines(text: str) -> list[str]:
    """Return the stripped lines of a text that are not blank."""
    return [line for line in (part.strip(WHITE_SPACE) for part in text.split("\n")) if line]
