r"""String literals of the program language: quoting and unquoting.

An escape is a backslash followed by a backslash, a quote, n, r, t, or xHH, uHHHH, UHHHHHHHH with hexadecimal digits.
Any other backslash stands for itself, which is what models mean when they copy LaTeX or Windows paths.
"""

import re

_SIMPLE = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "r": "\r", "t": "\t"}
_BOTH_QUOTES = "\"'"
_ESCAPES = {
    marks: re.compile(
        rf"""\\(?:(?P<simple>[\\{marks}nrt])|x(?P<x>[0-9a-fA-F]{{2}})|u(?P<u>[0-9a-fA-F]{{4}})|U(?P<U>[0-9a-fA-F]{{8}}))"""
    )
    for marks in (_BOTH_QUOTES, '"', "'")
}
_MUST_ESCAPE = re.compile(r'[\\"\x00-\x1f\x7f]')
_SPELLINGS = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}


def quote(text: str) -> str:
    """Return a double-quoted literal on one line; `unquote` of its contents returns the text."""
    return '"' + _MUST_ESCAPE.sub(_spell, text) + '"'


def unquote(inside: str, marks: str = _BOTH_QUOTES) -> str:
    """Return what the characters between the quotes of a literal stand for.

    Args:
        inside: The characters.
        marks: The quotes that a backslash escapes: both, or that of the literal alone.
    """
    return _ESCAPES[marks].sub(_read, inside) if "\\" in inside else inside


def _spell(match: re.Match[str]) -> str:
    character = match.group()
    return _SPELLINGS.get(character) or f"\\x{ord(character):02x}"


def _read(match: re.Match[str]) -> str:
    simple = match.group("simple")
    if simple:
        return _SIMPLE[simple]
    code = int(match.group("x") or match.group("u") or match.group("U"), 16)
    # Surrogates and numbers beyond Unicode are not characters, so the escape stays as written.
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return match.group()
    return chr(code)
