"""FineWeb's own quality rules, as measures."""

import polars as pl

from prox_assets.monitoring.signals.family import Rule, SignalFamily
from prox_assets.monitoring.signals.text_parts import LINES, TEXT, WORDS, ends_with_any, repeated_characters, share_of
from prox_assets.published_rules import fineweb


def _add(frame: pl.LazyFrame) -> pl.LazyFrame:
    line = pl.element()
    newlines = pl.col(TEXT).str.count_matches("\n", literal=True)
    return frame.with_columns(
        terminal_punctuation_line_share=share_of(LINES, ends_with_any(line, fineweb.TERMINAL_PUNCTUATION)),
        short_line_share=share_of(LINES, line.str.len_chars() <= fineweb.SHORT_LINE_CHARACTERS),
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
        "short_line_share": f"Lines of at most {fineweb.SHORT_LINE_CHARACTERS} characters.",
        "duplicate_character_share": "Characters in lines that occur before, newlines left out.",
        "newline_word_ratio": "Newlines per word: lists have many.",
    },
    rules=(
        Rule("terminal_punctuation_line_share", least=fineweb.MIN_PUNCTUATED_LINES),
        Rule("short_line_share", most=fineweb.MAX_SHORT_LINES),
        Rule("duplicate_character_share", most=fineweb.MAX_DUPLICATE_LINE_CHARACTERS),
        Rule("newline_word_ratio", most=fineweb.MAX_NEWLINES_PER_WORD),
    ),
)
