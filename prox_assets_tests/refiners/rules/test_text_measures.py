"""What the rules count, in many scripts: words, letters, sentences and their ends, whatever stands behind an end."""

import re
import unicodedata

import pytest
import regex

from prox_assets.programs.words import count_words
from prox_assets.refiners.rules.config import DocumentRuleSettings, LineRuleSettings, RuleSettings
from prox_assets.refiners.rules.refiner import chunk_program, document_program
from prox_assets.refiners.rules.sentences import count_sentences, ends_sentence
from prox_assets_tests.refiners.sound_prose import SOUND_PROSE

DEFAULT = RuleSettings()
PROSE = SOUND_PROSE["English"]
GERMAN = (
    "Der Turm wurde nach zwei Wintern fertig, und sein Wärter entzündete jeden Abend die große Lampe über dem Hafen.\n"
    "Als später der Strom auf die Insel kam, blieb das alte Uhrwerk, und es läuft bis heute ohne jeden Fehler.\n"
    "Besucher dürfen es an jedem ersten Sonntag selbst aufziehen, wenn sie vorher einen Platz dafür bestellt haben.\n"
    "Viele kommen wieder, weil man von oben weit über das Meer sehen kann, bis zu den Bergen auf der anderen Seite."
)


def decision(text: str, **documents: object) -> str:
    settings = RuleSettings(documents=DocumentRuleSettings.model_validate(documents))
    return document_program(text, settings)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), ("two words", 2), ("灯塔很高", 2), ("灯", 1), ("see 灯塔 there", 3), ("한국어 문장", 2)],
)
def test_words_are_counted_with_and_without_spaces(text, words):
    assert count_words(text) == words


def test_sentences_and_their_ends_are_found_in_several_scripts():
    assert count_sentences('One. "Two!" Three? 3.5 is no end. 灯塔很高。它很老。') == 6
    assert all(
        map(ends_sentence, ["An end.", "One (too.)", "“Quoted.”", "灯塔很高。", "यह है।", "ပြီးပြီ။", "ចប់ហើយ។", "རྫོགས་སོ།"])
    )
    assert not any(map(ends_sentence, ["A heading", "Share:", "a, b,", ""]))


# Behind the full stop of every sentence, none of which ends it any less.
BEHIND = {
    "right-to-left mark": "\u200f",
    "left-to-right mark": "\u200e",
    "zero-width space": "\u200b",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "word joiner": "\u2060",
    "end of an isolate": "\u2069",
    "end of an embedding": "\u202c",
    "two of them": "\u200b\ufeff",
    "one behind a space": " \u200b",
    "control character": "\x08",
    "variation selector": "\ufe0f",
    "no-break space": "\u00a0",
    "carriage return": "\r",
    "citation": "[1]",
    "citations": "[1][23]",
    "citation behind a space": " [1]",
    "Persian citation": "[۱۲]",
    "request for a citation": "[citation needed]",
    "the same in German": "[Quelle fehlt]",
    "note": "[note 2]",
    "fullwidth citation": "［１］",
    "superscript": "¹²",
    "superscript in brackets": "⁽¹⁾",
    "dagger": "†",
    "asterisk": "*",
    "quote, German and Russian": "“",
    "quote, Danish": "«",
    "quote, French": " »",
    "quote, single": "‹",
    "quote, Japanese": "』",
    "quote, fullwidth": "＂",
    "bracket": ")",
    "bracket, fullwidth": "）",
    "bracket, Chinese": "》",
    "quote and citation": "”[1]",
    "citation and mark": "[1]\u200f",
    "emoji": " 🎉",
    "emoji with skin and joiner": " 👩🏽\u200d🚀",
    "heart": "❤️",
    "bold": "**",
}
ENDS = ".!?…。！？．｡।॥؟۔։።፧។၊။།‼‽⁇᙮᠃‥"


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
@pytest.mark.parametrize("language", ["English", "Hebrew", "Russian", "Hindi", "Japanese"])
def test_what_stands_behind_the_end_of_a_sentence_is_passed_over(language, behind):
    lines = [line + behind for line in SOUND_PROSE[language]]
    for text in ("\n".join(lines), " ".join(lines)):
        assert document_program(text, DEFAULT) == "keep_doc()"
        assert chunk_program(text, DEFAULT).startswith(("keep_chunk()", "normalize("))
    strict = RuleSettings(lines=LineRuleSettings(require_terminal_punctuation=True, strip_citations=False))
    assert chunk_program("\n".join(lines), strict) == "keep_chunk()"


@pytest.mark.parametrize("end", ENDS)
def test_every_mark_that_ends_a_sentence_does_so_in_every_rule(end):
    lines = [line.rstrip(".") + end for line in SOUND_PROSE["Russian"]]
    assert all(map(ends_sentence, lines))
    for text in ("\n".join(lines), " ".join(lines)):
        assert count_sentences(text) == len(lines)
        assert "sentences" not in document_program(text, DEFAULT)


def test_all_of_unicodes_sentence_terminals_end_a_sentence():
    terminals = [chr(code) for code in range(0x20000) if regex.match(r"\p{Sentence_Terminal}", chr(code))]
    assert len(terminals) > 150
    assert [mark for mark in terminals if not ends_sentence(f"word{mark}")] == []
    assert [mark for mark in terminals if count_sentences(f"word{mark} word") != 1] == []


@pytest.mark.parametrize(
    "line",
    [
        "Πού είναι ο τοίχος;",
        "Պատը կանգնած է մինչև այսօր:",
        "ግድግዳው ዛሬም እዚያው ቆሟል፡፡",
        "He left. [Laughter]",
        "(He left.)",
        "[He left.]",
        "He left.)]}*",
        "“He left,” she said.”",
        "He left (twice.) [a][b] ¹",
    ],
)
def test_a_line_ends_a_sentence(line):
    assert ends_sentence(line)
    assert count_sentences(line) == 1


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\u200b",
        "]]]",
        "[1]",
        "A heading",
        "A heading [1]",
        "A heading [edit]\u200f",
        "A heading 🎉",
        "Share:",
        "int x = 1;",
        "a, b,",
        "Πόλη: Αθήνα",
        "हिन्दी में शीर्षक",
        "ግድግዳው፡",
        "Done. [" + "x" * 60 + "]",
        "Chapter 1.2",
        "Next page ›",
        "« Previous «",
        "title = f(x)",
    ],
)
def test_a_line_without_an_end_has_none_whatever_stands_behind_it(line):
    assert not ends_sentence(line)
    assert not ends_sentence(line + "\u200f ")


def test_a_heading_in_brackets_or_with_a_citation_is_no_sentence_for_the_rules():
    lines = [f"{line.rstrip('.')} [1]" for line in SOUND_PROSE["English"]]
    assert document_program("\n".join(lines), DEFAULT).startswith("drop_doc()  # c4: sentences 0")


@pytest.mark.parametrize("language", SOUND_PROSE)
@pytest.mark.parametrize("between", ["\n", " ", "\n\n", "\r\n"])
def test_sound_prose_is_kept_whole_in_every_script(language, between):
    text = between.join(SOUND_PROSE[language])
    for form in ("NFC", "NFD"):
        page = unicodedata.normalize(form, text)
        assert document_program(page, DEFAULT) == "keep_doc()"
        assert chunk_program(page, DEFAULT) == "keep_chunk()"


def test_the_mean_word_length_is_asked_of_alphabets_only():
    assert decision(" ".join(SOUND_PROSE["Korean"]), max_mean_word_characters=1.0) == "keep_doc()"
    for language in ("English", "Russian", "Greek", "Hebrew", "Arabic", "Georgian", "Armenian"):
        page = " ".join(SOUND_PROSE[language])
        assert "mean_word_characters" in decision(page, max_mean_word_characters=3.0), language
    spelled = " ".join(re.sub(r"(\w)", r"\1 ", line) for line in SOUND_PROSE["English"])
    assert decision(spelled).startswith("drop_doc()  # gopher: mean_word_characters")


def test_points_accents_and_hyphens_that_are_not_seen_make_no_word_longer():
    hyphenated = "\n".join(re.sub(r"(\w\w)", "\\1\u00ad\u200b", line) for line in PROSE)
    assert decision(hyphenated) == "keep_doc()"


def test_stop_words_are_asked_of_their_own_language_and_its_neighbours():
    vietnamese = "\n".join(SOUND_PROSE["Vietnamese"])
    assert decision(vietnamese) == "keep_doc()"
    assert decision(vietnamese, stop_words=("của", "không", "được", "người")).startswith("keep")
    assert "stop_words" in decision(vietnamese, stop_words=("ởểỗ", "đăâêôơư", "áàảãạấầẩẫậ", "éèẻẽẹếềểễệ", "íìỉĩị"))
    assert "stop_words" in decision(GERMAN)


def test_what_is_not_seen_at_the_ends_of_lines_decides_nothing():
    page = ["Home", "• Log in", "Share | Tweet", "", *PROSE, "", "Next post", "main():", "run():"]
    plain = "\n".join(page)
    for mark in ("\r", "\u200b", "\ufeff", " \u200f\r"):
        marked = "\n".join(line + mark for line in page)
        assert chunk_program(marked, DEFAULT) == chunk_program(plain, DEFAULT), mark
        assert document_program(marked, DEFAULT) == document_program(plain, DEFAULT), mark
    assert chunk_program("\n".join("\u200e" + line for line in page), DEFAULT) == chunk_program(plain, DEFAULT)


def test_words_between_ethiopic_word_spaces_are_counted():
    assert count_words("ግድግዳው፡ዛሬም፡እዚያው ቆሟል።") == 4
