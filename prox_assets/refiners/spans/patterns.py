"""What noise inside lines looks like: the kinds, and a pattern for each kind.

The patterns themselves are in marks.py and phrases.py. They are wide on purpose, because the model decides what is
noise: "share this" may be prose. candidates.py turns matches into spans with their spaces and replacements.

Every pattern takes time linear in the text: repetitions are bounded or possessive, so each place is tried at most a
constant number of times. A pattern runs only on lines that contain one of its triggers; looking for these costs a tenth
of running it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from prox_assets.refiners.spans.marks import CITATION, EMAIL, INVISIBLE, LINK_NOTE, SEPARATOR, URL
from prox_assets.refiners.spans.phrases import ADVERTISEMENT, CALL_TO_ACTION, CREDIT, RELATED, SHARE, TIMESTAMP

# Raise this when a pattern changes, or how a span becomes a call, because stored programs were written by the old ones.
INLINE_VERSION = 3


class NoiseKind(StrEnum):
    """The kinds of noise that a span inside a line of text may be."""

    URL = "url"
    EMAIL = "email"
    CITATION = "citation"
    """Footnote and wiki marks: [1], [edit], [citation needed], superscripts."""
    SHARE = "share"
    """Buttons and counters of social networks and comment forms."""
    ADVERTISEMENT = "advertisement"
    SEPARATOR = "separator"
    """Repeated separators, and single ones left over at the start or end of a line."""
    CALL_TO_ACTION = "call_to_action"
    """Calls to action: Read more, click here, sign up for our newsletter."""
    LINK_NOTE = "link_note"
    """Notes about a link: (opens in new window), [PDF]."""
    CREDIT = "credit"
    """Who took a picture."""
    TIMESTAMP = "timestamp"
    """When a page was written or how long it takes to read; dates in the text itself are not timestamps."""
    RELATED = "related"
    """A pointer to another page: "Read also: Ten ways to ..."."""
    INVISIBLE = "invisible"
    """Zero-width characters, soft hyphens, control and replacement characters."""


@dataclass(frozen=True, slots=True)
class NoisePattern:
    """How to find spans of one kind.

    Attributes:
        kind: The kind.
        pattern: Matches the spans.
        triggers: Lower-case strings; the lowercased line must contain one of them. Empty if any line may match.
    """

    kind: NoiseKind
    pattern: re.Pattern[str]
    triggers: tuple[str, ...] = ()


def _triggers(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


PATTERNS: tuple[NoisePattern, ...] = (
    NoisePattern(NoiseKind.URL, URL, _triggers("://,www.,.com/,.co/,.ly/,.be/,.to/,.gl/,.me/")),
    NoisePattern(NoiseKind.EMAIL, EMAIL, _triggers("@,protected]")),
    NoisePattern(NoiseKind.CITATION, CITATION),
    NoisePattern(
        NoiseKind.SHARE,
        SHARE,
        _triggers(
            "share,tweet,pin it,facebook,twitter,linkedin,pinterest,whatsapp,reddit,click to,mail,print, us on, me on"
            ",save this,bookmark,comment,followers,likes,views,repl,reactions"
        ),
    ),
    NoisePattern(
        NoiseKind.ADVERTISEMENT,
        ADVERTISEMENT,
        _triggers(
            "advert,sponsored,promoted,continue,keep reading,scroll,paid ,skip , ads, ad ,ad feedback,ad loading"
            ",ad choices,affiliate"
        ),
    ),
    NoisePattern(
        NoiseKind.SEPARATOR,
        SEPARATOR,
        _triggers("----,- -,––,——,– –,— —,====,~~~~,____,..,…,. .,|,***,* *,•,●,▪,◆,■,·,»,›,> >,/ /,→,►,▼,▶,↓"),
    ),
    NoisePattern(
        NoiseKind.CALL_TO_ACTION,
        CALL_TO_ACTION,
        _triggers(
            " more, less,view all,show all,see all,load all,read all,learn all,full ,original ,whole ,continue,click"
            ",tap here,tap the link,press here,press the link, now, today,up here,subscribe,register here,join here"
            ",newsletter,your e, app,jump,skip,back to top,video,caption,enlarge,log in"
        ),
    ),
    NoisePattern(NoiseKind.LINK_NOTE, LINK_NOTE, _triggers("(,[,opens in")),
    NoisePattern(NoiseKind.CREDIT, CREDIT, _triggers("photo,image,picture,illustration,credit,/,getty,shutterstock")),
    NoisePattern(
        NoiseKind.TIMESTAMP,
        TIMESTAMP,
        _triggers("min read,minute,mins,min-,ago,updated,published,posted,modified,edited,reading time"),
    ),
    NoisePattern(NoiseKind.RELATED, RELATED, _triggers(":")),
    NoisePattern(NoiseKind.INVISIBLE, INVISIBLE),
)
