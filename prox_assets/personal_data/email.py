"""E-mail addresses, as they are written in texts: RFC 5322 allows much that nobody uses."""

import re
from collections.abc import Iterator

REPLACEMENT = "email@example.com"

# At most 64 characters before the @, and labels of at most 63, as RFC 5321 says; so no search goes further back.
_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9._%+/@-])"
    r"[A-Za-z0-9_](?:[A-Za-z0-9._%+'-]{0,62}[A-Za-z0-9_+-])?"
    r"@(?P<domain>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24})"
    r"(?![A-Za-z0-9@-]|\.[A-Za-z0-9])"
)
# Top-level domains of two letters are countries; these are the others that addresses are seen under. Names of files
# (logo@2x.png), of modules and of units (getty@tty1.service) end otherwise.
_OTHER_TOPS = """
academy aero agency app art asia associates associations bank bar beer best bio biz blog boutique build
business cafe capital care careers cat center charity church city clinic cloud club coach codes coffee
com community company computer construction consulting contact cool coop dental design dev digital
direct doctor domains earth edu education email energy engineer engineering enterprises equipment estate
events exchange expert express farm fashion film finance financial fit foundation fun fund fyi gallery
games garden global gmbh gov green group guide guru health help holdings homes host hotel house inc
industries info ink institute insurance int international investments jobs kitchen land law legal life
limited link live llc love ltd management market marketing media mil mobi money museum name net network
news ngo ninja one ong online org partners parts photo photography photos pictures pizza place plus post
press pro productions properties pub realtor recipes repair report rest restaurant review reviews rocks
run sale school science services shop site social software solutions space store studio style supply
support surf systems team tech technology tel tips today tools top tours town toys trade training travel
university uno vet ventures video vision wiki win wine work works world wtf xyz yoga zone
"""
_TOPS = frozenset(_OTHER_TOPS.split())
_END_OF_NUMBER = re.compile(r"(?:[0-9]{3}-)?[0-9]{4}(?=[A-Za-z])")
_DIGIT_BEFORE = re.compile(r"[0-9)][ ]")
_EXAMPLES = re.compile(
    r"(?:^|\.)example\.(?:com|net|org|edu)$|^(?![qxz]\.com$)[a-z]\.(?:com|net|org)$"
    r"|(?:^|\.)(?:lemmy|mastodon|mstdn|kbin|matrix|jabber|xmpp)\.",
    re.IGNORECASE,
)
"""Domains of RFC 2606, those of one letter (only three exist), and those where @ stands in names of accounts."""


def email_addresses(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and replacement of each e-mail address; those of example domains (RFC 2606) are nobody's."""
    if "@" not in text:
        return
    for match in _ADDRESS.finditer(text):
        labels = match["domain"].split(".")
        # The next sentence may begin without a space: me@site.com.It
        while len(labels) > 1 and not _ends(labels):
            labels.pop()
        domain = ".".join(labels)
        end = match.start("domain") + len(domain)
        if len(labels) < 2 or _EXAMPLES.search(domain):
            continue
        if match.group().startswith("git@") and text.startswith(":", end):  # git@host.com:owner/name.git
            continue
        yield _start(text, match), end, REPLACEMENT


def _start(text: str, match: re.Match[str]) -> int:
    """Return where an address begins: not with the phone number that stands before it without a space."""
    number = _END_OF_NUMBER.match(text, match.start())
    is_glued = number is not None and _DIGIT_BEFORE.match(text, max(0, match.start() - 2)) is not None
    return number.end() if number is not None and is_glued else match.start()


def _ends(labels: list[str]) -> bool:
    """Tell whether a domain may end with its last label."""
    *others, last = labels
    begins_a_sentence = last.istitle() and others[-1].lower() in _TOPS and "".join(others).islower()
    return (len(last) == 2 or last.lower() in _TOPS) and not begins_a_sentence
