"""The rule-based signals against values counted by hand."""

import polars as pl
import pytest

from prox_assets.monitoring.signals import mean_signals, signal_expressions

TEXT = "\n".join(
    [
        "The cat and the dog sat of old with 12 friends.",  # 11 words; the, and, of, with; ends well
        "• a bullet",  # 3 words, short
        "- another one...",  # 3 words, short; "..." ends in a full stop too
        "",
        "#tag #tag",  # 2 words, short
        "#tag #tag",  # again
    ]
)
WORDS = 21


def test_every_signal_has_the_value_counted_by_hand():
    [row] = pl.DataFrame({"text": [TEXT]}).select(signal_expressions()).to_dicts()
    characters = len("".join(TEXT.split()))
    assert row == pytest.approx(
        {
            "words": WORDS,
            "mean_word_length": characters / WORDS,
            "symbol_word_ratio": 5 / WORDS,  # four # and one ellipsis
            "alphabetic_word_share": (WORDS - 3) / WORDS,  # 12, • and -
            "stop_words": 4,
            "bullet_line_share": 2 / 5,
            "ellipsis_line_share": 1 / 5,
            "terminal_punctuation_line_share": 2 / 5,
            "short_line_share": 4 / 5,
            "newline_word_ratio": 5 / WORDS,
            "duplicate_line_share": 1 / 5,
        }
    )


def test_a_text_without_words_has_no_signals():
    frame = pl.DataFrame({"text": ["", " \n\t"]}).select(signal_expressions())
    assert all(value is None for row in frame.rows() for value in row)


def test_means_leave_out_texts_without_words():
    means = mean_signals(pl.LazyFrame({"text": ["one two", "", "one two three four"]}))
    assert means["words"] == 3
    assert mean_signals(pl.LazyFrame({"text": [""]})) == {}
    assert mean_signals(pl.LazyFrame({"text": []}, schema={"text": pl.String})) == {}
