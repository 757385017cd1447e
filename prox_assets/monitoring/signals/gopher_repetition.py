"""Gopher's repetition rules: how much of a text is repeated? (arXiv 2112.11446, table A1).

N-grams are compared by 64-bit hashes of words, combined as a polynomial; only the hashes are held in memory. Two
measures differ from datatrove's on purpose:

* The most frequent n-gram counts only if it occurs at least twice. (If none repeats, datatrove takes the text's first
  n-gram, which only measures how short the text is.)
* Characters in duplicate n-grams are those of all words inside some n-gram that occurred before, each word once, as in
  the paper. datatrove skips past an n-gram when it finds one, and misses the rest of a repeated passage whose length is
  not a multiple of n; its value is never higher, and is zero where this one is.
"""

from functools import reduce

import polars as pl

from prox_assets.monitoring.signals.family import Rule, SignalFamily
from prox_assets.monitoring.signals.text_parts import LINES, TEXT, WORD_LENGTHS, WORDS, repeated_characters

# Table A1, "duplicate line fraction" and the rest.
TOP_NGRAMS = {2: 0.20, 3: 0.18, 4: 0.16}
DUPLICATE_NGRAMS = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}

_HASHES = "_word_hashes"
_PARAGRAPHS = "_paragraphs"
# Any odd number works, because multiplying by it modulo 2**64 is invertible; this one is 2**64 over the golden ratio.
_BASE = 0x9E3779B97F4A7C15


def _add(frame: pl.LazyFrame) -> pl.LazyFrame:
    characters = pl.col(TEXT).str.len_chars()
    lines, paragraphs = pl.col(LINES), pl.col(_PARAGRAPHS)
    frame = frame.with_columns(
        pl.col(WORDS).list.eval(pl.element().hash()).alias(_HASHES),
        # Runs of lines without an empty one in between.
        pl.col(TEXT).str.strip_chars().str.extract_all(r"[^\n]+(?:\n[^\n]+)*").alias(_PARAGRAPHS),
    ).with_columns(
        duplicate_line_share=1.0 - lines.list.n_unique() / lines.list.len(),
        duplicate_line_character_share=repeated_characters(lines) / characters,
        duplicate_paragraph_share=1.0 - paragraphs.list.n_unique() / paragraphs.list.len(),
        duplicate_paragraph_character_share=repeated_characters(paragraphs) / characters,
    )
    for n in TOP_NGRAMS:
        frame = _add_top(frame, n)
    for n in DUPLICATE_NGRAMS:
        frame = _add_duplicates(frame, n)
    return frame


def _ngrams(n: int) -> pl.Expr:
    """Return, inside list.eval over hashes, the hash of the n-gram starting at each word; null for the last n - 1."""
    factors = [pl.lit(pow(_BASE, n - 1 - k, 2**64), dtype=pl.UInt64) for k in range(n)]
    return reduce(pl.Expr.add, [pl.element().shift(-k) * factor for k, factor in enumerate(factors)])


def _add_top(frame: pl.LazyFrame, n: int) -> pl.LazyFrame:
    """Add the characters of the most frequent n-gram (the first among equals) per character of the text.

    Spaces inside it count, and so do all occurrences, overlapping ones too: the share of "la la la" exceeds 1.
    """
    counts, firsts = pl.col("_counts"), pl.col("_firsts")
    ngram = pl.col(WORD_LENGTHS).list.slice(firsts.list.get(counts.list.arg_max(), null_on_oob=True), n)
    characters = counts.list.max() * (ngram.list.sum() + n - 1)
    return (
        frame.with_columns(pl.col(_HASHES).list.eval(_ngrams(n).drop_nulls()).alias("_ngrams"))
        .with_columns(
            pl.col("_ngrams").list.eval(pl.element().unique_counts()).alias("_counts"),
            pl.col("_ngrams").list.eval(pl.element().arg_unique()).alias("_firsts"),
        )
        .with_columns(
            pl.when(counts.list.max() > 1)
            .then(characters / pl.col(TEXT).str.len_chars())
            .otherwise(0.0)
            .alias(f"top_{n}_gram_character_share")
        )
    )


def _add_duplicates(frame: pl.LazyFrame, n: int) -> pl.LazyFrame:
    """Add the share of characters in n-grams that occurred before, counting each word once and no spaces."""
    ngram, seen = pl.element(), pl.element()
    repeats = (~ngram.is_first_distinct() & ngram.is_not_null()).cast(pl.UInt32).cum_sum()
    covered = (seen > seen.shift(n, fill_value=0)).cast(pl.UInt32)  # one of the n n-grams that hold the word repeats
    return (
        frame.with_columns(pl.col(_HASHES).list.eval(_ngrams(n)).alias("_ngrams"))
        .with_columns(pl.col("_ngrams").list.eval(repeats).alias("_repeats"))
        .with_columns(pl.col("_repeats").list.eval(covered).alias("_covered"))
        .with_columns(
            ((pl.col(WORD_LENGTHS) * pl.col("_covered")).list.sum() / pl.col(TEXT).str.len_chars()).alias(
                f"duplicate_{n}_gram_character_share"
            )
        )
    )


GOPHER_REPETITION = SignalFamily(
    name="gopher_repetition",
    title="Gopher repetition",
    source="arXiv 2112.11446, table A1",
    add=_add,
    signals={
        "duplicate_line_share": "Lines that occur before in the text.",
        "duplicate_line_character_share": "Characters in such lines.",
        "duplicate_paragraph_share": "Paragraphs (between empty lines) that occur before in the text.",
        "duplicate_paragraph_character_share": "Characters in such paragraphs.",
        **{f"top_{n}_gram_character_share": f"Characters in the most frequent {n}-gram of words." for n in TOP_NGRAMS},
        **{
            f"duplicate_{n}_gram_character_share": f"Characters in {n}-grams of words that occur before."
            for n in DUPLICATE_NGRAMS
        },
    },
    rules=(
        Rule("duplicate_line_share", most=0.30),
        Rule("duplicate_paragraph_share", most=0.30),
        Rule("duplicate_line_character_share", most=0.20),
        Rule("duplicate_paragraph_character_share", most=0.20),
        *[Rule(f"top_{n}_gram_character_share", most=most) for n, most in TOP_NGRAMS.items()],
        *[Rule(f"duplicate_{n}_gram_character_share", most=most) for n, most in DUPLICATE_NGRAMS.items()],
    ),
)
