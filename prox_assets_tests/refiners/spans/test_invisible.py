"""Characters that are not seen: what a script needs is never proposed, and pairs of controls go whole or not at all."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_assets.programs import ExecutionPolicy, execute
from prox_assets.programs.operations import render
from prox_assets.refiners.spans.calls import NoiseSpan, normalize_calls
from prox_assets.refiners.spans.candidates import find_candidates
from prox_assets.refiners.spans.invisible import control_pairs

ZWNJ, ZWJ, SPACE = "\u200c", "\u200d", "\u200b"
NEEDED = {
    "Malayalam chillus, at the end of words": f"മതില്{ZWJ} ആ വര്{ZWJ}ഷത്തെ വസന്തത്തില്{ZWJ}",
    "Malayalam, before a full stop": f"ബോട്ടുകള്{ZWJ}. മതില്{ZWJ}, കല്ല്.",
    "Malayalam, before a citation in brackets": f"മതില്{ZWJ}(കല്ല്)",
    "Malayalam, at the beginning of a line": f"{ZWJ}മതില് one",
    "Hindi half forms": f"क्{ZWJ}ष और क्{ZWNJ}ष तथा र्{ZWJ}",
    "Marathi eyelash ra": f"वाऱ्{ZWJ}यावर दर्{ZWJ}या",
    "Bengali ya-phalaa and khanda ta": f"র‍্যাব র{ZWJ}্যা উত্{ZWJ} কাজ",
    "Kannada": f"ರ{ZWJ}್ಕ ಹಾರ್ಡ್{ZWNJ}ವೇರ್ one",
    "Telugu": f"క్రేన్{ZWNJ}ను one",
    "Tamil": f"க்{ZWNJ}ஷ one",
    "Gujarati": f"ક્{ZWJ}ષ one",
    "Sinhala": f"ශ්{ZWJ}රී ලංකා ක්{ZWJ}ෂ",
    "Persian": f"می{ZWNJ}خواهم خانه{ZWNJ}ها را one",
    "Persian, written twice": f"می{ZWNJ}{ZWNJ}خواهم",
    "Persian, before a space and digits": f"ه{ZWJ} 1402 می{ZWNJ} one",
    "Kurdish and Urdu": f"ئه{ZWNJ}وان گل{ZWNJ}دان one",
    "Arabic letter alone": f"{ZWJ}ه{ZWJ} and one",
    "Uyghur beside Latin": f"abc{ZWNJ}ئا one",
    "Khmer": f"ក្{ZWNJ}ក្រ one ប៉{ZWNJ}ី",
    "Khmer word spaces": f"ជញ្ជាំង{SPACE}កំពង់ផែ{SPACE}។ one",
    "Thai word spaces": f"กำแพง{SPACE}ท่าเรือ one",
    "Burmese word spaces": f"ဆိပ်ကမ်း{SPACE}တံတိုင်း one",
    "Tibetan": f"རྩིག{ZWJ}པ་{SPACE} one གྲུ{SPACE}ཁ",
    "Mongolian selectors and vowel separator": "ᠪᠠᠢ\u180eᠠ ᠭ\u180b one",
    "Balinese": f"ᬓ᭄{ZWJ}ᬱ one",
    "Hebrew": f"ל{ZWNJ}ם one",
    "family": f"one 👨{ZWJ}👩{ZWJ}👧{ZWJ}👦 two",
    "profession with a skin": f"one 👩🏽{ZWJ}🚀 two",
    "heart on fire": f"one ❤\ufe0f{ZWJ}🔥 two",
    "flag": f"one 🏳\ufe0f{ZWJ}🌈 two 🏴\U000e0067\U000e0062\U000e007f",
    "emoji that lost its other half": f"one 👩{ZWJ} two",
    "keycap": "one 1\ufe0f\u20e3 two",
    "variation of a letter": "葛\U000e0100飾 one",
}


@pytest.mark.parametrize("line", NEEDED.values(), ids=NEEDED)
def test_what_a_script_needs_is_no_candidate(line):
    assert find_candidates(line) == []


@pytest.mark.parametrize(
    ("line", "without"),
    [
        (f"The wall{ZWJ} stands.", "The wall stands."),
        (f"The wa{ZWNJ}ll stands.", "The wall stands."),
        (f"Le caf\u00e9{ZWJ} est ouvert.", "Le caf\u00e9 est ouvert."),
        (f"The wall{SPACE} stands.", "The wall stands."),
        (f"防波{SPACE}堤は今日も。", "防波堤は今日も。"),
        (f"മതില്{ZWJ}{SPACE} ഇന്നും", f"മതില്{ZWJ} ഇന്നും"),
        (f"മതില്{SPACE}{ZWJ}\ufeff ഇന്നും", f"മതില്{ZWJ} ഇന്നും"),
        ("The wall\u2069 stands.", "The wall stands."),
        ("The \u202bwall stands.", "The wall stands."),
    ],
)
def test_others_are_candidates_as_before_also_beside_those(line, without):
    for candidate in reversed(find_candidates(line)):
        line = candidate.apply(line)
    assert line == without


def test_a_joiner_that_is_noise_in_one_word_stays_in_the_word_that_needs_it():
    lines = [f"The wall{ZWJ} of മതില്{ZWJ} stands{SPACE} and ខ្មែរ{SPACE}ខ្មែរ."]
    spans = [NoiseSpan(0, span) for span in find_candidates(lines[0])]
    assert len(spans) == 2
    refined = execute(lines[0], [((0, 0), render(normalize_calls(lines, spans)))], ExecutionPolicy())
    assert refined.text == f"The wall of മതില്{ZWJ} stands and ខ្មែរ{SPACE}ខ្មែរ."
    assert refined.operations_failed == 0


@pytest.mark.parametrize("opening", "\u2066\u2067\u2068\u202a\u202b\u202d\u202e")
def test_a_pair_of_controls_stays_around_text_and_goes_with_what_it_holds(opening):
    closing = "\u2069" if opening in "\u2066\u2067\u2068" else "\u202c"
    for line in (
        f"{opening}The wall stands.{closing}",
        f"The {opening}wall{closing} stands.",
        f"{opening}The {opening}wall{closing} stands.{closing}",
        f"The {opening}wall of 1904 and all{closing}",
    ):
        assert find_candidates(line) == []
    for held in ("https://a.org/b", "(https://a.org/b)", "[1]", "\u200b", ""):
        line = f"The wall {opening}{held}{closing} stands."
        [candidate] = find_candidates(line)
        assert {opening, closing}.isdisjoint(candidate.apply(line)), held
    line = f"The wall {opening}see https://a.org/b{closing} stands."
    [candidate] = find_candidates(line)
    assert line[candidate.start : candidate.end].strip() == "https://a.org/b"


def test_pairs_are_those_of_the_bidirectional_algorithm():
    assert control_pairs("a\u2066b\u202ac\u2069d\u202c") == {1: 5, 5: 1}
    assert control_pairs("\u202a\u2067x\u202c\u2069\u202c") == {0: 5, 5: 0, 1: 4, 4: 1}
    assert control_pairs("\u2069\u202c\u2066\u202a") == {}
    assert control_pairs("plain") == {}


PIECES = st.sampled_from(
    [
        *"\u2066\u2067\u2069\u202a\u202b\u202c",
        *(ZWJ, ZWNJ, SPACE, "\u200e", "\ufeff", "\ufe0f"),
        *("wall ", " ", "മതില്", "می", "👩", "ខ្មែរ", "[1]", "https://a.org", "(", ")", "Read more »", ".", "é"),
    ]
)


@settings(max_examples=400)
@given(st.lists(st.lists(PIECES, max_size=10).map("".join), min_size=1, max_size=3))
def test_whatever_is_taken_out_every_pair_is_whole_and_every_joiner_is_at_its_place(lines):
    spans = [NoiseSpan(number, span) for number, line in enumerate(lines) for span in find_candidates(line)]
    for number, span in spans:
        line, held = lines[number], range(span.start, span.end)
        assert all(partner in held for place, partner in control_pairs(line).items() if place in held)
        for place in held:
            before = line[place - 1] if place else ""
            if line[place] in (ZWJ, ZWNJ) and before and unicodedata.name(before).startswith(("MALAYALAM", "ARABIC")):
                # It goes as part of an address or a phrase, never by itself.
                assert span.kind != "invisible"
    text = "\n".join(lines)
    program = render(normalize_calls(lines, spans)) or None
    expected = execute(text, [((0, len(lines) - 1), program)], ExecutionPolicy(min_kept_share=0, min_kept_characters=0))
    assert expected.operations_failed == 0
