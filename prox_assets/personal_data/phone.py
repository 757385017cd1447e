"""Phone numbers: international ones, North American ones, and whatever follows a word such as "Tel".

Google's numbering plans (package phonenumbers) tell which numbers can exist. Its own search in texts takes dates and
product numbers for phone numbers, so candidates are found by their form here.
"""

import re
from collections.abc import Iterator

REPLACEMENT = "+1 202-555-0100"
"""Numbers from 555-0100 to 555-0199 are reserved for fiction in North America; they are never found."""

_INTERNATIONAL = re.compile(r"(?<![\w+=/.-])(?:\+|00(?=[1-9]))[1-9][0-9 ().\-/\u00a0\u2010-\u2013]{6,22}[0-9](?![\w])")
_NORTH_AMERICAN = re.compile(
    r"(?<![\w+=/.$€£#-])(?:(?:1[-. ])?\([2-9][0-9]{2}\) ?|(?<![0-9][ ,])(?:1[-. ])?[2-9][0-9]{2}[-. ])"
    r"[2-9][0-9]{2}[-. ][0-9]{4}"
    r"(?![\w%/-]|[.,][0-9])"
)
_NAMED = re.compile(
    r"(?<![A-Za-z])(?:tel|telephone|téléphone|teléfono|telefono|telefon|telefone|phone|ph|mobile|mob|cell|fax|hotline|"
    r"helpline|whatsapp|sms)\b[ \t]*(?:no|number|nr|n°|num|us|at|us at|or fax)?\b[ \t]*[.:)#]{0,2}[ \t]*"
    r"(?P<number>\(?[0-9][0-9 ().\-/\u00a0\u2010-\u2013]{6,20}[0-9])(?![\w%]|[.,][0-9])",
    re.IGNORECASE,
)
_FICTION = re.compile(r"55501[0-9]{2}$")
_DIGITS = re.compile(r"[^0-9]")
_DATE = re.compile(
    r"\b(?:19|20)[0-9]{2}[-/. ][0-9]{1,2}[-/. ][0-9]{1,2}\b|\b[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:19|20)[0-9]{2}\b"
)
_DATE_AFTER_ZEROS = re.compile(r"00[0-9]{1,2}\.[0-9]{1,2}\.(?:19|20)[0-9]{2}")
_LEAST, _MOST = 7, 15


def phone_numbers(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and replacement of each phone number, from left to right."""
    international = ((match.start(), _longest(text, *match.span())) for match in _INTERNATIONAL.finditer(text))
    found = [(start, end) for start, end in international if end is not None]
    found += [match.span() for match in _NORTH_AMERICAN.finditer(text) if _exists(match.group(), "US")]
    found += [match.span("number") for match in _NAMED.finditer(text) if _may_be_called(match["number"])]
    done = 0
    for start, end in sorted(found, key=lambda span: (span[0], -span[1])):
        if start >= done:
            done = end
            yield start, end, REPLACEMENT


def _longest(text: str, start: int, end: int) -> int | None:
    """Return the end of the longest number that exists: the next one may follow after a space or a slash."""
    if _DATE_AFTER_ZEROS.match(text, start):
        return None
    while end - start > _LEAST:
        candidate = text[start:end]
        if _exists("+" + candidate.removeprefix("00").removeprefix("+"), None):
            return end
        shorter = re.sub(r"[^0-9]*[0-9]+$", "", candidate)
        end = start + len(shorter)
    return None


def _exists(number: str, region: str | None) -> bool:
    digits = _DIGITS.sub("", number)
    if not _LEAST <= len(digits) <= _MOST or _FICTION.search(digits):
        return False
    import phonenumbers  # whoever replaces no phone numbers need not load the plans

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


def _may_be_called(number: str) -> bool:
    digits = _DIGITS.sub("", number)
    return _LEAST <= len(digits) <= _MOST and not _FICTION.search(digits) and not _DATE.search(number)
