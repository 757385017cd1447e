"""Gopher's quality rules: does a text look like prose? (arXiv 2112.11446, appendix A.1.1, "Quality Filtering")."""

import polars as pl

from prox_assets.monitoring.signals.family import Rule, SignalFamily
from prox_assets.monitoring.signals.text_parts import LINES, TEXT, WORD_LENGTHS, WORDS, ends_with_any, share_of

# "at least two of the following English words"
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
BULLETS = ("•", "-")
ELLIPSES = ("...", "…")


def _add(frame: pl.LazyFrame) -> pl.LazyFrame:
    words = pl.col(WORDS).list.len()
    line = pl.element()
    begins_with_bullet = pl.any_horizontal([line.str.starts_with(bullet) for bullet in BULLETS])
    ellipses = pl.sum_horizontal([pl.col(TEXT).str.count_matches(mark, literal=True) for mark in ELLIPSES])
    # Words in upper case count as well: a sentence begins with "The".
    lowered = pl.col(WORDS).list.eval(
        pl.element().str.to_lowercase().filter(pl.element().str.len_bytes() <= 4).unique()
    )
    return frame.with_columns(
        words=words.cast(pl.Float64),
        mean_word_length=pl.col(WORD_LENGTHS).list.mean(),
        hash_word_ratio=pl.col(TEXT).str.count_matches("#", literal=True) / words,
        ellipsis_word_ratio=ellipses / words,
        bullet_line_share=share_of(LINES, begins_with_bullet),
        ellipsis_line_share=share_of(LINES, ends_with_any(line, ELLIPSES)),
        alphabetic_word_share=share_of(WORDS, pl.element().str.contains(r"\p{L}")),
        stop_words=lowered.list.set_intersection(list(STOP_WORDS)).list.len().cast(pl.Float64),
    )


GOPHER_QUALITY = SignalFamily(
    name="gopher_quality",
    title="Gopher quality",
    source="arXiv 2112.11446, appendix A.1.1",
    add=_add,
    signals={
        "words": "Number of words.",
        "mean_word_length": "Characters per word.",
        "hash_word_ratio": "Number signs per word.",
        "ellipsis_word_ratio": "Ellipses per word.",
        "bullet_line_share": "Lines that begin with a bullet.",
        "ellipsis_line_share": "Lines that end with an ellipsis.",
        "alphabetic_word_share": "Words with at least one letter.",
        "stop_words": "How many of eight English stop words occur.",
    },
    rules=(
        Rule("words", least=50, most=100_000),
        Rule("mean_word_length", least=3, most=10),
        Rule("hash_word_ratio", most=0.1),
        Rule("ellipsis_word_ratio", most=0.1),
        Rule("bullet_line_share", most=0.9),
        Rule("ellipsis_line_share", most=0.3),
        Rule("alphabetic_word_share", least=0.8),
        Rule("stop_words", least=2),
    ),
)
