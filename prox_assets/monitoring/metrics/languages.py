"""Which language a text seems to be in: good enough to compare shards, not to identify a language.

A text counts towards the script of most of its letters. A Latin text counts towards the language whose commonest words
it uses most. This needs no model, and it moves when the mix of languages in a corpus does.
"""

import polars as pl

from prox_assets.programs.scripts import HAN, HAN_PER_KANA, KANA, LATIN

# Enough to tell; the whole of a long page says no more and costs more.
HEAD_CHARACTERS = 2_000
MIN_FUNCTION_WORDS = 3
UNKNOWN = "unknown"

# Scripts of programs/scripts.py by their Unicode names, as the regex engine of polars knows them. Another one would
# look like a new mix of languages in every corpus that has it, whose documents have been counted as unknown so far.
SCRIPTS = {
    LATIN: r"\p{Latin}",
    "cyrillic": r"\p{Cyrillic}",
    "greek": r"\p{Greek}",
    "arabic": r"\p{Arabic}",
    "hebrew": r"\p{Hebrew}",
    "devanagari": r"\p{Devanagari}",
    "thai": r"\p{Thai}",
    "hangul": r"\p{Hangul}",
    KANA: r"[\p{Hiragana}\p{Katakana}]",
    HAN: r"\p{Han}",
}

# Articles, prepositions, conjunctions, forms of "to be": a dozen of the commonest words of each language. Words
# that two languages share count for both; the sum over the dozen still tells them apart.
FUNCTION_WORDS = {
    "english": ("the", "of", "and", "to", "in", "is", "that", "for", "it", "with", "was", "are"),
    "german": ("der", "die", "und", "das", "den", "von", "zu", "mit", "ist", "nicht", "ein", "auf"),
    "french": ("le", "les", "et", "des", "est", "dans", "une", "pour", "que", "du", "sur", "pas"),
    "spanish": ("el", "los", "las", "y", "en", "que", "del", "por", "con", "una", "para", "es"),
    "italian": ("il", "di", "che", "e", "la", "per", "non", "una", "della", "sono", "con", "nel"),
    "portuguese": ("o", "os", "e", "que", "do", "da", "em", "um", "para", "com", "uma", "não"),
    "dutch": ("de", "het", "een", "van", "en", "dat", "niet", "met", "voor", "zijn", "op", "aan"),
    "polish": ("w", "i", "na", "z", "się", "nie", "do", "to", "jest", "że", "o", "jak"),
    "turkish": ("ve", "bir", "bu", "da", "de", "için", "ile", "çok", "olarak", "daha", "olan", "gibi"),
    "vietnamese": ("và", "của", "là", "có", "cho", "được", "trong", "các", "một", "không", "với", "những"),
}


def language_of(text: str = "text") -> pl.Expr:
    """Return an expression for the signature of a string column: a key of SCRIPTS or FUNCTION_WORDS, or UNKNOWN.

    A text without letters, and a Latin one with fewer than MIN_FUNCTION_WORDS of every language, is UNKNOWN.
    """
    head = pl.col(text).str.slice(0, HEAD_CHARACTERS)
    letters = {name: head.str.count_matches(pattern).cast(pl.Float64) for name, pattern in SCRIPTS.items()}
    letters[KANA] = HAN_PER_KANA * letters[KANA]
    script = _largest(letters, at_least=1)
    lower = head.str.to_lowercase()
    words = {
        language: lower.str.count_matches(rf"\b(?:{'|'.join(words)})\b").cast(pl.Float64)
        for language, words in FUNCTION_WORDS.items()
    }
    return pl.when(script == LATIN).then(_largest(words, at_least=MIN_FUNCTION_WORDS)).otherwise(script)


def _largest(counts: dict[str, pl.Expr], at_least: int) -> pl.Expr:
    most = pl.max_horizontal(*counts.values())
    chosen = pl.when(most < at_least).then(pl.lit(UNKNOWN))
    for name, count in counts.items():
        chosen = chosen.when(count == most).then(pl.lit(name))
    return chosen.otherwise(pl.lit(UNKNOWN))
