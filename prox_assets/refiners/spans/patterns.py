"""What noise inside lines looks like: the kinds, and for each kind a pattern that finds it.

Belongs here: `NoiseKind`, and the table of patterns (inline_marks.py, inline_phrases.py). Not here: where a span ends
with its spaces, and what is put in its place (inline_noise.py); whether a span is noise (the model's work: patterns are
wide on purpose, "share this" may be prose).

Every pattern takes time linear in the text: repetitions are bounded or possessive, so that no place is tried more than
a constant number of times. A pattern is only run on lines that hold one of its triggers, which costs a tenth of it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from prox_assets.refiners.spans.marks import CITATION, EMAIL, INVISIBLE, LINK_NOTE, SEPARATOR, URL
from prox_assets.refiners.spans.phrases import ADVERTISEMENT, CALL_TO_ACTION, CREDIT, RELATED, SHARE, TIMESTAMP

# Raise it when any pattern, or what is made of a span, changes: stored programs were written by the old ones.
INLINE_VERSION = 3


class NoiseKind(StrEnum):
    """What a span may be that has no business inside a line of text."""

    URL = "url"
    EMAIL = "email"
    CITATION = "citation"
    """Marks of footnotes and of wikis: [1], [edit], [citation needed], superscripts."""
    SHARE = "share"
    """Buttons and counters of social networks and comment forms."""
    ADVERTISEMENT = "advertisement"
    SEPARATOR = "separator"
    """Repeated separators, and single ones that the end of the line left over."""
    CALL_TO_ACTION = "call_to_action"
    """Read more, click here, sign up for our newsletter."""
    LINK_NOTE = "link_note"
    """What is said about a link: (opens in new window), [PDF]."""
    CREDIT = "credit"
    """Who took a picture."""
    TIMESTAMP = "timestamp"
    """When a page was written or how long reading it takes; not dates of the text."""
    RELATED = "related"
    """A pointer to another page: "Read also: Ten ways to ..."."""
    INVISIBLE = "invisible"
    """Zero-width characters, soft hyphens, control and replacement characters."""


@dataclass(frozen=True, slots=True)
class NoisePattern:
    """How spans of one kind are found.

    Attributes:
        kind: The kind.
        pattern: Finds them.
        triggers: Lower-case strings of which a line must hold one, itself in lower case; none: any line may match.
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
