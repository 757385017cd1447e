"""The families' verdicts against datatrove's filters, where datatrove is installed.

datatrove counts words with spaCy's tokeniser and sentences with spaCy's rules. Handed the definitions of words and
sentences used here, its filters must say the same of every text. What the definitions themselves change is measured by
`python -m benchmarks.rule_signals` and told in docs/monitoring.md.
"""

import os
import random
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import prox_assets.corpora.sample
from prox_assets.monitoring.signals import document_signals
from prox_assets.published_rules.c4 import SENTENCE_END
from prox_assets.published_rules.fineweb import TERMINAL_PUNCTUATION
from prox_assets.training.data.pages import PAGES_VARIABLE

pytest.importorskip("spacy")
Document = pytest.importorskip("datatrove.data").Document
filters = pytest.importorskip("datatrove.pipeline.filters")
repetition = filters.gopher_repetition_filter

MOST_PAGES = 300


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Documents of the sample, texts drawn from few words so that much repeats, and real pages where there are any."""
    shards = Path(prox_assets.corpora.sample.__file__).parent / "shards"
    found = pl.read_parquet(shards / "*.parquet")["text"].to_list()
    chance = random.Random(4)
    vocabulary = ["the", "boat", "sails.", "of", "to", "tide!", "{", "#", "…", "and", "with", "javascript", '"so."']
    for _ in range(300):
        words = chance.choices(
            vocabulary, weights=chance.choices(range(1, 9), k=len(vocabulary)), k=chance.randint(1, 400)
        )
        found.append("".join(word + chance.choice("     \n") for word in words))
    if PAGES_VARIABLE in os.environ:
        found += pl.read_parquet(os.environ[PAGES_VARIABLE])["text_full"].head(MOST_PAGES).to_list()
    # What is told in the docs is out of the way here: other line breaks, white space around lines, upper case.
    return [
        re.sub(r"\n{3,}", "\n\n", "\n".join(" ".join(line.split()) for line in text.split("\n"))).strip().lower()
        for text in found
    ]


@pytest.fixture(autouse=True)
def _definitions_of_words_and_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (filters.gopher_quality_filter, repetition, filters.fineweb_quality_filter):
        monkeypatch.setattr(module, "split_into_words", lambda text, language: text.split())
    monkeypatch.setattr(
        filters.gopher_quality_filter, "PUNCTUATION_SET", set()
    )  # "-" is a word, as it is for a space's sake
    monkeypatch.setattr(
        filters.c4_filters,
        "split_into_sentences",
        lambda line, language: re.findall(SENTENCE_END, line) or [line],
    )


def disagreements(texts: list[str], family: str, oracle: Any) -> list[tuple[str, Any]]:
    ours = document_signals(pl.LazyFrame({"text": texts})).collect()[f"passes_{family}"].to_list()
    verdicts = [oracle.filter(Document(text, str(number))) for number, text in enumerate(texts)]
    assert 0 < sum(ours) < len(ours), "the texts must pass and fail"
    return [
        (text, theirs) for text, mine, theirs in zip(texts, ours, verdicts, strict=True) if mine != (theirs is True)
    ]


def test_gopher_quality_says_what_datatrove_says(texts: list[str]):
    without_blank_lines = [re.sub(r"\n+", "\n", text) for text in texts]  # datatrove counts them as lines
    assert disagreements(without_blank_lines, "gopher_quality", filters.GopherQualityFilter()) == []


def test_c4_says_what_datatrove_says(texts: list[str]):
    assert disagreements(texts, "c4", filters.C4QualityFilter()) == []


def test_fineweb_says_what_datatrove_says(texts: list[str]):
    oracle = filters.FineWebQualityFilter(stop_chars=TERMINAL_PUNCTUATION)
    assert disagreements(texts, "fineweb", oracle) == []


def test_repeated_lines_and_frequent_ngrams_say_what_datatrove_says(texts: list[str]):
    """Its most frequent n-gram may occur once, so texts are long enough for that not to matter."""
    long = [text for text in texts if len(text.split()) >= 60]
    frame = document_signals(pl.LazyFrame({"text": long})).collect()
    for text, row in zip(long, frame.iter_rows(named=True), strict=True):
        words = text.split()
        lines, paragraphs = re.split(r"\n+", text), re.split(r"\n{2,}", text)
        for name, parts in (("line", lines), ("paragraph", paragraphs)):
            elements, characters = repetition.find_duplicates(parts)
            assert row[f"duplicate_{name}_share"] == pytest.approx(elements / len(parts))
            assert row[f"duplicate_{name}_character_share"] == pytest.approx(characters / len(text))
        for n in (2, 3, 4):
            ngrams = repetition.get_n_grams(words, n)
            once = len(set(ngrams)) == len(ngrams)
            expected = 0 if once else repetition.find_top_duplicate(ngrams) / len(text)
            assert row[f"top_{n}_gram_character_share"] == pytest.approx(expected)


def test_duplicate_ngrams_are_datatroves_and_the_rest_of_each_repeated_passage(texts: list[str]):
    frame = document_signals(pl.LazyFrame({"text": texts})).collect()
    more = 0
    for text, row in zip(texts, frame.iter_rows(named=True), strict=True):
        for n in range(5, 11):
            theirs = repetition.find_all_duplicate(text.split(), n) / max(len(text), 1)
            ours = row[f"duplicate_{n}_gram_character_share"] or 0.0
            assert ours >= theirs - 1e-12
            assert (ours == 0) == (theirs == 0)
            more += ours > theirs
    assert more > 0
