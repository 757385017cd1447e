"""Corpus text as a terminal or a browser may show it."""


def printable(text: str) -> str:
    """Return corpus text with every space a plain one and "\ufffd" for what a terminal or a browser would obey."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)
