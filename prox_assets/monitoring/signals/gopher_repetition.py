"""Gopher's repetition rules, as measures: how much of a text is repeated?

Two measures differ from datatrove's on purpose:

* The most frequent n-gram counts only if it occurs at least twice. (If none repeats, datatrove takes the text's first
  n-gram, which only measures how short the text is.)
* Characters in duplicate n-grams are those of all words inside some n-gram that occurred before, each word once, as in
  the paper. datatrove skips past an n-gram when it finds one, and misses the rest of a repeated passage whose length is
  not a multiple of n; its value is never higher, and is zero where this one is.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prox_assets.monitoring.signals.family import Rule, SignalFamily
from prox_assets.monitoring.signals.repeated_ngrams import TextWords
from prox_assets.monitoring.signals.text_parts import LINES, TEXT, WORD_LENGTHS, WORDS, repeated_characters
from prox_assets.published_rules import gopher
from prox_assets.published_rules.gopher import DUPLICATE_NGRAMS, TOP_NGRAMS

_PARAGRAPHS = "_paragraphs"
_NGRAMS = "_ngrams"
# Few enough that a table of their n-grams stays in a processor's cache: 2,000 at a time took 1.7 times as long.
_TEXTS_AT_A_TIME = 100


def _top(n: int) -> str:
    return f"top_{n}_gram_character_share"


def _duplicate(n: int) -> str:
    return f"duplicate_{n}_gram_character_share"


_NGRAM_SIGNALS = dict.fromkeys([*map(_top, TOP_NGRAMS), *map(_duplicate, DUPLICATE_NGRAMS)], pl.Int64)


def _add(frame: pl.LazyFrame) -> pl.LazyFrame:
    characters = pl.col(TEXT).str.len_chars()
    lines, paragraphs = pl.col(LINES), pl.col(_PARAGRAPHS)
    return (
        frame.with_columns(
            # Runs of lines without an empty one in between.
            pl.col(TEXT).str.strip_chars().str.extract_all(r"[^\n]+(?:\n[^\n]+)*").alias(_PARAGRAPHS),
            pl.struct(WORDS, WORD_LENGTHS)
            .map_batches(_ngram_characters, return_dtype=pl.Struct(_NGRAM_SIGNALS), is_elementwise=True)
            .alias(_NGRAMS),
        )
        .unnest(_NGRAMS)
        .with_columns(
            pl.col(*_NGRAM_SIGNALS) / characters,
            duplicate_line_share=1.0 - lines.list.n_unique() / lines.list.len(),
            duplicate_line_character_share=repeated_characters(lines) / characters,
            duplicate_paragraph_share=1.0 - paragraphs.list.n_unique() / paragraphs.list.len(),
            duplicate_paragraph_character_share=repeated_characters(paragraphs) / characters,
        )
    )


def _ngram_characters(texts: pl.Series) -> pl.Series:
    """Return a struct per text: the characters of its most frequent and its duplicate n-grams, by signal."""
    columns: dict[str, list[NDArray[np.int64]]] = {signal: [] for signal in _NGRAM_SIGNALS}
    for some in texts.struct.unnest().iter_slices(_TEXTS_AT_A_TIME):
        words = TextWords.of(some[WORDS], some[WORD_LENGTHS])
        for ngrams in words.repeated_ngrams(max(DUPLICATE_NGRAMS)):
            if ngrams.n in TOP_NGRAMS:
                columns[_top(ngrams.n)].append(words.top_characters(ngrams))
            if ngrams.n in DUPLICATE_NGRAMS:
                columns[_duplicate(ngrams.n)].append(words.duplicate_characters(ngrams))
    characters = {signal: np.concatenate(parts) if parts else [] for signal, parts in columns.items()}
    return pl.DataFrame(characters, schema=_NGRAM_SIGNALS).to_struct()


GOPHER_REPETITION = SignalFamily(
    name="gopher_repetition",
    title="Gopher repetition",
    source="arXiv 2112.11446, table A1",
    add=_add,
    signals={
        "duplicate_line_share": "Lines that have occurred earlier in the text.",
        "duplicate_line_character_share": "Characters in such lines.",
        "duplicate_paragraph_share": "Paragraphs (between empty lines) that have occurred earlier in the text.",
        "duplicate_paragraph_character_share": "Characters in such paragraphs.",
        **{_top(n): f"Characters in the most frequent {n}-gram of words." for n in TOP_NGRAMS},
        **{_duplicate(n): f"Characters in {n}-grams of words that occur before." for n in DUPLICATE_NGRAMS},
    },
    rules=(
        Rule("duplicate_line_share", most=gopher.MAX_DUPLICATE_LINES),
        Rule("duplicate_paragraph_share", most=gopher.MAX_DUPLICATE_PARAGRAPHS),
        Rule("duplicate_line_character_share", most=gopher.MAX_DUPLICATE_LINE_CHARACTERS),
        Rule("duplicate_paragraph_character_share", most=gopher.MAX_DUPLICATE_PARAGRAPH_CHARACTERS),
        *[Rule(_top(n), most=most) for n, most in TOP_NGRAMS.items()],
        *[Rule(_duplicate(n), most=most) for n, most in DUPLICATE_NGRAMS.items()],
    ),
)
