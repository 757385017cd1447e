"""A page as the document rules measure it: by the published definitions, or by ones that fit its script.

Gopher and FineWeb define words and lengths for English. Measured that way, a page in Chinese would be dropped for the
length of its words, so pages in other scripts and languages are measured by text_measures.py.
"""

from collections import Counter
from collections.abc import Collection

from prox_assets.programs.words import count_words, unspaced_characters
from prox_assets.published_rules.texts import published_lines, published_words
from prox_assets.refiners.rules.text_measures import (
    LetterCounts,
    count_letters,
    mean_word_length,
    visible_lines,
    width,
    without_unseen,
)

# Largest share of Latin letters from outside the stop words' language. Measured against English, German has 2 % of
# them, French 4, Polish 8, Czech 14, Vietnamese 30.
MAX_OTHER_LATIN = 0.1


def measured(text: str, stop_words: Collection[str]) -> "Page":
    """Measure a page, by the published definitions where they fit it.

    They fit a page without invisible characters, most of whose letters are Latin, with at most a tenth of those unknown
    to the stop words' language. `monitoring.signals` then measures the same.
    """
    counts = count_letters(text, stop_words)
    has_stop_words = 2 * counts.latin > counts.letters and counts.other_latin <= MAX_OTHER_LATIN * counts.latin
    if has_stop_words and without_unseen(text) == text:
        return Page(text)
    return PageByScript(text, counts, has_stop_words)


class Page:
    """A page measured by the published definitions.

    Attributes:
        text: The whole page.
        lines: Its lines, stripped, without blank ones.
        words: Its words.
        word_count: How many words it has; in scripts without spaces more than `words`.
        has_words: Whether runs between white space are words, so that their lengths and n-grams mean something.
        has_stop_words: Whether the page may be in the stop words' language.
    """

    has_words = True
    has_stop_words = True

    def __init__(self, text: str) -> None:
        """Cut a text into lines and words."""
        self.text = text
        self.lines = published_lines(text)
        self.words = published_words(text)
        self.word_count = len(self.words)

    def share(self, lines: int) -> float:
        """Divide a count of lines by the number of lines."""
        return lines / len(self.lines) if self.lines else 0.0

    def per_word(self, number: int) -> float:
        """Divide a count by the number of words."""
        return number / self.word_count if self.word_count else 0.0

    def per_character(self, characters: int) -> float:
        """Divide a count of characters by the length of the text."""
        return characters / len(self.text) if self.text else 0.0

    def mean_word_length(self) -> float | None:
        """Return the characters per word; None without words, or in a script that Gopher's bounds do not fit."""
        return sum(map(len, self.words)) / len(self.words) if self.words else None

    def short_lines(self, characters: int) -> int:
        """Return how many lines have at most this many characters."""
        return sum(len(line) <= characters for line in self.lines)

    def top_ngram_characters(self, size: int) -> int:
        """Return the characters in all occurrences of the commonest n-gram of `size` words, spaces inside included.

        An n-gram that occurs once is no repetition, however short the page.
        """
        counts = Counter(zip(*(self.words[start:] for start in range(size)), strict=False))
        [(top, count)] = counts.most_common(1) or [((), 1)]
        return count * (sum(map(len, top)) + size - 1) if count > 1 else 0


class PageByScript(Page):
    """A page measured by definitions that also fit scripts without spaces, syllables, and invisible characters."""

    def __init__(self, text: str, counts: LetterCounts, has_stop_words: bool) -> None:
        """Cut a text with these letters into lines and words."""
        self.text = text
        self.lines = [line.strip() for line in visible_lines(text) if line.strip()]
        self.words = without_unseen(text).split()
        self.word_count = count_words(text)
        self.has_words = 2 * unspaced_characters(text) <= sum(map(len, self.words))
        self.has_stop_words = has_stop_words
        # A Korean character is a syllable, and a Malayalam word says as much as several English ones.
        self._mostly_alphabetic = 2 * counts.alphabetic >= counts.letters

    def mean_word_length(self) -> float | None:
        """Return the letters per word, in alphabets; None elsewhere."""
        return mean_word_length(self.words) if self.words and self.has_words and self._mostly_alphabetic else None

    def short_lines(self, characters: int) -> int:
        """Return how many lines have at most this width."""
        return sum(width(line) <= characters for line in self.lines)
