"""Tables over the first 65,536 code points, from which the features of lines are looked up.

Characters beyond them (most emoji, rare ideographs) count as U+FFFF, a character of no class.
"""

from functools import cache

import numpy as np

from prox_assets.programs.words import UNSPACED

CODE_POINTS = 1 << 16
LAST = CODE_POINTS - 1
DIGIT = ord("0")
SPACE = ord(" ")

# A letter of a script without spaces is a word of its own; this bit marks it in the table of word characters.
UNSPACED_BIT = np.uint32(1 << 31)

# The classes that are counted in a line. A character may belong to one class of each group of eight, whose counts share
# a 64-bit number: a byte each, enough for the characters that are read of a line (`lines.HEAD` and `lines.TAIL`).
CLASSES: tuple[str, ...] = (
    *("upper", "lower", "digit", "other_letter", "unspaced", "space", "symbol", "mark"),
    *("comma", "sentence_end", "separator", "colon", "at_or_money", "bracket", "quote", "code"),
)
_SECOND_GROUP: dict[str, str] = {
    "comma": ",،、，;；",
    "sentence_end": ".!?。！？।؟۔…",
    "separator": "|•·»›/\\«‹→←▸►■●–—-*",
    "colon": ":：",
    "at_or_money": "@©®™$€£¥₹%#",
    "bracket": "()[]（）【】",
    "quote": "\"'“”‘’„`「」『』",
    "code": "{}<>=+_&;~^",
}


@cache
def folded() -> np.ndarray:
    """Return each character in lower case, digits as "0" and white space as " ": uint32 of shape (65536,)."""
    table = np.arange(CODE_POINTS, dtype=np.uint32)
    for code in range(CODE_POINTS):
        character = chr(code)
        if character.isspace():
            table[code] = SPACE
        elif character.isdecimal():
            table[code] = DIGIT
        elif len(lower := character.lower()) == 1:
            table[code] = min(ord(lower), LAST)
    return table


@cache
def word_values() -> np.ndarray:
    r"""Return the folded character where it belongs to words (`\w`), else 0: uint32 of shape (65536,)."""
    table = folded().copy()
    for code in range(CODE_POINTS):
        character = chr(code)
        if not (character.isalnum() or character == "_" or _is_mark(character)):
            table[code] = 0
        elif UNSPACED.match(character):
            table[code] |= UNSPACED_BIT
    return table


@cache
def class_counts() -> tuple[np.ndarray, np.ndarray]:
    """Return two tables of uint64, shape (65536,): a one in the byte of each class that the character belongs to."""
    first = np.zeros(CODE_POINTS, dtype=np.uint64)
    second = np.zeros(CODE_POINTS, dtype=np.uint64)
    for code in range(CODE_POINTS):
        first[code] = 1 << (8 * CLASSES.index(_first_class(chr(code))))
    # A line break parts lines and counts nowhere.
    first[ord("\n")] = 0
    for name, characters in _SECOND_GROUP.items():
        for character in characters:
            second[ord(character)] = 1 << (8 * (CLASSES.index(name) - 8))
    return first, second


@cache
def class_codes() -> np.ndarray:
    """Return the place in `CLASSES` of each character's class, of the second group if any: uint8 of shape (65536,)."""
    first, second = class_counts()
    table = np.zeros(CODE_POINTS, dtype=np.uint8)
    for number in range(len(CLASSES)):
        counts = first if number < 8 else second
        table[counts == np.uint64(1 << (8 * (number % 8)))] = number
    return table


def _first_class(character: str) -> str:
    if UNSPACED.match(character):
        return "unspaced"
    if character.isspace():
        return "space"
    if character.isdecimal():
        return "digit"
    if character.isupper():
        return "upper"
    if character.islower():
        return "lower"
    if character.isalpha():
        return "other_letter"
    return "mark" if _is_mark(character) else "symbol"


def _is_mark(character: str) -> bool:
    import unicodedata

    return unicodedata.category(character) in ("Mn", "Mc")
