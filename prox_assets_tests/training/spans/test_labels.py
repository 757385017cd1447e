"""Which spans of real lines count as noise: the gold text where it decides, a rule for each kind elsewhere."""

import pytest

from prox_assets.refiners.spans.candidates import Candidate, find_candidates
from prox_assets.training.spans.labels import compact, label_span


def only(line: str) -> Candidate:
    (span,) = find_candidates(line)
    return span


NOISE = [
    "The river rose for nine days.[4] It fell in May.",
    "The river rose for nine days in spring[4][5] and fell in May.",
    "The count is disputed.[citation needed]",
    "Prices rise next year.² They fell before.",
    "The survey covers nine rivers and all lakes (https://rivers.org/survey) of the north.",
    "The survey of nine rivers was repeated in May https://rivers.org/survey",
    "The river fell again in May pic.twitter.com/Ab12Cd",
    "The editor Ann Lee (ann.lee@rivers.org) wrote this.",
    "It rose for nine days. Share this article on Facebook",
    "It rose for nine days. Advertisement It fell in May.",
    "It rose for ADVERTISEMENT nine days and fell in May.",
    "It rose for nine days | | | and fell in May.",
    "It rose for nine days. Read more »",
    "The form (opens in a new window) asks for a name.",
    "It rose for nine days. Photo: Ann Lee/Reuters",
    "A river in spring 7 min read",
    "It rose for nine days. Related: Nine rivers and a lake",
    "It rose\u200b for nine days.",
]
CLEAN = [
    "The loop adds a[3] to total and moves on.",
    "x = values[3] + 1",
    "The value lies in the interval [0, 1] in all nine cases.",
    "[4] Ann Lee, The rivers of the north, 1904.",
    "An area of nine m² was flooded.",
    "See git-commit[1] for what else is possible.",
    "“He[s] not here,” the ranger said.",
    "Open http://localhost:3000 to see whether the server is up and running.",
    "curl -s https://rivers.org/data.csv | head",
    'base = "https://rivers.org/api"',
    "Website: https://rivers.org/",
    "For questions about the survey please contact survey@rivers.org before May.",
    "They share this valley with nine other villages.",
    "He read the advertisement for nine days. ".strip(),
    "To see the map, click here twice and wait.",
    "The menu opens in a new window of the same size.",
    "The survey was published on May 4, 1904 by the crown.",
]


@pytest.mark.parametrize("line", NOISE)
def test_noise_that_stands_for_itself_goes(line):
    label = label_span(line, only(line), "")
    assert label is not None
    assert label.remove_target >= 0.8
    assert label.source.startswith("rule:")


@pytest.mark.parametrize("line", CLEAN)
def test_what_a_sentence_an_instruction_or_code_needs_stays(line):
    for span in find_candidates(line):
        label = label_span(line, span, "")
        assert label is None or label.remove_target <= 0.1


def test_most_clean_lines_hold_a_candidate_to_be_judged():
    assert sum(bool(find_candidates(line)) for line in CLEAN) >= len(CLEAN) - 1


LINE = "The river rose for nine days after rain Share this page before it fell again in May."


def test_the_gold_text_decides_where_a_rule_does_not():
    span = only(LINE)
    with_span = label_span(LINE, span, compact(f"Rivers. {LINE} The end."))
    without_span = label_span(LINE, span, compact(f"Rivers. {span.apply(LINE)} The end."))
    assert (with_span, without_span) == ((0.0, "gold:share"), (1.0, "gold:share"))


def test_gold_text_that_keeps_what_a_rule_calls_noise_leaves_a_doubt_unless_the_rule_comes_first():
    widget = "The river rose for nine days. Share this page It fell again in May."
    assert label_span(widget, only(widget), compact(widget)) is None
    mark = "The river rose for nine days.[4] It fell again in May."
    assert label_span(mark, only(mark), compact(mark)) == (1.0, "rule:citation")


def test_gold_text_says_nothing_about_another_place():
    assert label_span(LINE, only(LINE), compact("A text about mountains.")) == label_span(LINE, only(LINE), "")
