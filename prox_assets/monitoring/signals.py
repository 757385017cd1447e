"""Rule-based quality signals of texts, as polars expressions: cheap, model-free, the same before and after refinement.

Each signal is a number per document; its definition follows the rule family it is named after. A word is a run of
non-whitespace characters throughout, as in the Gopher paper (tools that tokenise punctuation apart give other values).
"""

import polars as pl

# Gopher (arXiv 2112.11446, appendix A.1.1): at least two of these show that a text is English prose.
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
# FineWeb (arXiv 2406.17557, section 3.6): lines that end in one of these.
TERMINAL_PUNCTUATION = (".", "!", "?", '"', "'", "”", "。", "！", "？")
SHORT_LINE_CHARACTERS = 30  # FineWeb, same section


def signal_expressions(text: str = "text") -> list[pl.Expr]:
    """Return one named float expression per signal over a string column.

    Signals, each null for a text without words:
        words: Number of words.
        mean_word_length: Characters per word (Gopher keeps 3 to 10).
        symbol_word_ratio: "#" and ellipses per word (Gopher: at most 0.1).
        alphabetic_word_share: Words with at least one letter (Gopher: at least 0.8).
        stop_words: Distinct STOP_WORDS present (Gopher: at least 2).
        bullet_line_share: Lines that begin with a bullet (Gopher: at most 0.9).
        ellipsis_line_share: Lines that end with an ellipsis (Gopher: at most 0.3).
        terminal_punctuation_line_share: Lines ending in TERMINAL_PUNCTUATION (FineWeb: above 0.12).
        short_line_share: Lines of at most SHORT_LINE_CHARACTERS (FineWeb: below 0.67).
        newline_word_ratio: Newlines per word (FineWeb: at most 0.3).
        duplicate_line_share: Lines that occur before in the text (Gopher: at most 0.3).
    """
    column = pl.col(text)
    words = column.str.extract_all(r"\S+")
    word_count = words.list.len()
    lines = (
        column.str.split("\n")
        .list.eval(pl.element().str.strip_chars())
        .list.eval(pl.element().filter(pl.element() != ""))
    )
    line_count = lines.list.len()

    def line_share(condition: pl.Expr) -> pl.Expr:
        return lines.list.eval(condition.cast(pl.Float64)).list.mean()

    line = pl.element()
    ends_well = pl.any_horizontal([line.str.ends_with(mark) for mark in TERMINAL_PUNCTUATION])
    symbols = column.str.count_matches("#", literal=True) + column.str.count_matches(r"\.\.\.|…")
    lower_words = words.list.eval(pl.element().str.to_lowercase())
    signals = {
        "words": word_count.cast(pl.Float64),
        "mean_word_length": words.list.eval(pl.element().str.len_chars()).list.mean(),
        "symbol_word_ratio": symbols / word_count,
        "alphabetic_word_share": words.list.eval(pl.element().str.contains(r"\p{L}").cast(pl.Float64)).list.mean(),
        "stop_words": pl.sum_horizontal([lower_words.list.contains(word).cast(pl.Float64) for word in STOP_WORDS]),
        "bullet_line_share": line_share(line.str.contains(r"^[•\-*]")),
        "ellipsis_line_share": line_share(line.str.contains(r"(\.\.\.|…)$")),
        "terminal_punctuation_line_share": line_share(ends_well),
        "short_line_share": line_share(line.str.len_chars() <= SHORT_LINE_CHARACTERS),
        "newline_word_ratio": column.str.count_matches("\n", literal=True) / word_count,
        "duplicate_line_share": 1.0 - lines.list.n_unique() / line_count,
    }
    has_words = word_count > 0
    return [pl.when(has_words).then(value).alias(name) for name, value in signals.items()]


def mean_signals(texts: pl.LazyFrame) -> dict[str, float]:
    """Return the mean of every signal over a frame with a `text` column, streaming; {} for no documents."""
    means = texts.select(signal_expressions()).mean().collect(engine="streaming")
    row = means.row(0, named=True)
    return {name: value for name, value in row.items() if value is not None}
