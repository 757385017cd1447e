"""What the rules count: words, lengths, sentences and terminal punctuation, for scripts with and without spaces.

A word is a run of characters between white space (Gopher, C4 and FineWeb all count words so for English). Scripts that
are written without spaces would then be one word a line, and every rule would delete them; in them two characters count
as one word, which is about the mean length of a Chinese word, and one character as two letters of width.
"""

import re

from prox_assets.programs.words import UNSPACED

UNSPACED_CHARACTERS_PER_WORD = 2

# C4 and FineWeb know . ? ! and quotes; the rest is the same marks in other scripts, and closing brackets after them.
TERMINAL = tuple(".?!…\"'”’»。！？｡」』؟۔।॥።။។៕།༎։")
CLOSING = ")]}）】"
SENTENCE_END = re.compile(r"[.?!…。！？｡؟۔।॥።။។៕།༎։]+[\"'”’»)\]」』）]*(?=\s|$|[^\x00-\x7f])")

# Thai and Lao end a sentence with a space, if with anything.
_WITHOUT_FULL_STOP = re.compile("[\u0e00-\u0eff]")


def has_no_full_stops(text: str) -> bool:
    """Return whether most of a text is in a script whose sentences end without a mark."""
    return not text.isascii() and 2 * len(_WITHOUT_FULL_STOP.findall(text)) > sum(map(len, text.split()))


def unspaced_characters(text: str) -> int:
    """Return the number of characters of scripts written without spaces."""
    return 0 if text.isascii() else len(UNSPACED.findall(text))


def count_words(text: str) -> int:
    """Return the number of words: white-space separated runs, and half the characters of scripts without spaces."""
    unspaced = unspaced_characters(text)
    if not unspaced:
        return len(text.split())
    return len(UNSPACED.sub(" ", text).split()) + -(-unspaced // UNSPACED_CHARACTERS_PER_WORD)


def count_sentences(text: str) -> int:
    """Return the number of sentence ends: terminal punctuation before white space or the end of the text."""
    return len(SENTENCE_END.findall(text))


def ends_sentence(line: str) -> bool:
    """Return whether a line ends in terminal punctuation, closing brackets aside."""
    return line.rstrip().rstrip(CLOSING).endswith(TERMINAL)


def width(line: str) -> int:
    """Return the length of a line in letters: a character of a script without spaces counts as two."""
    return len(line) + unspaced_characters(line)
