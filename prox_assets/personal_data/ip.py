"""Public IP addresses: those that the Internet routes, of versions 4 and 6."""

import ipaddress
import re
from collections.abc import Iterator

REPLACEMENT_4 = "192.0.2.1"
REPLACEMENT_6 = "2001:db8::1"
"""Both are reserved for documentation (RFC 5737, RFC 3849), so they are not global and never found."""

_FOUR = re.compile(r"(?<![\w.:/-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w-]|\.[0-9])", re.ASCII)
_SIX = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f]*:)[0-9A-Fa-f:]{6,39}(?![\w:]|\.[0-9])", re.ASCII)
# What else has four numbers with dots between them: versions, and sections of documents.
_NUMBERED = re.compile(
    r"(?:\b(?:v|ver|vers|version|versions|versie|versión|release|released|rel|build|firmware|driver|kernel|update|patch|"
    r"section|sections|sec|chapter|clause|article|table|figure|fig|appendix|step|rule|oid|chrome|firefox|safari|opera)"
    r"\b\.?|§)[^\n]{0,12}$",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(r"\b(?:ip|ips|ipv4|address|addresses|host|client|ping|dns|from)\b", re.IGNORECASE)
_SMALL = 32
_BEFORE = 32


def ip_addresses(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and replacement of each public address.

    Numbers of versions and sections look the same: after a word that announces one, or when the first two are small
    and nothing says that it is an address, it is none.
    """
    for match in _FOUR.finditer(text):
        if _is_address(match.group()) and not _is_numbering(text, match):
            yield match.start(), match.end(), REPLACEMENT_4
    if ":" in text:
        for match in _SIX.finditer(text):
            if match.group().count(":") >= 2 and _is_address(match.group().rstrip(":")):
                yield match.start(), match.start() + len(match.group().rstrip(":")), REPLACEMENT_6


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    # Words of the letters a to f make addresses of version 6, but none that anybody was given (2000::/3).
    return address.is_global and not address.is_multicast and (address.version == 4 or address.packed[0] >> 5 == 1)


def _is_numbering(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    if all(int(number) < _SMALL for number in match.group().split(".")[:2]) and not _ANNOUNCED.search(before):
        return True
    return _NUMBERED.search(before) is not None
