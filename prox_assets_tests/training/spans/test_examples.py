"""Training examples for decisions inside lines."""

import random
from typing import Any

import pytest

from prox_assets.refiners.spans.candidates import find_candidates
from prox_assets.refiners.spans.patterns import NoiseKind
from prox_assets.training.data.pages import LabelledPage
from prox_assets.training.spans.examples import REAL_PER_KIND, span_examples
from prox_assets.training.spans.fragments import PLACES, fragment
from prox_assets.training.spans.hard_negatives import hard_negative
from prox_assets_tests.training.synthetic_pages import labelled_page

SENTENCES = [
    f"The {noun} of the valley was {verb} in the spring of that year by {number} men from the north."
    for noun in ("mill", "bridge", "church", "market", "harbour", "school")
    for verb, number in (("built", "nine"), ("burned", "forty"), ("sold", "three"), ("found", "two"), ("moved", "six"))
]


def page(*lines: str, labels: list[int] | None = None, **changes: Any) -> LabelledPage:
    """Return a page of these lines, all of them main content unless labelled."""
    own = {"site": "a.org", "gold": "", "text_main": "", "keep_main": (-1,)}
    text = {"text_full": "\n".join(lines), "keep_full": labels or [1] * len(lines)}
    return labelled_page(**own | text | changes)


PAGES = [page(*SENTENCES, site=f"site{number}.org") for number in range(12)]


def test_equal_seeds_give_equal_examples_and_other_seeds_others():
    first, again, other = (list(span_examples(PAGES[:2], seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_example_is_a_candidate_exactly_as_the_refiner_will_find_it():
    examples = list(span_examples(PAGES, 0))
    assert len(examples) > 200
    for example in examples:
        assert example.candidate in find_candidates(example.line)
        assert 0 <= example.remove_target <= 1


def test_taking_synthetic_noise_out_gives_the_sentence_back():
    """For single fragments; a separator leaves one of its kind, and a fragment glued to a word leaves a space."""
    given = {sentence.replace(" ", "") for sentence in SENTENCES}
    checked = 0
    for example in span_examples(PAGES, 0):
        noisy = find_candidates(example.line)
        if example.source.startswith("made:") and len(noisy) == 1 and not example.candidate.replacement.strip():
            assert example.candidate.apply(example.line).replace(" ", "") in given
            checked += 1
    assert checked > 50


def test_both_answers_are_taught_for_every_kind_but_invisible_characters():
    examples = list(span_examples(PAGES * 6, 0))
    assert {example.candidate.kind for example in examples if example.remove_target >= 0.5} == set(NoiseKind)
    clean = {example.candidate.kind for example in examples if example.remove_target < 0.5}
    assert clean == set(NoiseKind) - {NoiseKind.INVISIBLE}


def test_real_candidates_come_from_lines_that_are_main_content_each_line_once():
    marked, boilerplate = "The mill was built by nine men.[7]", "The menu of the site has marks.[8]"
    examples = list(span_examples([page(marked, boilerplate, marked, labels=[1, 0, 1])], 0))
    real = [example for example in examples if example.source == "rule:citation"]
    assert [(example.line, example.remove_target) for example in real] == [(marked, 1.0)]
    assert not any("[8]" in example.line for example in examples)


def test_a_page_with_hundreds_of_marks_gives_a_sample_of_them():
    lines = [f"Sentence number {number} has a mark.[{number % 90 + 1}]" for number in range(300)]
    real = [example for example in span_examples([page(*lines)], 0) if example.source.startswith("rule:")]
    assert len(real) == REAL_PER_KIND
    assert len({example.line for example in real}) == REAL_PER_KIND


def test_prose_comes_from_the_cleaned_text_where_there_is_one():
    both = page(
        "Only in the full text of this page there are nine men and a mill.",
        text_main="\n".join(SENTENCES),
        keep_main=(1,) * len(SENTENCES),
    )
    assert not any("Only in the full text" in example.line for example in span_examples([both], 0))


def test_a_page_without_prose_still_teaches_hard_negatives():
    sources = {example.source.partition(":")[0] for example in span_examples([page("menu", "[1]")], 0)}
    assert sources == {"lookalike"}


@pytest.mark.parametrize("kind", list(NoiseKind))
def test_nearly_all_fragments_behind_a_sentence_are_found_as_their_kind(kind):
    """A fragment that is not found as a span teaches nothing."""
    rng = random.Random(3)
    found = 0
    for number in range(100):
        text = fragment(kind, rng)
        line = f"{SENTENCES[number % 30]} {text}"
        covered = sum(span.end - span.start for span in find_candidates(line) if span.kind is kind)
        found += covered >= 0.9 * len(text)
    assert found >= 95
    assert PLACES[kind]


def test_hard_negatives_hold_candidates_of_many_kinds():
    rng = random.Random(3)
    kinds = {span.kind for _ in range(400) for span in find_candidates(hard_negative(rng))}
    assert set(NoiseKind) - kinds <= {NoiseKind.INVISIBLE}
