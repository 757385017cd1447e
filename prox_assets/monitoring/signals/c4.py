"""C4's cleaning rules, as measures: what C4 would do to a text, which stays as it is.

The order follows C4's code: "lorem ipsum" or a curly bracket rejects a page only in a line that passed the rules for
lines.
"""

import polars as pl

from prox_assets.monitoring.signals.family import Rule, SignalFamily
from prox_assets.monitoring.signals.text_parts import LINES, ends_with_any, share_of, with_parts
from prox_assets.published_rules import c4

_ENOUGH_WORDS = rf"(?:\S+\s+){{{c4.MIN_WORDS_PER_LINE - 1}}}\S"
_JUDGED = "_c4_judged"
_ELIGIBLE = "_c4_eligible"
_KEPT = "_c4_kept"


def c4_kept_lines(texts: pl.LazyFrame) -> pl.Series:
    """Return, for each text, whether C4 would keep each of its lines, blank ones left out.

    What C4 keeps of such a line is the line without its citations (`published_rules.c4.CITATION`).

    Args:
        texts: A frame with a column `text`.
    """
    line = pl.element()
    kept = _is_eligible(line) & ~_is_policy(line.struct.field("cited"))
    return _with_judged(with_parts(texts)).select(pl.col(_JUDGED).list.eval(kept)).collect().to_series()


def _with_judged(frame: pl.LazyFrame) -> pl.LazyFrame:
    line = pl.element()
    cited = line.str.replace_all(c4.CITATION, "")
    # Nearly all lines are shorter than such a word.
    long_line = pl.when(line.str.len_chars() > c4.MAX_WORD_LENGTH).then(line).otherwise(pl.lit(""))
    longest_word = long_line.str.split(" ").list.eval(pl.element().str.len_chars()).list.max()
    # Inside list.eval an expression is evaluated again wherever it occurs, so each is written into a struct once.
    judged = pl.struct(
        cited.alias("cited"),
        (ends_with_any(cited, c4.END_MARKS) & ~cited.str.ends_with(c4.ELLIPSIS)).alias("punctuated"),
        line.str.contains(_ENOUGH_WORDS).alias("enough_words"),
        (longest_word > c4.MAX_WORD_LENGTH).alias("overlong"),
        _is_policy(line).alias("policy"),
    )
    return frame.with_columns(pl.col(LINES).list.eval(judged).alias(_JUDGED))


def _is_eligible(judged: pl.Expr) -> pl.Expr:
    fields = {name: judged.struct.field(name) for name in ("punctuated", "enough_words", "overlong")}
    return fields["punctuated"] & fields["enough_words"] & ~fields["overlong"]


def _add(frame: pl.LazyFrame) -> pl.LazyFrame:
    line = pl.element()
    punctuated, enough_words = line.struct.field("punctuated"), line.struct.field("enough_words")
    lowered = line.str.to_lowercase()
    eligible = line.struct.field("cited").filter(_is_eligible(line))
    return (
        _with_judged(frame)
        .with_columns(pl.col(_JUDGED).list.eval(eligible).alias(_ELIGIBLE))
        .with_columns(pl.col(_ELIGIBLE).list.eval(line.filter(~_is_policy(line))).alias(_KEPT))
        .with_columns(
            c4_unpunctuated_line_share=share_of(_JUDGED, ~punctuated),
            c4_few_words_line_share=share_of(_JUDGED, ~enough_words),
            c4_policy_line_share=share_of(_JUDGED, line.struct.field("policy")),
            c4_kept_line_share=pl.col(_KEPT).list.len() / pl.col(LINES).list.len(),
            c4_sentences=pl.col(_KEPT)
            .list.eval(line.str.count_matches(c4.SENTENCE_END).clip(lower_bound=1))
            .list.sum()
            .cast(pl.Float64),
            c4_lorem_ipsum=_any(_ELIGIBLE, lowered.str.contains(c4.LOREM_IPSUM, literal=True)),
            c4_curly_bracket=_any(
                _ELIGIBLE, line.str.contains("{", literal=True) & ~lowered.str.contains(c4.JAVASCRIPT, literal=True)
            ),
        )
    )


def _is_policy(line: pl.Expr) -> pl.Expr:
    return line.str.to_lowercase().str.contains_any([c4.JAVASCRIPT, *c4.POLICY_PHRASES])


def _any(column: str, condition: pl.Expr) -> pl.Expr:
    return pl.col(column).list.eval(condition).list.any().cast(pl.Float64)


C4 = SignalFamily(
    name="c4",
    title="C4",
    source="arXiv 1910.10683, section 2.2, and c4_utils.clean_page of TensorFlow Datasets",
    add=_add,
    signals={
        "c4_unpunctuated_line_share": "Lines without terminal punctuation, or with an ellipsis for it.",
        "c4_few_words_line_share": f"Lines of fewer than {c4.MIN_WORDS_PER_LINE} words.",
        "c4_policy_line_share": "Lines with javascript, or with a phrase of cookie and privacy notices.",
        "c4_kept_line_share": "Lines that C4 would keep.",
        "c4_sentences": "Sentences in such lines.",
        "c4_lorem_ipsum": 'Whether "lorem ipsum" occurs; its mean is the share of such documents.',
        "c4_curly_bracket": "Whether a curly bracket occurs, likewise.",
    },
    rules=(
        Rule("c4_sentences", least=c4.MIN_SENTENCES),
        Rule("c4_lorem_ipsum", most=0),
        Rule("c4_curly_bracket", most=0),
    ),
)
