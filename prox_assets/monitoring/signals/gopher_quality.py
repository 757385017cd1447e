"""Gopher's quality rules, as measures: does a text look like prose?"""

import polars as pl

from prox_assets.monitoring.signals.family import Rule, SignalFamily
from prox_assets.monitoring.signals.text_parts import LINES, TEXT, WORD_LENGTHS, WORDS, ends_with_any, share_of
from prox_assets.published_rules import gopher


def _add(frame: pl.LazyFrame) -> pl.LazyFrame:
    words = pl.col(WORDS).list.len()
    line = pl.element()
    begins_with_bullet = pl.any_horizontal([line.str.starts_with(bullet) for bullet in gopher.BULLETS])
    ellipses = pl.sum_horizontal([pl.col(TEXT).str.count_matches(mark, literal=True) for mark in gopher.ELLIPSES])
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
        ellipsis_line_share=share_of(LINES, ends_with_any(line, gopher.ELLIPSES)),
        alphabetic_word_share=share_of(WORDS, pl.element().str.contains(r"\p{L}")),
        stop_words=lowered.list.set_intersection(list(gopher.STOP_WORDS)).list.len().cast(pl.Float64),
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
        Rule("words", least=gopher.MIN_WORDS, most=gopher.MAX_WORDS),
        Rule("mean_word_length", least=gopher.MIN_MEAN_WORD_LENGTH, most=gopher.MAX_MEAN_WORD_LENGTH),
        Rule("hash_word_ratio", most=gopher.MAX_HASHES_PER_WORD),
        Rule("ellipsis_word_ratio", most=gopher.MAX_ELLIPSES_PER_WORD),
        Rule("bullet_line_share", most=gopher.MAX_BULLET_LINES),
        Rule("ellipsis_line_share", most=gopher.MAX_ELLIPSIS_LINES),
        Rule("alphabetic_word_share", least=gopher.MIN_ALPHABETIC_WORDS),
        Rule("stop_words", least=gopher.MIN_STOP_WORDS),
    ),
)
