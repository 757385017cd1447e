"""C4's cleaning rules (arXiv 1910.10683, section 2.2, and the code that made C4, c4_utils.clean_page).

C4 removes lines and then judges the rest. Its list of bad words is left out.
"""

from prox_assets.published_rules.texts import WHITE_SPACE

# "a terminal punctuation mark (i.e. a period, exclamation mark, question mark, or end quotation mark)"
END_MARKS = (".", "?", "!", '"', "'")
ELLIPSIS = "..."
# As the paper has them in its first versions, and datatrove; c4_utils has 5 words and 3 sentences.
MIN_WORDS_PER_LINE = 3
MIN_SENTENCES = 5
MAX_WORD_LENGTH = 1000  # characters; in the code alone
JAVASCRIPT = "javascript"
POLICY_PHRASES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
LOREM_IPSUM = "lorem ipsum"

CITATION = r"\[(?:\d*|edit|citation needed)\]"
# The code asks NLTK's Punkt; this takes a mark, closing quotes or brackets, and a space or the line's end.
SENTENCE_END = rf"""[.!?]+["'”’)\]]*(?:[{WHITE_SPACE}]|$)"""
