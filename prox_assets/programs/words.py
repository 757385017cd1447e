"""Words: their boundaries (`ExecutionPolicy.whole_words`) and their number, in scripts with and without spaces."""

import re
import unicodedata

# Letters of scripts that are written without spaces between words. Korean is not among them.
UNSPACED = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u0f00-\u109f"  # Tibetan, Myanmar
    "\u1780-\u17ff\u1980-\u19ff\u1a20-\u1aaf"  # Khmer, New Tai Lue, Tai Tham
    "\u1b00-\u1b7f\ua980-\ua9df"  # Balinese, Javanese
    "\u3005-\u3007\u3031-\u303c\u3040-\u30ff\u3100-\u312f\u31a0-\u31ff"  # CJK marks, Hiragana, Katakana, Bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"  # Han, halfwidth Katakana
    "\ua000-\ua4cf"  # Yi
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"  # Kana extensions, Han extensions
    "]"
)
UNSPACED_CHARACTERS_PER_WORD = 2
"""About the mean length of a Chinese word."""
_ETHIOPIC_WORD_SPACE = "\u1361"


def unspaced_characters(text: str) -> int:
    """Return the number of characters of scripts written without spaces."""
    return 0 if text.isascii() else len(UNSPACED.findall(text))


def count_words(text: str) -> int:
    """Return the number of words: runs between white space, plus half the characters of scripts without spaces."""
    unspaced = unspaced_characters(text)
    if _ETHIOPIC_WORD_SPACE in text:
        text = text.replace(_ETHIOPIC_WORD_SPACE, " ")
    if not unspaced:
        return len(text.split())
    return len(UNSPACED.sub(" ", text).split()) + -(-unspaced // UNSPACED_CHARACTERS_PER_WORD)


def cuts_word(text: str, position: int) -> bool:
    """Return whether a boundary before `text[position]` would lie inside a word, a number or a combined character.

    Two letters belong to one word, unless a lower-case letter is followed by an upper-case one ("ClickHere": two words
    that lost their space) or one of them is from a script without spaces. Two digits belong to one number. A combining
    mark belongs to the character before it.
    """
    if not 0 < position < len(text):
        return False
    left, right = text[position - 1], text[position]
    if left.isalpha() and right.isalpha():
        if left.islower() and right.isupper():
            return False
        return not (UNSPACED.match(left) or UNSPACED.match(right))
    if left.isdigit() and right.isdigit():
        return True
    return not right.isascii() and not left.isspace() and unicodedata.category(right).startswith("M")
