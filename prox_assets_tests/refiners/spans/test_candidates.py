"""Candidates inside lines: what is found, what is left where they go, and what is never touched."""

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_assets.programs.words import cuts_word
from prox_assets.refiners.spans.candidates import LINE_CANDIDATES, LINE_CHARACTERS, SPAN_CHARACTERS, find_candidates
from prox_assets.refiners.spans.patterns import PATTERNS, NoiseKind

# A line, the kind of its one candidate, and the line without it.
FOUND = [
    ("The guide at https://a.org/x?y=1. It helps.", "url", "The guide at. It helps."),
    ("The guide (https://a.org/x_(y)) helps.", "url", "The guide helps."),
    ("Watch this pic.twitter.com/Ab1 today.", "url", "Watch this today."),
    ("Ask Ann <ann.b@mail.example.org> about it.", "email", "Ask Ann about it."),
    ("They wrote to [email protected] in May.", "email", "They wrote to in May."),
    ("It was built in 1904.[12][13] It burned.", "citation", "It was built in 1904. It burned."),
    ("It was built in 1904.[12]It burned.", "citation", "It was built in 1904. It burned."),
    ("Early life[edit]", "citation", "Early life"),
    ("This is disputed [citation needed], some say.", "citation", "This is disputed, some say."),
    ("The plan has limits.² It ends soon.", "citation", "The plan has limits. It ends soon."),
    ("The lake froze. Share on Facebook Share it was cold.", "share", "The lake froze. Share it was cold."),
    ("The lake froze. Facebook Twitter Pinterest Email", "share", "The lake froze."),
    ("Share Tweet Pin It The lake froze.", "share", "The lake froze."),
    ("The lake froze. 12 comments", "share", "The lake froze."),
    ("It rained. Advertisement It stopped.", "advertisement", "It rained. It stopped."),
    ("It rained. ADVERTISEMENT - CONTINUE READING BELOW It stopped.", "advertisement", "It rained. It stopped."),
    ("It rained. Story continues below advertisement It stopped.", "advertisement", "It rained. It stopped."),
    ("Sunny | | | Rain", "separator", "Sunny | Rain"),
    ("Sunny ----- Rain", "separator", "Sunny Rain"),
    ("Sunny....... Then rain", "separator", "Sunny... Then rain"),
    ("previous page |", "separator", "previous page"),
    ("• • • Start here", "separator", "Start here"),
    ("The end of it. Read more »", "call_to_action", "The end of it."),
    ("The end of it. Sign up for our daily newsletter", "call_to_action", "The end of it."),
    ("The report (opens in new window) is out.", "link_note", "The report is out."),
    ("The dam broke. Photo: Ann Lee/Getty Images", "credit", "The dam broke."),
    ("(AP Photo/Ann Lee) The dam broke.", "credit", "The dam broke."),
    ("A walk in the park 5 min read", "timestamp", "A walk in the park"),
    ("Updated 3 hours ago | A walk in the park", "timestamp", "| A walk in the park"),
    ("The dam broke. READ ALSO: Ten ways to build a dam", "related", "The dam broke."),
    ("The dam broke (Related: ten dams that broke) at night.", "related", "The dam broke at night."),
    ("The da\u00adm broke.", "invisible", "The dam broke."),
    ("The dam \u200b broke.", "invisible", "The dam broke."),
]


@pytest.mark.parametrize(("line", "kind", "without"), FOUND)
def test_a_fragment_is_found_whole_and_leaves_no_gap(line, kind, without):
    (candidate,) = find_candidates(line)
    assert (candidate.kind, candidate.apply(line)) == (kind, without)


@pytest.mark.parametrize(
    "line",
    [
        "A plain sentence about rain, snow and ice; nothing else.",
        "https://example.org/a/page",
        "  • Share on Facebook",
        "Advertisement",
        "[1]",
        "He said... nothing.",
        "He said — as always — nothing.",
        "The colour teal and the price 1.50 are fine.",
        "Two years ago it rained.",
        "Family emoji 👩\u200d👩\u200d👧 stay whole.",
        "می\u200cخواهم بروم",
        "don\ufffdt touch",
        "the ratio a/b/c and x.y.z",
        "| Do you want one thread? |",
        "  | Multi-threaded | yes |        |",
    ],
)
def test_ordinary_text_and_whole_lines_are_no_candidates(line):
    assert find_candidates(line) == []


def test_only_kinds_that_are_asked_for_are_found():
    line = "One[1] and www.a.org too."
    assert [span.kind for span in find_candidates(line)] == ["citation", "url"]
    assert [span.kind for span in find_candidates(line, [NoiseKind.URL])] == ["url"]


def test_the_longest_of_spans_that_begin_together_wins_and_none_overlaps():
    line = "The dam broke. Photo: Ann Lee/Getty Images https://a.org/x and more."
    spans = find_candidates(line)
    assert all(left.end <= right.start for left, right in itertools.pairwise(spans))
    assert line[spans[0].start : spans[0].end].startswith(" Photo: Ann Lee/Getty")


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_span_between_letters_of_one_word_is_left_out(side):
    line = {"left": "abcADVERTISEMENT is here", "right": "It is Advertisementx here"}[side]
    assert find_candidates(line) == []


def test_brackets_without_a_partner_stay_in_the_text():
    line = "The dam (Photo: Ann Lee, 1904) broke (see Getty Images for it)."
    for span in find_candidates(line):
        text = line[span.start : span.end]
        assert (text.count("("), text.count("[")) == (text.count(")"), text.count("]"))


def test_limits_hold_for_count_and_length():
    assert len(find_candidates("word[1] " * 500)) == LINE_CANDIDATES
    assert find_candidates("see http://a.org/" + "x" * SPAN_CHARACTERS + " now") == []
    assert find_candidates("a" * LINE_CHARACTERS + " see www.a.org now") == []


PIECES = [
    *[
        "* ",
        "-",
        "- ",
        ". ",
        ".",
        "…",
        "| ",
        "[1] ",
        "[1]",
        "http://",
        "www.",
        "a@",
        "a.",
        "Share ",
        "facebook ",
        "AD ",
    ],
    *["Read ", "(", "[", "Photo: ", "AP/", "Aa Bb/", "/ ", ">", "Related: ", "» ", "·", " ", "\t", "1 ", "12 min", "x"],
    *["Posted by Aa ", "click here to a ", "\u200b", "\ufffd", "²", "a1.1", "12,", "Updated: ", "sign up to our a-a "],
    *[
        "\u200d",
        "\u200d\u200b",
        "ക്\u200d",
        "\u2066",
        "\u202ax\u202c",
        "\u2066\u202a",
        "\u2069",
        "[\u2066]",
        "\u2066\u2069",
    ],
]


@pytest.mark.parametrize("piece", PIECES)
def test_the_time_grows_no_faster_than_the_line(piece):
    """A pattern that tries again from each place would take hours for a line of 200,000 characters."""
    ends = " click here more @ :// www. share|"
    started = time.process_time()
    find_candidates((piece * LINE_CHARACTERS)[: LINE_CHARACTERS - len(ends)] + ends)
    assert time.process_time() - started < 10


def test_every_kind_has_a_pattern_and_an_example_that_its_triggers_let_through():
    assert {noise.kind for noise in PATTERNS} == set(NoiseKind) == {kind for _, kind, _ in FOUND}


FRAGMENTS = st.sampled_from(
    [
        *(line for line, _, _ in FOUND),
        "word",
        " ",
        "  ",
        ".",
        "[1]",
        "https://a.org",
        "\u200b",
        "|",
        "語",
        "(",
        ")",
        "Ad",
    ]
)


@settings(max_examples=300)
@given(st.lists(FRAGMENTS, max_size=6).map("".join))
def test_candidates_are_ordered_whole_words_that_grow_no_text(line):
    done = 0
    for span in find_candidates(line):
        assert done <= span.start < span.end <= len(line)
        assert not cuts_word(line, span.start)
        assert not cuts_word(line, span.end)
        assert len(span.replacement) < max(2, span.end - span.start)
        done = span.end
