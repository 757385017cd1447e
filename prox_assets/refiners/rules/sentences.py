"""Sentence ends in the world's scripts: the marks, and the characters that may follow such a mark.

C4 and FineWeb know the English marks: . ? ! and quotes (`published_rules`). line_labels/surroundings.py has its own
list, which refiners were trained with.
"""

import re
import unicodedata

# Unicode's property Sentence_Terminal (Unicode 17), as the inside of a regex character class.
_SENTENCE_TERMINAL = (
    "!.?\u0589\u061d-\u061f\u06d4\u0700-\u0702\u07f9\u0837\u0839\u083d\u083e\u0964\u0965\u104a\u104b\u1362\u1367\u1368"
    "\u166e\u1735\u1736\u17d4\u17d5\u1803\u1809\u1944\u1945\u1aa8-\u1aab\u1b4e\u1b4f\u1b5a\u1b5b\u1b5e\u1b5f"
    "\u1b7d-\u1b7f\u1c3b\u1c3c\u1c7e\u1c7f\u2024\u203c\u203d\u2047-\u2049\u2cf9-\u2cfb\u2e2e\u2e3c\u2e53\u2e54\u2e60"
    "\u2e61\u3002\ua4ff\ua60e\ua60f\ua6f3\ua6f7\ua876\ua877\ua8ce\ua8cf\ua92f\ua9c8\ua9c9\uaa5d-\uaa5f\uaaf0\uaaf1"
    "\uabeb\ufe12\ufe15\ufe16\ufe52\ufe56\ufe57\uff01\uff0e\uff1f\uff61\U00010a56\U00010a57\U00010f55-\U00010f59"
    "\U00010f86-\U00010f89\U00011047\U00011048\U000110be-\U000110c1\U00011141-\U00011143\U000111c5\U000111c6\U000111cd"
    "\U000111de\U000111df\U00011238\U00011239\U0001123b\U0001123c\U000112a9\U000113d4\U000113d5\U0001144b\U0001144c"
    "\U000115c2\U000115c3\U000115c9-\U000115d7\U00011641\U00011642\U0001173c-\U0001173e\U00011944\U00011946\U00011a42"
    "\U00011a43\U00011a9b\U00011a9c\U00011c41\U00011c42\U00011ef7\U00011ef8\U00011f43\U00011f44\U00016a6e\U00016a6f"
    "\U00016af5\U00016b37\U00016b38\U00016b44\U00016d6e\U00016d6f\U00016e98\U0001bc9f\U0001da88"
)
# Marks missing from that property: ellipses, the Greek question mark, sof pasuq, Tibetan shads, the last Khmer and Thai
# marks, and exclamation and question marks drawn as emoji.
_MORE_TERMINALS = "…‥⋯\ufe19\u037e\u05c3\u0f08\u0f0d-\u0f12\u0f14\u17da\u0e5a\u0e5b\u2753-\u2755\u2757"
_TERMINALS = _SENTENCE_TERMINAL + _MORE_TERMINALS
"""Marks that end a sentence, as the inside of a regex character class, like the other strings of characters here."""
# Keyboards lack some of these characters. On the web, a Greek question ends with a semicolon, an Armenian sentence with
# a colon, and an Amharic one with two word separators.
_GREEK, _ARMENIAN = "[\u0370-\u03ff\u1f00-\u1fff]", "[\u0531-\u0587]"
_STAND_INS = f"(?<={_GREEK});|(?<={_ARMENIAN}):|\u1361\u1361"
"""Pattern of the stand-ins for such a mark, after a letter of their script."""
_STAND_IN_STARTS = ";:\u1361"
"""The characters that the stand-ins begin with, as the inside of a regex character class."""
_STAND_IN_RESTS = f"(?<={_GREEK};)|(?<={_ARMENIAN}:)|(?<=\u1361)\u1361"
"""The same pattern, for a position just after the first character."""
_QUOTES = "\"'“”‘’»」』｣〞〟﹂﹄＂＇\u05f4"
"""Quotes that count as the end of a line, as in C4. Which quote closes depends on the language: „so“. Quotes that
double as menu arrows (›, «) may follow a mark, but do not count as an end by themselves."""
_ASCII_BEHIND = r")\]}*_\x00-\x08\x0e-\x1b\x7f"
"""ASCII that may follow an end: brackets, emphasis marks, and control characters other than white space."""
_REMARK_CHARACTERS = 40
"""Longest remark in brackets after an end: [1], [citation needed], [Quelle?]. A limit on length, because no list of
words would cover every wiki."""
_REMARK_BRACKETS = {"]": "[", "］": "［", "】": "【", "〕": "〔"}

_FOOTNOTE_MARKS = "†‡§¶↑↩⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾ᵃᵇᶜᵈᵉ\ufffd"
_EMOJI = "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_BEHIND = re.compile(rf"[\s{_ASCII_BEHIND}{_FOOTNOTE_MARKS}{_EMOJI}]")
# Closing punctuation, quotes, combining marks (variation selectors), invisible characters.
_CATEGORIES_BEHIND = frozenset({"Pe", "Pf", "Pi", "Mn", "Me", "Cf", "Cc"})

_END = re.compile(f"[{_TERMINALS}{_QUOTES}]")
_STAND_IN = re.compile(_STAND_INS)
_SENTENCE_END = re.compile(
    # The pattern begins with a character class, so the search skips all other characters quickly: a third of the time.
    # A run of marks is examined once, from its first mark on.
    rf"[{_TERMINALS}{_STAND_IN_STARTS}](?:(?<=[{_TERMINALS}])(?<![{_TERMINALS}].)[{_TERMINALS}]*|{_STAND_IN_RESTS})"
    rf"(?:[{_QUOTES}{_ASCII_BEHIND}]|\[[^\[\]\n]{{1,{_REMARK_CHARACTERS}}}\])*"
    r"(?=\s|$|[^\x00-\x7f])"
)
# Thai and Lao end a sentence with a space, if at all.
_WITHOUT_FULL_STOP = re.compile("[\u0e00-\u0eff]")


def count_sentences(text: str) -> int:
    """Return the number of sentence ends: marks before white space, a non-ASCII character or the end of the text."""
    return len(_SENTENCE_END.findall(text))


def ends_sentence(line: str) -> bool:
    """Return whether a line ends in a sentence mark or a quote.

    Characters that may follow such a mark are skipped: brackets, footnote and citation marks, emoji, white space, and
    invisible characters such as direction marks.
    """
    end, remark = len(line), -1
    while end:
        character = line[end - 1]
        if _END.match(character):
            return True
        if character in _REMARK_BRACKETS:
            remark = line.rfind(_REMARK_BRACKETS[character], max(0, end - _REMARK_CHARACTERS - 2), end)
        if _may_stand_behind(character):
            end -= 1
        elif any(_STAND_IN.fullmatch(line, end - length, end) for length in (1, 2) if length <= end):
            return True
        elif remark >= 0:
            end, remark = remark, -1
        else:
            return False
    return False


def has_no_full_stops(text: str) -> bool:
    """Return whether most of a text is in a script whose sentences end without a mark."""
    return not text.isascii() and 2 * len(_WITHOUT_FULL_STOP.findall(text)) > sum(map(len, text.split()))


def _may_stand_behind(character: str) -> bool:
    """Return whether a sentence end still counts as one with this character after it."""
    if _BEHIND.match(character):
        return True
    return not character.isascii() and unicodedata.category(character) in _CATEGORIES_BEHIND
