"""What `rules` keeps passes the published rules that it applies, as the signals of its refined text measure them."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from prox_assets.corpora.sample.build import sample_pages
from prox_assets.monitoring.signals import FAMILIES, Rule, document_signals
from prox_assets.programs.chunking import Chunk
from prox_assets.programs.execution.executor import execute
from prox_assets.published_rules import c4, fineweb, gopher
from prox_assets.published_rules.texts import published_words
from prox_assets.refiners.rules.config import RuleSettings
from prox_assets.refiners.rules.document_rules import first_finding
from prox_assets.refiners.rules.page import PageByScript, measured
from prox_assets.refiners.rules.refiner import chunk_program, document_program
from prox_assets.refiners.rules.sentences import ends_sentence
from prox_assets_tests.refiners.sound_prose import SOUND_PROSE

DEFAULT = RuleSettings()
# The settings that bound what signals measure too; those of `passes_gopher_quality` first.
LEAST = {
    "min_words": "words",
    "min_mean_word_characters": "mean_word_length",
    "min_alphabetic_words": "alphabetic_word_share",
    "min_stop_words": "stop_words",
}
MOST = {
    "max_words": "words",
    "max_mean_word_characters": "mean_word_length",
    "max_hash_ratio": "hash_word_ratio",
    "max_ellipsis_ratio": "ellipsis_word_ratio",
    "max_bullet_lines": "bullet_line_share",
    "max_ellipsis_lines": "ellipsis_line_share",
    "max_duplicate_lines": "duplicate_line_share",
    "max_duplicate_line_characters": "duplicate_line_character_share",
    "max_top_bigram_characters": "top_2_gram_character_share",
    "max_top_trigram_characters": "top_3_gram_character_share",
    "max_top_fourgram_characters": "top_4_gram_character_share",
    "max_short_lines": "short_line_share",
    "max_newlines_per_word": "newline_word_ratio",
}
UNBOUNDED = {
    **dict.fromkeys((*LEAST, "min_sentences", "min_punctuated_lines"), 0),
    **dict.fromkeys(MOST, math.inf),
    "drop_lorem_ipsum": False,
}
RULES: list[Rule] = [
    rule for family in FAMILIES for rule in family.rules if rule.signal in {*LEAST.values(), *MOST.values()}
]
TIGHTER = {**dict.fromkeys(LEAST, math.inf), **dict.fromkeys(MOST, -math.inf)}
PROSE = SOUND_PROSE["English"]
PARTS = [
    *PROSE,
    *(f"{line} [1] said the keeper.[edit]" for line in PROSE),
    *("", "", "Home", "- item", "• item", "‣ item", "# # #", "...", "…", "[edit]", ".[edit]", "a[1]", "12 34 56 78"),
    *("I be.", "the the the", "The, of; and: be!", "xylophone\x1cxylophone", "\x1c- item", "lorem[1] ipsum", "Straße"),
    *(
        "incomprehensibilities counterrevolutionaries",
        "buy it now buy it now",
        "灯塔很高。",
        "\u200b",
        "tab\tand\x0bmore",
    ),
]


# Without characters that are younger than Python's Unicode: polars may know that they are letters.
CHARACTERS = st.characters(exclude_categories=["Cs", "Cn"])


def refined(text: str) -> str:
    return execute(text, [(Chunk(0, 0, text.count("\n")), chunk_program(text, DEFAULT))]).text


def is_measured_as_published(text: str) -> bool:
    return not isinstance(measured(text, gopher.STOP_WORDS), PageByScript)


def check(texts: Sequence[str]) -> int:
    """Check the pages that are kept and measured as published; return how many those are."""
    kept = [refined(text) for text in texts if document_program(text, DEFAULT) == "keep_doc()"]
    published = list(filter(is_measured_as_published, kept))
    signals = document_signals(pl.LazyFrame({"text": published}, schema={"text": pl.String})).collect()
    failing = signals.filter(~pl.all_horizontal(pl.col("passes_gopher_quality"), *(rule.holds() for rule in RULES)))
    assert failing.is_empty(), failing.to_dicts()[0]
    return len(published)


def test_the_default_bounds_are_the_published_ones():
    default = DEFAULT.documents.model_dump()
    published = {rule.signal: rule for rule in RULES}
    assert {setting: default[setting] for setting in LEAST} == {
        setting: published[signal].least for setting, signal in LEAST.items()
    }
    assert {setting: default[setting] for setting in MOST} == {
        setting: published[signal].most for setting, signal in MOST.items()
    }


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PARTS) | st.text(CHARACTERS, max_size=9), min_size=1, max_size=14).map("\n".join))
# Three of ten lines repeat one: 3 / 10 is no more than 0.3, but 1 - 7 / 10 is, which is how the signal counts.
@example("\n".join([*(f"{line} {number}" for number in "ab" for line in PROSE)][:7] + [f"{PROSE[0]} a"] * 3))
@example("\n\n\n\n\n\n".join(PROSE))
def test_the_rules_measure_what_the_signals_measure(text):
    assume(is_measured_as_published(text) and published_words(text))
    signals = document_signals(pl.LazyFrame({"text": [text]})).collect().row(0, named=True)
    for setting, signal in {**LEAST, **MOST}.items():
        for value, holds in ((signals[signal], True), (math.nextafter(signals[signal], TIGHTER[setting]), False)):
            bounds = DEFAULT.documents.model_copy(update={**UNBOUNDED, setting: value})
            assert (first_finding(text, bounds) is None) == holds, (setting, signals[signal])


@settings(max_examples=100)
@given(st.lists(st.sampled_from(PARTS), min_size=3, max_size=14).map("\n".join))
@example("\n".join(f"{line.rstrip('.')}, 1, 2, 3.[edit] 4.[edit]" for line in PROSE))
def test_a_kept_page_passes_the_published_rules_that_match(text):
    check([text])


def test_a_kept_page_of_the_sample_passes_the_published_rules_that_match():
    pages = [page.text for shard in sample_pages() for page in shard]
    assert check(pages) > 20


@pytest.mark.skipif("PROX_LABELLED_PAGES" not in os.environ, reason="PROX_LABELLED_PAGES names no labelled pages")
def test_a_kept_labelled_page_passes_the_published_rules_that_match():
    pages = pl.read_parquet(Path(os.environ["PROX_LABELLED_PAGES"]), columns=["text_full"])["text_full"].to_list()
    assert check(pages) > 1000


@pytest.mark.parametrize("mark", sorted({*c4.END_MARKS, *fineweb.TERMINAL_PUNCTUATION}))
def test_what_ends_a_line_for_c4_and_fineweb_ends_it_for_the_rules(mark):
    assert ends_sentence(f"The end{mark}")
