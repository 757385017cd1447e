"""Gopher's rules for quality and repetition (arXiv 2112.11446, appendix A.1.1 and table A1)."""

# Quality: does a text look like prose?
MIN_WORDS, MAX_WORDS = 50, 100_000
MIN_MEAN_WORD_LENGTH, MAX_MEAN_WORD_LENGTH = 3.0, 10.0  # characters
MAX_HASHES_PER_WORD = 0.1
MAX_ELLIPSES_PER_WORD = 0.1
MAX_BULLET_LINES = 0.9  # share of lines, as below
MAX_ELLIPSIS_LINES = 0.3
MIN_ALPHABETIC_WORDS = 0.8  # share of words with a letter
MIN_STOP_WORDS = 2
# "at least two of the following English words"
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
BULLETS = ("•", "-")
ELLIPSES = ("...", "…")

# Repetition: table A1. Lines and paragraphs are counted; their characters, and those of n-grams, are shares of all
# characters of the text.
MAX_DUPLICATE_LINES = 0.3
MAX_DUPLICATE_LINE_CHARACTERS = 0.2
MAX_DUPLICATE_PARAGRAPHS = 0.3
MAX_DUPLICATE_PARAGRAPH_CHARACTERS = 0.2
TOP_NGRAMS = {2: 0.20, 3: 0.18, 4: 0.16}
"""Most characters in the most frequent n-gram, by words per n-gram."""
DUPLICATE_NGRAMS = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
"""Most characters in n-grams that occurred before, by words per n-gram."""
