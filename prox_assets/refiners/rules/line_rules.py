"""Line rules of the `rules` refiner: which lines of a page to remove, and why.

They look at lines and their neighbours. C4's rules are those of "Exploring the Limits of Transfer Learning" (section
2.2), as datatrove implements them. The rules for widgets and isolated short lines do what FineWeb leaves to its HTML
extractor, because ordinary crawl text still contains menus.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import accumulate

from prox_assets.programs.formulas import find_formulas
from prox_assets.programs.words import count_words
from prox_assets.published_rules import c4
from prox_assets.refiners.rules.config import LineRuleSettings
from prox_assets.refiners.rules.sentences import ends_sentence

# Controls that say nothing about their page. A line is removed only if it consists of nothing else.
WIDGET = re.compile(
    r"""(?:
    share(?:\s(?:this|on|via|it|now)(?:\s(?:article|page|post|story))?)?(?:\s(?:on|via|to))?
    | tweet | retweet | pin(?:\sit)? | like(?:\sthis)? | facebook | twitter | x | instagram | linkedin | pinterest
    | whatsapp | telegram | reddit | tumblr | youtube | tiktok | e-?mail | print | copy\slink | rss | follow(?:\sus)?
    | (?:log|sign)\s?(?:in|out|up) | register | subscribe(?:\snow)? | newsletter | my\saccount
    | create\s(?:an\s)?account
    | menu | search | home | close | open | toggle\s\w+ | skip\sto\s(?:main\s)?(?:content|navigation) | back\sto\stop
    | (?:next|prev(?:ious)?)(?:\s(?:page|post|article))? | (?:read|load|show|view|see)\s(?:more|all|less)
    | more | contact(?:\sus)? | about(?:\sus)? | careers | help | faqs? | site\s?map | advertis(?:ement|e|ing)
    | sponsored | accept(?:\sall)?(?:\scookies)? | reject(?:\sall)? | cookie(?:s|\ssettings|\spreferences)?
    | (?:add\sto\s)?(?:cart|basket|wish\s?list) | checkout | reply | leave\sa\s(?:comment|reply) | \d+\scomments?
    | comments? | report | flag | related(?:\s(?:posts|articles|stories))? | tags?:? | privacy | terms | legal
    | all\srights\sreserved | ©.{0,80} | copyright\s.{0,80}
    )""",
    re.IGNORECASE | re.VERBOSE,
)
WIDGET_SEPARATOR = re.compile(r"\s*[|·•>»/,;:–—-]\s*|\s{2,}")
# No widget line is longer, so longer lines need not be split into parts.
WIDGET_MAX_CHARACTERS = 200

BULLET = re.compile(r"\s*(?:[•‣▪●*+–-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+\S")
CODE = re.compile(
    r"[;{}]\s*$|^\s*(?:def|class|import|from|return|function|var|let|const|if|for|while|\#include)\b.*[(:;={]\s*$"
    r"|^\s*[$>#]\s\S|\w\([^()]*\)\s*[;:{]?$|[=!<>]=|->|=>|\w\s?=\s?[\w\"'\[{(]|\\(?:frac|begin|end|sum|int)\b|\$\$"
    r"|^\s*\|.*\|"
)
# "Comments (12)" and "Sign up ()" end like a call.
COUNTED_LINK = re.compile(r"\(\d*\)\s*$")
INDENTED = re.compile(r"(?: {2,}|\t)\S")
CODE_MAX_CHARACTERS = 400


class LineKind(Enum):
    """What a non-blank line looks like by itself; a rule removes NOISE whatever its neighbours are."""

    PROSE = auto()
    CODE = auto()
    LIST_ITEM = auto()
    SHORT = auto()
    NOISE = auto()


def removed_lines(lines: Sequence[str], settings: LineRuleSettings) -> dict[int, str]:
    """Return the reason for each line to remove, by line number, in order; blank lines go with the line before them.

    Args:
        lines: The lines of a page.
        settings: Which rules apply, and their thresholds.
    """
    formulas = find_formulas(lines) if settings.keep_formulas else {}
    reasons = [None if number in formulas else _own_reason(line, settings) for number, line in enumerate(lines)]
    if settings.remove_isolated_short_lines:
        _add_isolated(lines, reasons, settings, formulas)
    _add_blanks_after(lines, reasons)
    return {number: reason for number, reason in enumerate(reasons) if reason is not None}


def _own_reason(line: str, settings: LineRuleSettings) -> str | None:
    """Return the rule that removes a line whatever its neighbours are, or None."""
    if not line.strip():
        return None
    if len(line) > settings.max_word_characters:  # else no word can be longer
        longest = max(map(len, line.split()))
        if longest > settings.max_word_characters and count_words(line) < longest // 4:
            return f"c4: word_characters {longest} > {settings.max_word_characters}"
    return _notice_reason(line, settings) or _c4_ending_reason(line, settings)


def _notice_reason(line: str, settings: LineRuleSettings) -> str | None:
    lowered = line.lower()
    javascript = settings.remove_javascript and c4.JAVASCRIPT in lowered
    policies = c4.POLICY_PHRASES if settings.remove_policy_lines else ()
    policy = next((phrase for phrase in policies if phrase in lowered), None)
    if (javascript or policy) and count_words(line) <= settings.notice_max_words:
        return "c4: javascript" if policy is None else f"c4: policy_phrase {policy!r}"
    if settings.remove_widgets and is_widget(line):
        return "widget: only controls"
    return None


def _c4_ending_reason(line: str, settings: LineRuleSettings) -> str | None:
    if not settings.require_terminal_punctuation:
        return None
    if not ends_sentence(line):
        return "c4: no_terminal_punctuation"
    words = count_words(line)
    return f"c4: words {words} < {settings.min_words}" if words < settings.min_words else None


def is_widget(line: str) -> bool:
    """Return whether a line consists of page controls only, such as "Share | Tweet | Log in"."""
    stripped = line.strip().strip("•·*|-–—[]()<>«» \t")
    if not stripped or len(stripped) > WIDGET_MAX_CHARACTERS:
        return False
    parts = [part for part in WIDGET_SEPARATOR.split(stripped) if part]
    return bool(parts) and all(WIDGET.fullmatch(part.strip(" .!:")) for part in parts)


def is_code(line: str) -> bool:
    """Return whether a line looks like program code, a formula or a table row."""
    return len(line) <= CODE_MAX_CHARACTERS and CODE.search(line) is not None and COUNTED_LINK.search(line) is None


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines kept or removed together: one line, or consecutive lines of code or of a list, ignoring blanks between."""

    kind: LineKind
    numbers: list[int]


def _blocks(
    lines: Sequence[str], reasons: Sequence[str | None], settings: LineRuleSettings, formulas: Collection[int]
) -> list[_Block]:
    blocks: list[_Block] = []
    for number, (line, reason) in enumerate(zip(lines, reasons, strict=True)):
        if not line.strip():
            continue
        kind = LineKind.NOISE if reason is not None else _kind(line, settings)
        if number in formulas:
            kind = LineKind.PROSE
        last = blocks[-1].kind if blocks else None
        if kind is LineKind.SHORT and last is LineKind.CODE and INDENTED.match(line):
            kind = LineKind.CODE
        if kind is last and kind in (LineKind.CODE, LineKind.LIST_ITEM):
            blocks[-1].numbers.append(number)
        else:
            blocks.append(_Block(kind, [number]))
    return blocks


def _kind(line: str, settings: LineRuleSettings) -> LineKind:
    words = count_words(line)
    if words >= settings.prose_min_words or (words >= settings.sentence_min_words and ends_sentence(line)):
        return LineKind.PROSE
    if BULLET.match(line):
        return LineKind.LIST_ITEM
    return LineKind.CODE if is_code(line) else LineKind.SHORT


def _add_isolated(
    lines: Sequence[str], reasons: list[str | None], settings: LineRuleSettings, formulas: Collection[int]
) -> None:
    """Add a reason to lines that are not prose and have too little prose around them: menus, link lists, footers.

    A page without any prose (a poem, a price list) is left alone, because nothing tells its lines from a menu.
    """
    blocks = _blocks(lines, reasons, settings, formulas)
    prose_before = list(accumulate((block.kind is LineKind.PROSE for block in blocks), initial=0))
    if not prose_before[-1]:
        return

    def before(index: int, reach: int) -> int:
        return prose_before[index] - prose_before[max(0, index - reach)]

    def after(index: int, reach: int) -> int:
        return prose_before[min(len(blocks), index + 1 + reach)] - prose_before[index + 1]

    for index, block in enumerate(blocks):
        around = before(index, settings.prose_reach) + after(index, settings.prose_reach)
        match block.kind:
            case LineKind.PROSE | LineKind.NOISE:
                stays = True
            case LineKind.CODE:
                stays = around > 0 or len(block.numbers) >= settings.code_min_lines
            case LineKind.LIST_ITEM:
                introduced = before(index, settings.list_reach) > 0
                stays = introduced and around >= settings.min_prose_around and _reads_as_list(lines, block, settings)
            case LineKind.SHORT:
                enclosed = before(index, settings.prose_reach) > 0 and after(index, settings.prose_reach) > 0
                heading = after(index, settings.heading_reach) > 0
                stays = heading or (enclosed and around >= settings.min_prose_around)
        if not stays:
            for number in block.numbers:
                reasons[number] = (
                    f"isolated: prose_around {around} < {settings.min_prose_around}"
                    if around < settings.min_prose_around
                    else "isolated: no prose on one side"
                )


def _reads_as_list(lines: Sequence[str], block: _Block, settings: LineRuleSettings) -> bool:
    """Return whether a list is short, or its items have enough words to be more than links."""
    if len(block.numbers) <= settings.list_max_short_items:
        return True
    words = sum(count_words(lines[number]) - 1 for number in block.numbers)
    return words >= settings.list_min_words * len(block.numbers)


def _add_blanks_after(lines: Sequence[str], reasons: list[str | None]) -> None:
    """Remove blank lines along with the line before them, so that a removed run leaves no gap."""
    previous: str | None = None
    for number, line in enumerate(lines):
        if line.strip():
            previous = reasons[number]
        else:
            reasons[number] = previous
