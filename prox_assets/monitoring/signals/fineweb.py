"""FineWeb's own quality rules (arXiv 2406.17557, section 3.6, and datatrove's FineWebQualityFilter).

Paper and code differ in one number: the paper prints 0.1 for characters in duplicate lines, but the code that made the
dataset has 0.01. We use the code's, because that is what "passes FineWeb" means for the data that people use.
"""

import polars as pl

from prox_assets.monitoring.signals.family import Rule, SignalFamily
from prox_assets.monitoring.signals.text_parts import LINES, TEXT, WORDS, ends_with_any, repeated_characters, share_of

# The punctuation marks in the code that made the dataset, plus the Chinese and Japanese ones.
TERMINAL_PUNCTUATION = (".", "!", "?", '"', "'", "”", "。", "！", "？")
SHORT_LINE_CHARACTERS = 30


def _add(frame: pl.LazyFrame) -> pl.LazyFrame:
    line = pl.element()
    newlines = pl.col(TEXT).str.count_matches("\n", literal=True)
    return frame.with_columns(
        terminal_punctuation_line_share=share_of(LINES, ends_with_any(line, TERMINAL_PUNCTUATION)),
        short_line_share=share_of(LINES, line.str.len_chars() <= SHORT_LINE_CHARACTERS),
        duplicate_character_share=repeated_characters(pl.col(LINES)) / (pl.col(TEXT).str.len_chars() - newlines),
        newline_word_ratio=newlines / pl.col(WORDS).list.len(),
    )


FINEWEB = SignalFamily(
    name="fineweb",
    title="FineWeb",
    source="arXiv 2406.17557, section 3.6, and datatrove 0.10.1",
    add=_add,
    signals={
        "terminal_punctuation_line_share": "Lines that end in terminal punctuation.",
        "short_line_share": f"Lines of at most {SHORT_LINE_CHARACTERS} characters.",
        "duplicate_character_share": "Characters in lines that occur before, newlines left out.",
        "newline_word_ratio": "Newlines per word: lists have many.",
    },
    rules=(
        Rule("terminal_punctuation_line_share", least=0.12),
        Rule("short_line_share", most=0.67),
        Rule("duplicate_character_share", most=0.01),
        Rule("newline_word_ratio", most=0.3),
    ),
)
