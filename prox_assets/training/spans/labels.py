"""Judges which spans of real lines are noise, by the page's gold text and by a written rule for each kind.

Gold texts decide where they can. People who mark main content mark whole blocks, so most of them keep every citation
mark and URL in a block that they keep. Where gold texts disagree, the rules here decide: citation marks and URLs are
noise in prose (as in the ProX paper, table 1, and in C4, section 2.2), and content in code, instructions and data.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from prox_assets.refiners.rules.line_rules import is_code
from prox_assets.refiners.spans.candidates import Candidate
from prox_assets.refiners.spans.patterns import NoiseKind

# Non-space characters on either side that locate a span of the line in the gold text.
CONTEXT_CHARACTERS = 24
_MIN_CONTEXT_CHARACTERS = 12

# Kinds that gold texts keep as they find them, so the rule decides first.
RULE_FIRST = frozenset(
    {NoiseKind.URL, NoiseKind.EMAIL, NoiseKind.CITATION, NoiseKind.SEPARATOR, NoiseKind.INVISIBLE, NoiseKind.CREDIT}
)


class SpanLabel(NamedTuple):
    """The target P(remove) of a span, in [0, 1], and its source: "gold:KIND" or "rule:KIND"."""

    remove_target: float
    source: str


def label_span(line: str, span: Candidate, compact_gold: str) -> SpanLabel | None:
    """Judge a candidate in a main-content line; None if gold text and rule cannot tell or contradict each other.

    `compact_gold` is the page's gold text without any white space, or "".
    """
    rule = _RULES[span.kind](line, span)
    ruled = None if rule is None else SpanLabel(rule, f"rule:{span.kind}")
    if ruled is not None and span.kind in RULE_FIRST:
        return ruled
    gold = _gold_target(line, span, compact_gold)
    if gold is None:
        return ruled
    if ruled is not None and gold < ruled.remove_target:
        # The gold text kept a whole block, standalone noise included. Gold and rule disagree, so the span is not used.
        return None
    return SpanLabel(gold, f"gold:{span.kind}")


def compact(text: str) -> str:
    """Return a text without its white space, as `label_span` expects the gold text."""
    return "".join(text.split())


def _gold_target(line: str, span: Candidate, gold: str) -> float | None:
    left = compact(line[max(0, span.start - 4 * CONTEXT_CHARACTERS) : span.start])[-CONTEXT_CHARACTERS:]
    right = compact(line[span.end : span.end + 4 * CONTEXT_CHARACTERS])[:CONTEXT_CHARACTERS]
    if not gold or len(left) + len(right) < _MIN_CONTEXT_CHARACTERS:
        return None
    with_span = left + compact(line[span.start : span.end]) + right in gold
    # At either end of the line, the context alone cannot show that the span is missing.
    without_span = bool(left and right) and left + compact(span.replacement) + right in gold
    return None if with_span == without_span else float(without_span)


_COMMAND = re.compile(
    r"\s*(?:\$|>>>|[#%>]\s|//|/\*|\*\s@|<[a-z/!]"
    r"|(?:curl|wget|git|pip|npm|npx|sudo|docker|apt|brew|kubectl|cd|export|import|from\s\w+\simport|def|class|return"
    r"|const|let|var|SELECT|INSERT|GET|POST|PUT)\b(?![,.'])|(?:Host|Link|Cc|To|From|Referer|Location|[\w-]+-by):)"
)
_QUOTES = "\"'`="


def in_code(line: str, span: Candidate) -> bool:
    """Return whether a span is part of code, a command or quoted data."""
    quoted = span.start > 0 and span.end < len(line) and line[span.start - 1] in _QUOTES and line[span.end] in _QUOTES
    # The test leaves the span out, because a query such as "?id=1" makes any line look like code.
    return quoted or bool(_COMMAND.match(line)) or is_code(line[: span.start] + " " + line[span.end :])


_NO_REAL_HOST = re.compile(
    r"localhost|127\.0\.0\.1|0\.0\.0\.0|192\.168\.|\bexample\b|your[-_]|/path/to|user:pass|\.local\b|<|\{",
    re.IGNORECASE,
)
_NEEDS_OBJECT = re.compile(
    r"(?:\b(?:open|enter|type|paste|navigate to|browse to|run|clone|call|request|endpoint|address|host|server"
    r"|url|uri|port|namespace|use the|is|set \w+ to))\s*:?\s*$",
    re.IGNORECASE,
)
_NEEDS_PLACE = re.compile(r"\b(?:at|visit|see|to|on|from|via|is|here|by|in|and|or|with)\s*:?\s*$", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")


def _url(line: str, span: Candidate) -> float | None:
    text = line[span.start : span.end].strip(" <>()[]")
    left = line[max(0, span.start - 60) : span.start]
    if in_code(line, span) or _NO_REAL_HOST.search(text) or _NEEDS_OBJECT.search(left):
        return 0.0
    if text.startswith(("pic.", "https://t.co/")):
        return 1.0
    others = len(_WORD.findall(line[: span.start])) + len(_WORD.findall(line[span.end :]))
    if others < 4:
        # "Website: https://...": the URL is the point of the line.
        return 0.1
    # "The tutorial is at": removing the URL cuts off the sentence's end, which C4 and ProX accept.
    return 0.8 if _NEEDS_PLACE.search(left) and line[span.end - 1] not in ")>]" else 1.0


def _email(line: str, span: Candidate) -> float | None:
    text = line[span.start : span.end]
    if (
        in_code(line, span)
        or "example" in text
        or line[span.start - 1 : span.start] == "@"
        or re.match(r"\s*[A-Z][\w-]{1,20}: ?", line)
    ):
        return 0.0
    if text.strip()[-1:] in ")>]" and "protected]" not in text:
        return 0.9
    return (
        0.1 if _NEEDS_PLACE.search(re.sub(r"(?i)contact|e-?mail(?:ing)?|write|us", "at", line[: span.start])) else 0.9
    )


_ABBREVIATION = re.compile(r"\b(?:vol|no|nos|fig|figs|pp|sec|ver|art|ch|eq|par|col|ed|ref|app)[.,]$", re.IGNORECASE)
# a[1], git-commit[1], f([1]
_IDENTIFIER = re.compile(r"(?:^|[^\w'’])[A-Za-z]$|\bgit[\w-]+$|[\w)]\($")
_INTERVAL = re.compile(r"\[\s?(?:0\s?,|\d{1,3}\s?,\s?(?:0|1)\s?\])|\b(?:interval|range|between|index|array|vector)\b")


def _citation(line: str, span: Candidate) -> float | None:
    text, left = line[span.start : span.end].strip(), line[: span.start].rstrip()
    if text[0] == "[":
        return _bracketed(line, span, text, left)
    if text[0].isdigit() and text.isascii():
        return 0.0 if _ABBREVIATION.search(left) else 0.9
    # Tells x², m³ and 10⁶ from "tuition⁷" and "plans.²": units and variables are short.
    return 1.0 if re.search(r"[^\W\d_]{4,}$|[.,;:!?”\")]$", left) and not in_code(line, span) else 0.0


def _bracketed(line: str, span: Candidate, text: str, left: str) -> float | None:
    if text[1:].startswith(
        ("edit", "citation", "clarification", "page needed", "who", "when", "better", "note ", "nb ")
    ):
        return 1.0
    nearby = line[max(0, span.start - 60) : span.end]
    if not left or in_code(line, span) or _INTERVAL.search(nearby) or _IDENTIFIER.search(left):
        return 0.0
    if re.fullmatch(r"\[[a-z]\]", text):
        after_mark = not line[span.start].isspace() and text not in ("[s]", "[i]", "[j]", "[k]", "[n]", "[x]", "[t]")
        return 1.0 if after_mark else 0.0
    return 1.0


_TABLE = re.compile(r"^\s*\|.*\||^\s*[+|][-=+|:\s]+$|^\s*(?:#|//|/\*|--|;|%)|>8|-\+-|=\+=|\w\|\|")


def _separator(line: str, span: Candidate) -> float | None:
    text = line[span.start : span.end].strip()
    if text[0] != "." and (_TABLE.search(line) or in_code(line, span)):
        return 0.0
    return None if text[0] == "_" else 1.0


def _invisible(line: str, span: Candidate) -> float | None:
    return 0.0 if "<" in line and in_code(line, span) else 1.0


def _advertisement(line: str, span: Candidate) -> float | None:
    text = line[span.start : span.end]
    return 1.0 if "ADVERTISEMENT" in text and not in_code(line, span) else _alone(line, span)


def _link_note(line: str, span: Candidate) -> float | None:
    text = line[span.start : span.end].lower()
    if in_code(line, span):
        return 0.0
    if "…" in text or "..." in text:
        return 0.0 if line.lstrip()[:1] in "\"“'‘>" else 0.9
    return 1.0 if "(" in text and "pdf)" not in text else _alone(line, span)


def _credit(line: str, span: Candidate) -> float | None:
    text = line[span.start : span.end]
    if "/" in text and not in_code(line, span) and re.search(r"Getty|AFP|AP|Reuters|Shutterstock", text):
        return 1.0
    return _alone(line, span)


def _timestamp(line: str, span: Candidate) -> float | None:
    return 1.0 if re.search(r"\bread\b", line[span.start : span.end]) else _alone(line, span)


def _alone(line: str, span: Candidate) -> float | None:
    """Judge whether the span stands by itself: between sentences or separators, not in the middle of a sentence."""
    if in_code(line, span):
        return 0.0
    left, right = line[: span.start].rstrip(), line[span.end :].lstrip()
    opens = not left or left[-1] in ".!?…”\"'’|•·»)]"
    closes = not right or right[0].isupper() or right[0] in '|•·»“"([' or (right[0] in ".!" and opens)
    return float(opens) if opens == closes else None


_RULES: dict[NoiseKind, Callable[[str, Candidate], float | None]] = {
    NoiseKind.URL: _url,
    NoiseKind.EMAIL: _email,
    NoiseKind.CITATION: _citation,
    NoiseKind.SHARE: _alone,
    NoiseKind.ADVERTISEMENT: _advertisement,
    NoiseKind.SEPARATOR: _separator,
    NoiseKind.CALL_TO_ACTION: _alone,
    NoiseKind.LINK_NOTE: _link_note,
    NoiseKind.CREDIT: _credit,
    NoiseKind.TIMESTAMP: _timestamp,
    NoiseKind.RELATED: _alone,
    NoiseKind.INVISIBLE: _invisible,
}
