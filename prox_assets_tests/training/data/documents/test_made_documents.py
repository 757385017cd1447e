"""Synthetic documents: sound ones made of main content, and bad ones of families, some kept for evaluation."""

import random

import pytest

from prox_assets.corpora.sample.decisions import sound_pages, worthless_pages
from prox_assets.training.data.documents.bad import FAMILIES, HELD_OUT, framed
from prox_assets.training.data.documents.short import SHORT_WORDS, short_documents
from prox_assets.training.data.documents.sound import PARAGRAPH_WORDS, paragraphs, sound_documents, word_count
from prox_assets.training.data.documents.worthless import synthetic_documents
from prox_assets.training.data.page_annotations import TEXT_SEPARATOR, document_annotations
from prox_assets_tests.training.synthetic_pages import labelled_page, page


def pages(count):
    return [labelled_page(**page(number)) for number in range(count)]


@pytest.mark.parametrize("family", FAMILIES)
def test_documents_of_a_family_differ_and_do_not_hold_a_page_as_it_was(family):
    made = [document.text for document in synthetic_documents(pages(10), 30, 1, [family])]
    assert len(set(made)) >= 10
    assert all(text.strip() for text in made)
    whole = {page.gold for page in pages(10) if word_count(page.gold) > 100}
    assert not any(gold in text for gold in whole for text in made)


def test_families_that_are_held_out_are_in_no_annotation():
    kinds = {row["page_type"] for row in document_annotations(pages(40), 0) if row["annotator"] == "made"}
    assert kinds == set(FAMILIES) - set(HELD_OUT)
    assert set(HELD_OUT) < set(FAMILIES)


def test_paragraphs_are_whole_lines_of_50_to_200_words_and_long_lines_are_cut_at_sentences():
    gold = pages(1)[0].gold
    long_line = " ".join(f"Sentence number {number} has exactly seven words." for number in range(80))
    low, high = PARAGRAPH_WORDS
    for text in (gold, long_line):
        found = paragraphs(text)
        assert found
        assert all(low <= word_count(paragraph) <= high for paragraph in found)
    assert all(line in gold.split("\n") for paragraph in paragraphs(gold) for line in paragraph.split("\n"))
    assert all(paragraph.endswith(".") for paragraph in paragraphs(long_line))
    assert paragraphs("too short") == []


def test_in_scripts_without_spaces_two_letters_are_a_word():
    assert word_count("漢字" * 60) == 60
    assert len(paragraphs("漢字" * 60)) == 1


def test_sound_documents_are_those_of_their_page_and_some_stand_between_its_menus():
    one = pages(1)[0]
    made = dict(sound_documents(one, 0))
    assert made == dict(sound_documents(one, 0))
    assert "paragraph0" in made
    silver = labelled_page(**{**page(1), "gold": ""})
    assert "main" in dict(sound_documents(silver, 0))
    menu = one.text_full.split("\n")[0]
    shown = [text for number in range(30) for _, text in sound_documents(one, number)]
    assert any(text.startswith(menu) for text in shown)
    assert not all(text.startswith(menu) for text in shown)


GOLD = (
    "The first boat leaves at six in the morning. It carries the post, and whoever has to be at work by eight. "
    "Why so early? Because the tide will not wait for anybody.\n"
    "Prices from 12.99 ...\nRead more\n"
    "In winter the boat is replaced by a bus. The bus takes twice as long, but it also runs on Sundays and in storms."
)


def test_short_documents_have_10_to_50_words_in_whole_sentences_of_the_text():
    low, high = SHORT_WORDS
    kinds: set[str] = set()
    for seed in range(60):
        for kind, text in short_documents(random.Random(seed), GOLD):
            kinds.add(kind.strip("0123456789"))
            assert low <= len(text.split()) <= 1.5 * high, text
            assert "12.99" not in text
            assert "{" not in text or "code" in kind
            if kind.startswith("short-"):
                continue
            assert text in GOLD
            assert text.endswith((".", "?"))
    assert "short" in kinds
    assert len(kinds) == 15
    assert list(short_documents(random.Random(0), "Home\nAbout us\nSee all of our 24 offers ...")) == []


def test_short_texts_that_go_on_elsewhere_and_menus_are_no_whole_sentences():
    cut = [one.text for one in synthetic_documents(pages(10), 60, 1, ["cut_text"])]
    assert sum(text.rstrip()[-1].isalpha() or "..." in text or "…" in text or "[" in text for text in cut) >= 50
    menus = [one.text for one in synthetic_documents(pages(10), 60, 1, ["menu"])]
    assert min(len(text.split()) for text in menus) < 10
    assert not any("{" in text for text in [*cut, *menus])


def test_a_frame_is_the_pages_own_boilerplate():
    one = pages(1)[0]
    lines = framed(random.Random(2), ["inside"], one).split("\n")
    around = {line for line, label in zip(one.text_full.split("\n"), one.keep_full, strict=True) if label == 0}
    assert "inside" in lines
    assert set(lines) - {"inside"} <= around


def test_a_page_that_is_dropped_gives_no_sound_documents():
    listing = labelled_page(**page(4))
    ids = [row["doc_id"].rpartition(TEXT_SEPARATOR)[2] for row in document_annotations([listing], 0)]
    assert ids[:3] == ["text_full", "text_main", "gold"]
    assert not any(name.startswith("paragraph") for name in ids)


def test_the_sample_says_which_of_its_pages_are_sound():
    sound, worthless = ({page.url for page in chosen} for chosen in (sound_pages(), worthless_pages()))
    assert not sound & worthless
    assert len(sound) > 80
    assert len(worthless) > 20
