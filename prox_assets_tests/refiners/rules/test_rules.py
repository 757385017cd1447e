"""The rules refiner: what goes, what stays, why, and that no text makes it fail or take long."""

import os
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.programs.chunking import Chunk
from prox_assets.programs.dialects.prox import parse
from prox_assets.programs.execution.executor import execute
from prox_assets.programs.operations import DropDoc, KeepDoc, Normalize, RemoveLines
from prox_assets.programs.words import count_words
from prox_assets.refiners.open import open_chunk_refiner, open_document_refiner
from prox_assets.refiners.presets import preset
from prox_assets.refiners.protocol import RefinerInput
from prox_assets.refiners.rules.citations import citation_marks
from prox_assets.refiners.rules.config import DocumentRuleSettings, LineRuleSettings, RuleSettings
from prox_assets.refiners.rules.refiner import RulesChunkRefiner, RulesDocumentRefiner, chunk_program, document_program
from prox_assets.refiners.rules.sentences import count_sentences

DEFAULT = RuleSettings()
PROSE = [
    "The tower was finished in 1871, after two winters of storms had carried the scaffolding away twice.",
    "Its keeper lit the lamp every evening at dusk and wound the clockwork that turned the lens by hand.",
    "When electricity came to the island, the clockwork was kept as a reserve, and it still works today.",
    "Visitors may wind it themselves on the first Sunday of each month, if they have booked a place.",
]
ARTICLE = "\n".join(PROSE)
CHINESE = "\n".join(
    [
        "灯塔建于一八七一年，当时两个冬天的暴风雨曾两次把脚手架卷走，工人们不得不重新开始。",
        "守塔人每天黄昏点亮灯火，并用手给转动透镜的钟表机构上发条，每四个小时一次，从不间断。",
        "后来岛上通了电，旧的机构仍然保留下来作为备用，直到今天还能正常运转，游客可以亲自试一试。",
    ]
)
GERMAN = "Der Turm wurde nach zwei Wintern fertig, und sein Wärter entzündete jeden Abend die große Lampe. " * 4


def refined(text: str, settings: RuleSettings = DEFAULT) -> str:
    chunk = Chunk(0, 0, text.count("\n"))
    return execute(text, [(chunk, chunk_program(text, settings))]).text


def decision(text: str, **documents: object) -> str:
    settings = RuleSettings(documents=DocumentRuleSettings.model_validate(documents))
    return document_program(text, settings)


def test_menus_banners_and_share_buttons_go_and_the_article_stays():
    noise_before = ["Home", "About us", "Contact", "Sign in", "Products", "Support", "Skip to content"]
    noise_after = [
        "Share this article on Facebook",
        "This site uses cookies to serve you better.",
        "Next post",
        "Imprint",
    ]
    page = [*noise_before, "The lighthouse at Harrow Point", *PROSE, *noise_after]
    assert refined("\n".join(page)).split("\n") == ["The lighthouse at Harrow Point", *PROSE]


def test_headings_lists_and_code_inside_an_article_stay():
    page = [
        "How it works",
        *PROSE[:2],
        "What you need:",
        "- a lamp",
        "- a lens",
        "- a clock",
        *PROSE[2:],
        "def light(lamp):",
        "    lamp.on = True",
        "    return lamp",
        *PROSE[:2],
    ]
    assert refined("\n".join(page)).split("\n") == page


def test_a_page_without_any_prose_is_not_mistaken_for_a_menu():
    poem = "\n".join(["The light goes round", "and round the bay", "and finds no ship", "to send away"])
    assert refined(poem) == poem


def test_prose_about_cookies_and_javascript_is_not_a_notice():
    line = (
        "A browser that runs JavaScript can be told apart from one that does not, and a site that uses cookies can "
        "tell its visitors apart too, which is why both are part of every discussion of privacy on the web today."
    )
    assert line in refined("\n".join([*PROSE, line]))
    assert "javascript" not in refined("\n".join([*PROSE, "Please enable JavaScript to view comments."])).lower()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Please enable JavaScript.", "c4: javascript"),
        ("By going on you accept our privacy policy.", "c4: policy_phrase 'privacy policy'"),
        ("Share | Tweet | Pin it", "widget: only controls"),
        ("x" * 1001, "c4: word_characters 1001 > 1000"),
    ],
)
def test_every_removal_says_which_rule_asked_for_it(line, reason):
    program = chunk_program("\n".join([*PROSE, line]), DEFAULT)
    assert program == f"remove_lines(line_start=4, line_end=4)  # {reason}"


def test_a_long_word_is_no_reason_in_a_script_without_spaces():
    line = "灯塔" * 800 + "。"
    assert line in refined(f"{CHINESE}\n{line}")


def test_c4s_terminal_punctuation_rule_can_be_turned_on():
    settings = RuleSettings(
        lines=LineRuleSettings(require_terminal_punctuation=True, remove_isolated_short_lines=False)
    )
    text = "\n".join(["A heading", *PROSE, "Too short."])
    program = chunk_program(text, settings)
    assert refined(text, settings) == ARTICLE
    assert "# c4: no_terminal_punctuation" in program
    assert "# c4: words 2 < 3" in program


def test_blank_lines_go_with_the_line_before_them():
    text = "\n".join([*PROSE, "", "Share", "", "Tweet", "", "Log in"])
    assert refined(text) == f"{ARTICLE}\n"


def test_citation_marks_are_normalized_only_where_every_occurrence_is_one():
    text = "\n".join(
        [f"{PROSE[0]}[1][2]", f"{PROSE[1]}[citation needed]", *PROSE[2:], "value = table[2]", "[3] Smith, 1871."]
    )
    operations = parse(chunk_program(text, DEFAULT)).operations
    assert [operation for operation in operations if isinstance(operation, Normalize)] == [
        Normalize("[1]", ""),
        Normalize("[citation needed]", ""),
    ]
    assert citation_marks(["as shown [1].", "see text[1] and more[edit]"]) == ["[edit]"]


def test_a_good_page_is_kept():
    assert document_program("\n".join(["Home", "Contact", *PROSE]), DEFAULT) == "keep_doc()"


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("Too short to say anything.", "drop_doc()  # gopher: words 5 < 50"),
        (" ".join(["lighthouse"] * 60) + ". A. B.", "drop_doc()  # gopher: stop_words 0 < 2"),
        (ARTICLE + " ..." * 12, "drop_doc()  # gopher: ellipsis_ratio"),
        (ARTICLE + " #" * 12, "drop_doc()  # gopher: hash_ratio"),
        (ARTICLE + " 12 34 56" * 8, "drop_doc()  # gopher: alphabetic_words"),
        (ARTICLE + "\nLorem ipsum dolor sit amet, and so on.", "drop_doc()  # c4: lorem_ipsum 1 > 0"),
        (ARTICLE.replace(".", " and"), "drop_doc()  # c4: sentences 0 < 3"),
        ("\n".join([PROSE[0]] * 6), "drop_doc()  # gopher: duplicate_lines 0.833 > 0.3"),
        (ARTICLE + " buy it now" * 12, "drop_doc()  # gopher: top_3gram_characters 0.228 > 0.18"),
    ],
)
def test_a_dropped_page_says_which_rule_and_by_how_much(text, program):
    assert document_program(text, DEFAULT).startswith(program)


def test_every_document_threshold_can_be_moved():
    assert decision(ARTICLE).startswith("keep")
    for setting, value in {
        "min_words": 1000,
        "max_words": 10,
        "min_mean_word_characters": 9.0,
        "max_mean_word_characters": 2.0,
        "min_alphabetic_words": 1.0,
        "min_stop_words": 1000,
        "min_sentences": 100,
        "short_line_characters": 1000,
        "max_newlines_per_word": 0.0,
        "max_top_bigram_characters": 0.0,
    }.items():
        assert decision(ARTICLE, **{setting: value}).startswith("drop_doc()  # "), setting


def test_curly_brackets_drop_a_page_only_when_asked_to():
    page = ARTICLE + " The set {1, 2} is finite."
    assert decision(page).startswith("keep")
    assert decision(page, drop_curly_brackets=True) == "drop_doc()  # c4: curly_brackets 1 > 0"


def test_a_page_in_a_script_without_spaces_is_kept_whole():
    assert count_words(CHINESE) > 50
    assert document_program(CHINESE, DEFAULT) == "keep_doc()"
    assert refined(CHINESE) == CHINESE


THAI = "\n".join(
    [
        "ฤดูฝนเป็นเวลาที่เหมาะสำหรับการปลูกต้นไม้ เพราะดินชุ่มชื้นและอากาศไม่ร้อนจัด ต้นกล้าจึงตั้งตัวได้เร็ว",
        "ขุดหลุมให้กว้างกว่ารากสองเท่า ผสมดินกับปุ๋ยคอกเก่า แล้ววางต้นกล้าให้ตรง กลบดินให้แน่นพอดี",
        "รดน้ำวันละครั้งในสองสัปดาห์แรก จากนั้นรดเมื่อหน้าดินแห้ง คลุมโคนต้นด้วยฟางเพื่อรักษาความชื้น",
    ]
)


def test_a_page_in_a_script_without_full_stops_is_not_asked_for_them():
    assert count_sentences(THAI) == 0
    assert document_program(THAI, DEFAULT) == "keep_doc()"
    assert document_program(f"{ARTICLE.replace('.', '')}", DEFAULT).startswith("drop_doc()  # c4: sentences 0")


def test_gophers_english_stop_words_can_be_exchanged_or_turned_off():
    assert decision(
        GERMAN, max_top_bigram_characters=1, max_top_trigram_characters=1, max_top_fourgram_characters=1
    ) == ("drop_doc()  # gopher: stop_words 0 < 2")
    for change in ({"stop_words": ("der", "und", "die")}, {"stop_words": ()}, {"min_stop_words": 0}):
        assert "stop_words" not in decision(GERMAN, **change)


@given(
    st.text()
    | st.lists(st.sampled_from([*PROSE, "", "Home", "- item", "f(x) = 1", "[1]", "Share", "灯塔。", "\ud800"])).map(
        "\n".join
    )
)
def test_any_text_gets_a_program_that_runs_without_a_failed_operation(text):
    document, chunk = document_program(text, DEFAULT), chunk_program(text, DEFAULT)
    assert parse(document).errors == ()
    assert parse(document).operations in ((KeepDoc(),), (DropDoc(),))
    result = execute(text, [(Chunk(0, 0, text.count("\n")), chunk)])
    assert result.operations_failed == 0
    assert (document, chunk) == (document_program(text, DEFAULT), chunk_program(text, DEFAULT))


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a ",
        "Home\n",
        "Share | ",
        "- item\n",
        "[1]",
        "a[1] ",
        "(((",
        "=" * 3,
        "if x(\n",
        "©",
        "灯",
        ". ",
        '"',
        "  ",
        "]",
        ".]",
        ".)\u200b",
        "\u200f",
        "．",
        "x[",
        "한",
        "\r",
        "\r\n",
        ".\r\n",
    ],
)
def test_time_grows_with_the_text_and_not_with_its_square(piece):
    def seconds(size: int) -> float:
        text = piece * size
        start = time.process_time()
        document_program(text, DEFAULT)
        chunk_program(text, DEFAULT)
        return time.process_time() - start

    # Sixteen times the text takes 16 times as long, or 256 times if something is quadratic.
    small = max(seconds(4_000), 0.01)
    assert seconds(64_000) < 100 * small


def test_blank_documents_are_skipped_and_results_come_one_for_one():
    pages = [RefinerInput("a", ARTICLE), RefinerInput("b", " \n "), RefinerInput("c", "")]
    documents = list(RulesDocumentRefiner().write_programs(pages))
    chunks = list(RulesChunkRefiner().write_programs(pages))
    assert [result.finish_reason for result in documents] == ["stop", "skipped", "skipped"]
    assert [(result.doc_id, result.rows[0].line_end, result.rows[0].skip_reason) for result in chunks] == [
        ("a", 3, None),
        ("b", 1, "blank"),
        ("c", 0, "blank"),
    ]


def test_the_preset_opens_without_an_engine():
    rules = preset("rules")
    assert rules.doc is not None
    assert rules.chunk is not None
    (document,) = open_document_refiner(rules.doc).write_programs([RefinerInput("a", ARTICLE)])
    (chunks,) = open_chunk_refiner(rules.chunk).write_programs([RefinerInput("a", ARTICLE)])
    assert (document.program, chunks.rows[0].program) == ("keep_doc()", "keep_chunk()")


def word_f1(text: str, gold: str) -> float:
    ours, theirs = (Counter(re.findall(r"\w+", part.lower())) for part in (text, gold))
    if not ours and not theirs:
        return 1.0
    return 2 * (ours & theirs).total() / (ours.total() + theirs.total())


@pytest.mark.skipif("PROX_LABELLED_PAGES" not in os.environ, reason="PROX_LABELLED_PAGES names no labelled pages")
def test_on_labelled_pages_the_rules_beat_c4s_line_rules_and_the_raw_text():
    import polars as pl

    pages = pl.read_parquet(Path(os.environ["PROX_LABELLED_PAGES"]), columns=["text_full", "gold"])
    c4 = RuleSettings(
        lines=LineRuleSettings(
            require_terminal_punctuation=True, remove_isolated_short_lines=False, remove_widgets=False
        )
    )

    def kept(text: str, settings: RuleSettings) -> str:
        removals = [call for call in parse(chunk_program(text, settings)).operations if isinstance(call, RemoveLines)]
        gone = {line for call in removals for line in range(call.start, call.end + 1)}
        return "\n".join(line for number, line in enumerate(text.split("\n")) if number not in gone)

    ours, theirs, raw = [], [], []
    for text, gold in pages.iter_rows():
        ours.append(word_f1(kept(text, DEFAULT), gold))
        theirs.append(word_f1(kept(text, c4), gold))
        raw.append(word_f1(text, gold))
    assert sum(ours) / len(ours) > sum(theirs) / len(theirs) + 0.01
    assert sum(ours) / len(ours) > sum(raw) / len(raw) + 0.05
