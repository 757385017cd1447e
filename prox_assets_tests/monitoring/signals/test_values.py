"""The rule-based signals against values counted by hand, and what holds of every text."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.monitoring.signals import FAMILIES, document_signals, passes, total_signals
from prox_assets.published_rules.gopher import DUPLICATE_NGRAMS, TOP_NGRAMS


def signals_of(text: str) -> dict[str, Any]:
    return document_signals(pl.LazyFrame({"text": [text]})).collect().row(0, named=True)


def chosen(text: str, *names: str) -> dict[str, float]:
    found = signals_of(text)
    return {name: found[name] for name in names}


def test_gopher_quality_signals_are_those_counted_by_hand():
    text = "\n".join(
        [
            "The cat and the dog sat of old with 12 friends.",  # 11 words; the, and, of, with
            "• a bullet",
            "- another one...",
            "",
            "#tag #tag",
            "#tag #tag",
        ]
    )
    words = 11 + 3 + 3 + 2 + 2
    names = list(FAMILIES[0].signals)
    assert chosen(text, *names) == pytest.approx(
        {
            "words": words,
            "mean_word_length": len("".join(text.split())) / words,
            "hash_word_ratio": 4 / words,
            "ellipsis_word_ratio": 1 / words,
            "bullet_line_share": 2 / 5,
            "ellipsis_line_share": 1 / 5,
            "alphabetic_word_share": (words - 3) / words,  # 12, • and -
            "stop_words": 4,
        }
    )


def test_repeated_lines_and_paragraphs_are_counted_from_their_second_occurrence():
    text = "one two\n\nthree\n\none two\n\none two\nfour"
    assert chosen(
        text,
        "duplicate_line_share",
        "duplicate_line_character_share",
        "duplicate_paragraph_share",
        "duplicate_paragraph_character_share",
    ) == pytest.approx(
        {
            "duplicate_line_share": 2 / 5,
            "duplicate_line_character_share": 14 / len(text),
            "duplicate_paragraph_share": 1 / 4,  # "one two\nfour" is another one
            "duplicate_paragraph_character_share": 7 / len(text),
        }
    )


def test_the_most_frequent_ngram_counts_with_its_spaces_and_the_first_of_equals():
    text = "a bb ccc a bb ddd a bb e ccc a"
    assert chosen(text, "top_2_gram_character_share", "top_3_gram_character_share") == pytest.approx(
        {"top_2_gram_character_share": 3 * len("a bb") / len(text), "top_3_gram_character_share": 0.0}
    )
    twice = "x yyy z x yyy qq z x"  # "x yyy" and "z x", both twice
    assert signals_of(twice)["top_2_gram_character_share"] == pytest.approx(2 * len("x yyy") / len(twice))


def test_a_repeated_passage_counts_whole_whatever_its_length():
    passage = "aa bb cc dd ee ff gg"  # 7 words: no multiple of five
    text = f"{passage} zz {passage}"
    assert signals_of(text)["duplicate_5_gram_character_share"] == pytest.approx(14 / len(text))
    assert signals_of(text)["duplicate_8_gram_character_share"] == 0


def test_overlapping_repetitions_count_each_word_once():
    text = " ".join(["la"] * 12)
    assert signals_of(text)["duplicate_5_gram_character_share"] == pytest.approx(2 * 11 / len(text))


def test_c4_signals_are_those_counted_by_hand():
    text = "\n".join(
        [
            "A first sentence. And a second one!",  # kept: 2 sentences
            "Too short.",  # 2 words
            "It trails off...",
            "No mark at the end",
            'She said "no more." [12]',  # the space before the citation stays, as in c4_utils
            "Please enable Javascript to read on.",
            "We use cookies on this page.",
            "Lorem ipsum dolor sit amet.",
            f"{'x' * 1001} is too long.",
            "What is { doing here?",
        ]
    )
    found = signals_of(text)
    assert {name: value for name, value in found.items() if name.startswith("c4_")} == pytest.approx(
        {
            "c4_unpunctuated_line_share": 3 / 10,
            "c4_few_words_line_share": 1 / 10,
            "c4_policy_line_share": 2 / 10,
            "c4_kept_line_share": 3 / 10,
            "c4_sentences": 4,
            "c4_lorem_ipsum": 1,
            "c4_curly_bracket": 1,
        }
    )
    assert not found["passes_c4"]


def test_a_curly_bracket_in_a_line_that_falls_anyway_does_not_condemn_the_page():
    prose = "It was so. It is so. It shall be so. It must be so. It may be so."
    assert signals_of(prose)["passes_c4"]
    assert signals_of(f"{prose}\nfunction() {{ return 1\nYour javascript {{ is broken.")["passes_c4"]
    assert not signals_of(f"{prose}\nA bracket {{ in prose.")["passes_c4"]


def test_fineweb_signals_are_those_counted_by_hand():
    text = "A line of more than thirty characters.\nshort\n\nshort\n他说好。"
    characters = len(text) - text.count("\n")
    assert chosen(text, *FAMILIES[3].signals) == pytest.approx(
        {
            "terminal_punctuation_line_share": 2 / 4,
            "short_line_share": 3 / 4,
            "duplicate_character_share": 5 / characters,
            "newline_word_ratio": 4 / 10,
        }
    )


def test_every_threshold_decides_by_itself():
    """A frame of signals that all pass, then one signal beyond each bound in turn."""
    for family in FAMILIES:
        good = {rule.signal: rule.most if rule.least is None else rule.least for rule in family.rules}
        for rule in family.rules:
            for bound, beyond in ((rule.least, -1e-6), (rule.most, 1e-6)):
                if bound is None:
                    continue
                at, past = {**good, rule.signal: bound}, {**good, rule.signal: bound + beyond}
                frame = pl.DataFrame([at, past], schema=dict.fromkeys(good, pl.Float64))
                assert frame.select(family.passes()).to_series().to_list() == [True, False], str(rule)


def test_a_text_without_words_has_no_signals_and_passes_nothing():
    frame = document_signals(pl.LazyFrame({"text": ["", " \n\t"]})).collect()
    for row in frame.rows(named=True):
        assert {value for name, value in row.items() if not name.startswith("passes_")} == {None}
        assert {value for name, value in row.items() if name.startswith("passes_")} == {False}


def test_means_leave_out_texts_without_words_but_the_shares_that_pass_count_them():
    prose = "\n".join(f"The {n}th boat of the day left harbour with the tide, and that was that." for n in range(12))
    means = total_signals(pl.LazyFrame({"text": ["one two", "", prose]})).means()
    assert means["words"] == pytest.approx((2 + len(prose.split())) / 2)
    assert means["passes_fineweb"] == pytest.approx(1 / 3)
    assert total_signals(pl.LazyFrame({"text": []}, schema={"text": pl.String})).means() == {}


TEXTS = st.lists(
    st.sampled_from(["the", "of", "cat.", "dog", "\n", "\n\n", " ", "#", "…", "é", "中文。", "-", "x" * 40])
)


@given(TEXTS.map(" ".join))
def test_shares_are_shares_and_a_row_does_not_depend_on_its_neighbours(text: str):
    alone = signals_of(text)
    among = document_signals(pl.LazyFrame({"text": ["other words here", text, ""]})).collect().row(1, named=True)
    assert alone == among
    for name, value in alone.items():
        if name.endswith("_share") and value is not None:
            # Occurrences of the most frequent n-gram may overlap, and each counts.
            assert 0 <= value <= (4 if name.startswith("top_") else 1), name


@given(TEXTS.map(" ".join))
def test_ngram_signals_are_those_of_a_loop_over_words(text: str):
    words = text.split()
    if not words:
        return
    found = signals_of(text)
    for n in DUPLICATE_NGRAMS:
        assert found[f"duplicate_{n}_gram_character_share"] == pytest.approx(covered_characters(words, n) / len(text))
    for n in TOP_NGRAMS:
        assert found[f"top_{n}_gram_character_share"] == pytest.approx(top_characters(words, n) / len(text))


def test_a_text_among_hundreds_has_the_signals_that_it_has_alone():
    texts = ["la la la " * (number % 7) + f"number {number % 3} of many, said twice. " * 2 for number in range(250)]
    together = document_signals(pl.LazyFrame({"text": texts})).collect()
    alone = pl.concat([document_signals(pl.LazyFrame({"text": [text]})).collect() for text in texts])
    assert together.equals(alone)
    assert (together["duplicate_5_gram_character_share"] > 0).all()


def covered_characters(words: list[str], n: int) -> int:
    """Characters of words in some n-gram that occurs before, straight from the paper's definition."""
    seen: set[tuple[str, ...]] = set()
    covered: set[int] = set()
    for start in range(len(words) - n + 1):
        ngram = tuple(words[start : start + n])
        if ngram in seen:
            covered.update(range(start, start + n))
        seen.add(ngram)
    return sum(len(words[place]) for place in covered)


def top_characters(words: list[str], n: int) -> int:
    ngrams = [" ".join(words[start : start + n]) for start in range(len(words) - n + 1)]
    best = max(ngrams, key=ngrams.count, default="")
    return ngrams.count(best) * len(best) if ngrams.count(best) > 1 else 0


def test_every_family_names_its_signals_rules_and_source():
    frame = document_signals(pl.LazyFrame({"text": ["a"]})).collect_schema()
    names = [name for family in FAMILIES for name in family.signals]
    assert frame.names() == [*names, *[passes(family) for family in FAMILIES]]
    for family in FAMILIES:
        assert {rule.signal for rule in family.rules} <= set(family.signals)
        assert family.source


def test_means_do_not_depend_on_how_rows_come():
    texts = [" ".join(f"word{number % 7}" * (1 + number % 3) for number in range(3 + size)) for size in range(40)]
    whole = pl.DataFrame({"text": texts})
    expected = total_signals(whole.lazy()).means()
    for order in (texts[::-1], texts[1::2] + texts[::2]):
        assert total_signals(pl.LazyFrame({"text": order})).means() == expected
    for rows in (1, 7, 33):
        assert total_signals(pl.concat([part.lazy() for part in whole.iter_slices(rows)])).means() == expected
