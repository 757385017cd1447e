"""FineWeb's own quality rules (arXiv 2406.17557, section 3.6, and datatrove's FineWebQualityFilter).

Paper and code differ in one number: the paper prints 0.1 for characters in duplicate lines, but the code that made the
dataset has 0.01. We use the code's, because that is what "passes FineWeb" means for the data that people use.
"""

# The punctuation marks in the code that made the dataset, plus the Chinese and Japanese ones.
TERMINAL_PUNCTUATION = (".", "!", "?", '"', "'", "”", "。", "！", "？")
MIN_PUNCTUATED_LINES = 0.12  # share of lines
SHORT_LINE_CHARACTERS = 30
MAX_SHORT_LINES = 0.67
MAX_DUPLICATE_LINE_CHARACTERS = 0.01
MAX_NEWLINES_PER_WORD = 0.3
