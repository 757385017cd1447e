"""Makes corpus text safe to show in a terminal or a browser."""


def printable(text: str) -> str:
    """Return text with white space as plain spaces and "\ufffd" for characters a terminal or browser would obey."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def printable_lines(text: str) -> str:
    """Return text with every line printable and the line breaks kept."""
    return "\n".join(map(printable, text.split("\n")))
