"""Which scripts a text is written in: Latin, Cyrillic, Khmer, ...

Refiners are trained on some scripts and abstain from the others; `monitoring` counts documents by script. The names of
scripts and what counts as Japanese are defined here for both.
"""

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from functools import lru_cache
from itertools import chain

OUTSIDE_TRAINING = "outside_training"
"""Why a text was not shown to a refiner: its script is none of those that the refiner was trained on."""

# Raise this when texts are given to other scripts: refiners then abstain from other texts.
SCRIPTS_VERSION = 1

LATIN = "latin"
HAN = "han"
KANA = "kana"

# Japanese is written in both: one kana for this many Han characters is enough to say so.
HAN_PER_KANA = 10
# Counting all letters of a long page says no more. The slices are spread over the text, because menus and notices at
# the top of a page are often in another script than what follows.
SAMPLE_CHARACTERS = 2_000
SAMPLE_SLICES = 8

# "Ohm" and "planck" are first words too, of few letters each; the smallest script in the plane has 16.
_LEAST_LETTERS = 16
# First words of the Unicode names of letters that do not name a script. Letters without one belong to all.
_SCRIPT_WORDS = {
    "CJK": HAN,
    "IDEOGRAPHIC": HAN,
    "HIRAGANA": KANA,
    "KATAKANA": KANA,
    "HENTAIGANA": KANA,
    "FEMININE": LATIN,
    "MASCULINE": LATIN,
    **dict.fromkeys(("", "MODIFIER", "MATHEMATICAL", "DOUBLE-STRUCK", "SCRIPT", "BLACK-LETTER", "MICRO"), None),
}


@lru_cache(maxsize=1 << 14)
def script_of(character: str) -> str | None:
    """Return the script of a character, such as "latin" or "khmer"; None for what is no letter or belongs to no script.

    It is the first word of the character's Unicode name in lower case, save for "han" and "kana". For letters of
    scripts in use today this agrees with the Unicode property Script.
    """
    if not character.isalpha():
        return None
    words = unicodedata.name(character, "").partition(" ")
    word = words[2].partition(" ")[0] if words[0] in ("FULLWIDTH", "HALFWIDTH") else words[0]
    return _SCRIPT_WORDS.get(word, word.lower())


def letters_by_script(text: str) -> Counter[str]:
    """Count the letters of a text, or of a sample of a long one, by script.

    The Han characters of a Japanese text count as kana.
    """
    if text.isascii():
        return Counter({LATIN: sum(map(str.isalpha, _sample(text)))})
    counts: Counter[str] = Counter()
    for character, count in Counter(_sample(text)).items():
        script = script_of(character)
        if script is not None:
            counts[script] += count
    if HAN_PER_KANA * counts[KANA] >= counts[HAN] > 0:
        counts[KANA] += counts.pop(HAN)
    return counts


def main_script(text: str) -> str | None:
    """Return the script of most letters of a text; None if it has no letters."""
    [(script, count)] = letters_by_script(text).most_common(1) or [(None, 0)]
    return script if count else None


def is_mostly_outside(text: str, scripts: Collection[str]) -> bool:
    """Return whether more than half of a text's letters are in none of these scripts; a text without letters is not."""
    if text.isascii() and LATIN in scripts:
        return False
    counts = letters_by_script(text)
    return 2 * sum(count for script, count in counts.items() if script not in scripts) > counts.total()


def unknown_scripts(names: Iterable[str]) -> list[str]:
    """Return the names that `script_of` gives to no script of the Basic Multilingual Plane, sorted."""
    return sorted(name for name in set(names) - {LATIN, HAN, KANA} if name not in _known_scripts())


@lru_cache(maxsize=1)
def _known_scripts() -> frozenset[str]:
    # Han and Hangul fill most of the plane, and need no search.
    letters = filter(str.isalpha, map(chr, chain(range(0x3400), range(0xA000, 0xAC00), range(0xD7B0, 0x10000))))
    counts = Counter(script_of.__wrapped__(letter) for letter in letters)
    return frozenset(name for name, count in counts.items() if name is not None and count >= _LEAST_LETTERS)


def _sample(text: str) -> str:
    if len(text) <= SAMPLE_CHARACTERS:
        return text
    step, size = len(text) // SAMPLE_SLICES, SAMPLE_CHARACTERS // SAMPLE_SLICES
    return "".join(text[start : start + size] for start in range(0, step * SAMPLE_SLICES, step))
