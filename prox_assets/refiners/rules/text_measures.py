"""What the rules measure: words and lengths, in scripts with and without spaces.

A word is a run of characters between white space, as Gopher, C4 and FineWeb count words in English. By that count a
line in a script without spaces would be a single word, and every rule would delete it. In such scripts two characters
count as one word, which is about the mean length of a Chinese word, and one character counts as two letters of width.
A character that is a syllable, as in Korean or Amharic, counts as two letters of width as well.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from prox_assets.programs.words import UNSPACED

# Scripts in which one character is a syllable: Hangul, Ethiopic, Cherokee, Canadian syllabics, Vai.
_SYLLABLE = re.compile(
    "[\uac00-\ud7a3\u1200-\u135a\u1380-\u138f\u2d80-\u2dde\uab01-\uab2e\u13a0-\u13fd\uab70-\uabbf\u1401-\u166c"
    "\u166f-\u167f\ua500-\ua60c]"
)
# Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic, Syriac, Thaana, N'Ko, Georgian, and their presentation forms.
_ALPHABET = re.compile(
    "[A-Za-z\u00aa-\u02af\u0370-\u052f\u0531-\u0588\u05d0-\u05f2\u0620-\u064a\u066e-\u06ff\u0710-\u072f\u074d-\u07ea"
    "\u08a0-\u08c9\u10a0-\u10ff\u1c80-\u1cbf\u1d00-\u1dbf\u1e00-\u1fff\u2c60-\u2c7f\u2d00-\u2d2d\u2de0-\u2dff"
    "\ua640-\ua69f\ua722-\ua7ff\uab30-\uab6b\ufb00-\ufdff\ufe70-\ufefc]"
)
_LATIN = re.compile("[A-Za-z\u00aa-\u024f\u1e00-\u1eff]")
_ACCENT = re.compile("[\u0300-\u036f]")
# Soft hyphens, joiners, marks of direction, byte order marks.
_UNSEEN = "\u00ad\u034f\u061c\u180e\ufeff" + "".join(
    map(chr, (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)))
)
_UNSEEN_OR_SPACE = _UNSEEN + "".join(filter(str.isspace, map(chr, range(0x3001))))
_UNSEEN_CHARACTER = re.compile(f"[{_UNSEEN}]")
# Marks written into words that are not letters: accents, Hebrew and Arabic points, and the stroke that lengthens Arabic
# words.
_POINTS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0730-\u074a\u07a6-\u07b0]"
)


@dataclass(frozen=True, slots=True)
class LetterCounts:
    """How many letters a text has, by kind.

    Attributes:
        letters: All letters.
        alphabetic: Letters of alphabets, in which a letter is a sound, not a syllable or a word.
        latin: Letters of the Latin alphabet.
        other_latin: Latin letters, and separate accents, that do not belong to the given language.
    """

    letters: int
    alphabetic: int
    latin: int
    other_latin: int


def count_letters(text: str, words: Collection[str] = ()) -> LetterCounts:
    """Count the letters of a text by kind.

    Args:
        text: The text.
        words: Words of a language; its letters are the letters of these words, and a to z.
    """
    own = frozenset(ascii_lowercase).union(*words, *(unicodedata.normalize("NFD", word) for word in words))
    letters = alphabetic = latin = other_latin = 0
    for character, count in Counter(text.lower()).items():
        if character.isalpha():
            letters += count
            alphabetic += count if _ALPHABET.match(character) else 0
            if _LATIN.match(character):
                latin += count
                other_latin += count if character not in own else 0
        elif _ACCENT.match(character) and character not in own:
            other_latin += count
    return LetterCounts(letters, alphabetic, latin, other_latin)


def visible_lines(text: str) -> list[str]:
    """Return the lines of a text without invisible characters at their ends: carriage returns, direction marks, ...

    Indentation stays.
    """
    lines = text.split("\n")
    if text.isascii() and "\r" not in text:
        return lines
    return [line.rstrip(_UNSEEN_OR_SPACE).lstrip(_UNSEEN) for line in lines]


def without_unseen(text: str) -> str:
    """Return a text without soft hyphens, joiners, direction marks and the like anywhere in it."""
    return text if text.isascii() else _UNSEEN_CHARACTER.sub("", text)


def mean_word_length(words: Sequence[str]) -> float:
    """Return the mean length of words in characters, not counting accents and points.

    Args:
        words: At least one word.
    """
    joined = "".join(words)
    return len(joined if joined.isascii() else _POINTS.sub("", joined)) / len(words)


def width(line: str) -> int:
    """Return the length of a line in letters; syllables and characters of scripts without spaces count as two."""
    return len(line) + (0 if line.isascii() else len(UNSPACED.findall(line)) + len(_SYLLABLE.findall(line)))
