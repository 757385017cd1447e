"""C4's cleaning rules, as measures (arXiv 1910.10683, section 2.2, and the code that made C4, c4_utils.clean_page).

C4 removes lines and then judges the rest. Here nothing is removed; the signals tell what C4 would do. The order follows
the code: "lorem ipsum" or a curly bracket rejects a page only in a line that passed the rules for lines. The list of
bad words is not applied.
"""

import polars as pl

from prox_assets.monitoring.signals.family import Rule, SignalFamily
from prox_assets.monitoring.signals.text_parts import LINES, ends_with_any, share_of

# "a terminal punctuation mark (i.e. a period, exclamation mark, question mark, or end quotation mark)"
END_MARKS = (".", "?", "!", '"', "'")
ELLIPSIS = "..."
# As the paper has them in its first versions, and datatrove; c4_utils has 5 words and 3 sentences.
MIN_WORDS_PER_LINE = 3
MIN_SENTENCES = 5
MAX_WORD_LENGTH = 1000  # in the code alone
POLICY_PHRASES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)

_CITATIONS = r"\[\d*\]|\[edit\]|\[citation needed\]"
# The code asks NLTK's Punkt; this takes a mark, closing quotes or brackets, and a space or the line's end.
SENTENCE_END = r"""[.!?]+["'”’)\]]*(?:\s|$)"""
_ENOUGH_WORDS = rf"(?:\S+\s+){{{MIN_WORDS_PER_LINE - 1}}}\S"
_JUDGED = "_c4_judged"
_ELIGIBLE = "_c4_eligible"
_KEPT = "_c4_kept"


def _add(frame: pl.LazyFrame) -> pl.LazyFrame:
    line = pl.element()
    cited = line.str.replace_all(_CITATIONS, "")
    long_line = pl.when(line.str.len_chars() > MAX_WORD_LENGTH).then(line).otherwise(pl.lit(""))  # nearly all are short
    longest_word = long_line.str.split(" ").list.eval(pl.element().str.len_chars()).list.max()
    # Inside list.eval an expression is evaluated again wherever it occurs, so each is written into a struct once.
    judged = pl.struct(
        cited.alias("cited"),
        (ends_with_any(cited, END_MARKS) & ~cited.str.ends_with(ELLIPSIS)).alias("punctuated"),
        line.str.contains(_ENOUGH_WORDS).alias("enough_words"),
        (longest_word > MAX_WORD_LENGTH).alias("overlong"),
        _is_policy(line).alias("policy"),
    )
    punctuated, enough_words = line.struct.field("punctuated"), line.struct.field("enough_words")
    eligible = punctuated & enough_words & ~line.struct.field("overlong")
    lowered = line.str.to_lowercase()
    return (
        frame.with_columns(pl.col(LINES).list.eval(judged).alias(_JUDGED))
        .with_columns(pl.col(_JUDGED).list.eval(line.struct.field("cited").filter(eligible)).alias(_ELIGIBLE))
        .with_columns(pl.col(_ELIGIBLE).list.eval(line.filter(~_is_policy(line))).alias(_KEPT))
        .with_columns(
            c4_unpunctuated_line_share=share_of(_JUDGED, ~punctuated),
            c4_few_words_line_share=share_of(_JUDGED, ~enough_words),
            c4_policy_line_share=share_of(_JUDGED, line.struct.field("policy")),
            c4_kept_line_share=pl.col(_KEPT).list.len() / pl.col(LINES).list.len(),
            c4_sentences=pl.col(_KEPT)
            .list.eval(line.str.count_matches(SENTENCE_END).clip(lower_bound=1))
            .list.sum()
            .cast(pl.Float64),
            c4_lorem_ipsum=_any(_ELIGIBLE, lowered.str.contains("lorem ipsum", literal=True)),
            c4_curly_bracket=_any(
                _ELIGIBLE,
                line.str.contains("{", literal=True) & ~lowered.str.contains("javascript", literal=True),
            ),
        )
    )


def _is_policy(line: pl.Expr) -> pl.Expr:
    return line.str.to_lowercase().str.contains_any(["javascript", *POLICY_PHRASES])


def _any(column: str, condition: pl.Expr) -> pl.Expr:
    return pl.col(column).list.eval(condition).list.any().cast(pl.Float64)


C4 = SignalFamily(
    name="c4",
    title="C4",
    source="arXiv 1910.10683, section 2.2, and c4_utils.clean_page of TensorFlow Datasets",
    add=_add,
    signals={
        "c4_unpunctuated_line_share": "Lines without terminal punctuation, or with an ellipsis for it.",
        "c4_few_words_line_share": f"Lines of fewer than {MIN_WORDS_PER_LINE} words.",
        "c4_policy_line_share": "Lines with javascript, or with a phrase of cookie and privacy notices.",
        "c4_kept_line_share": "Lines that C4 would keep.",
        "c4_sentences": "Sentences in such lines.",
        "c4_lorem_ipsum": 'Whether "lorem ipsum" occurs; its mean is the share of such documents.',
        "c4_curly_bracket": "Whether a curly bracket occurs, likewise.",
    },
    rules=(
        Rule("c4_sentences", least=MIN_SENTENCES),
        Rule("c4_lorem_ipsum", most=0),
        Rule("c4_curly_bracket", most=0),
    ),
)
