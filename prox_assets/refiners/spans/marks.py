"""Patterns of marks: noise that consists of signs and addresses rather than words.

These are URLs, e-mail addresses, citation marks, separators, notes on links, and invisible characters. patterns.py
states the rules for all patterns.
"""

import re

from prox_assets.refiners.spans.invisible import JOINERS

URL_MAX_CHARACTERS = 1_000
URL = re.compile(
    r"(?:(?<![^\W_])(?:https?|ftp)://|(?<![\w@/-])(?:www\.(?=[\w-])"
    r"|(?:pic\.twitter\.com|pic\.x\.com|t\.co|bit\.ly|youtu\.be|amzn\.to|goo\.gl|tinyurl\.com|ow\.ly|fb\.me)/(?=\w)))"
    # Direction controls stand around a URL, never inside it.
    rf"[^\s<>\"“”|{{}}\\^`\u202a-\u202e\u2066-\u2069]{{1,{URL_MAX_CHARACTERS}}}+",
    re.IGNORECASE,
)
EMAIL = re.compile(
    r"(?<![\w.+@-])[\w.+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,4}+(?<!\.)|\[e-?mail\s?protected\]", re.IGNORECASE
)

_MARK = r"""\[(?:
      \d{1,3}(?:\s?[,;–-]\s?\d{1,3}){0,5} | [a-z](?=\](?!\w)) | (?:note|nb|n|ref|fn)\s?\d{1,2}
    | edit(?:\ssource)? | (?:better\s|full\s)?(?:citation|source|verification|clarification|page|quote)s?\sneeded
    | original\sresearch\?? | dubious(?:\s[–-]\sdiscuss)? | according\sto\swhom\? | by\swhom\? | clarify | update
    | who\? | when\? | why\? | where\? | which\? | failed\sverification | permanent\sdead\slink | dead\slink
    )\]"""
_SUPERSCRIPT = "[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]"
CITATION = re.compile(
    rf"""{_MARK}(?:\s?{_MARK}){{0,9}}
    | {_SUPERSCRIPT}{{1,3}}(?:[,⁾]{_SUPERSCRIPT}{{1,3}}){{0,4}} | \u207d{_SUPERSCRIPT}{{1,3}}\u207e
    | \d(?<=[a-z]{{3}}[.,”"]\d)\d?(?:,\d{{1,2}}){{0,3}}(?=\s{{1,3}}[A-Z“"]|\s{{0,3}}$)""",
    re.VERBOSE,
)
SEPARATOR = re.compile(
    r"""-{4,}+ | [–—]{3,}+ | ={4,}+ | ~{4,}+ | _{10,}+ | [.…]{5,}+ | …[.…]++ | (?:\.\s){4,}+\.? | \|{3,}+
    | (?<![\w*])\*{3,}+(?![\w*]) | (?<![\w*])\*(?:\s\*){2,}+ | [•●▪◆■]{2,}+ | [·]{3,}+
    | \|(?:\s{1,4}\|)+ | •(?:\s{1,4}•)+ | ·(?:\s{1,4}·)+ | »(?:\s{0,4}»)+ | ›(?:\s{0,4}›)+ | [–—](?:\s[–—])+
    | >(?:\s>)+ | /(?:\s/)+ | -(?:\s-){2,}+
    | [|»›→·•►▼▶↓](?<=\s[|»›→·•►▼▶↓])(?=\s*+$) | ^\s{0,64}[|»›](?=\s\S)""",
    re.VERBOSE,
)
LINK_NOTE = re.compile(
    r"""\((?:(?:this\s)?(?:link\s|external\slink,?\s)?(?:will\s)?opens?\s(?:in\s)?(?:a\s)?new\s(?:window|tab|browser\swindow)
      |(?:external|offsite)\slink|link\sis\sexternal|new\swindow|pdf(?:,?\s[\d.]{1,6}\s?[km]b)?|link)\)
    | \[(?:pdf|link|image|photo|video|embed|gallery|\+|show|hide|expand|close|external\slink|archived?|download)\]
    | opens\sin\s(?:a\s)?new\s(?:window|tab) | \[(?:…|\.\.\.)\](?=\s*+$)""",
    re.IGNORECASE | re.VERBOSE,
)

_HIDDEN = "\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
INVISIBLE = re.compile(
    rf"[{_HIDDEN}{JOINERS}]++"
    # A single replacement character beside a letter was a letter or an apostrophe: removing it would not help.
    r"|\ufffd{2,}+|\ufffd(?<![^\W\d_].)(?![^\W\d_])"
)
