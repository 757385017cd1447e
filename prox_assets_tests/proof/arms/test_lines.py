"""Parts of texts, whatever the lines are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.proof.arms.at_random import random_lines, removed_at_random
from prox_assets.proof.arms.lines import cut, spans_of_lines, without

LINES = st.lists(st.text("ab \r\u2028漢😀", max_size=6), min_size=1, max_size=12)


@given(LINES, st.data())
def test_spans_of_lines_are_the_kept_lines_joined(lines: list[str], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
    text = "\n".join(lines)
    spans = spans_of_lines([*map(len, lines)], kept)
    assert cut(text, spans) == "\n".join(line for line, keep in zip(lines, kept, strict=True) if keep)
    places = [place for span in spans for place in span]
    assert places == sorted(set(places)), "in order, none empty, none next to another"


@given(st.lists(st.integers(0, 30), unique=True).map(sorted), st.lists(st.integers(0, 30), unique=True).map(sorted))
def test_what_is_left_of_spans_is_outside_the_holes(ends: list[int], hole_ends: list[int]) -> None:
    spans = list(zip(ends[::2], ends[1::2], strict=False))
    holes = list(zip(hole_ends[::2], hole_ends[1::2], strict=False))
    covered = {i for start, end in spans for i in range(start, end)} - {
        i for start, end in holes for i in range(start, end)
    }
    left = without(spans, holes)
    assert [i for start, end in left for i in range(start, end)] == sorted(covered)
    assert all(start < end for start, end in left)


@given(LINES, st.floats(0, 1), st.integers(0, 2**40))
def test_random_lines_leave_what_is_wanted_within_a_line(lines: list[str], share: float, seed: int) -> None:
    text = "\n".join(lines)
    wanted = max(1, round(share * len(text)))
    left = cut(text, random_lines(seed, "doc", text, wanted))
    longest = max(map(len, lines)) + 1
    assert wanted - longest <= len(left) <= max(wanted + longest, 0)
    found = iter(lines)
    assert all(any(line == other for other in found) for line in left.split("\n")) or not left


def test_random_lines_are_drawn_anew_for_each_document_and_seed_and_are_exact_on_average() -> None:
    text = "\n".join("x" * (7 * number % 23) for number in range(30))
    wanted = len(text) // 3
    seeds = range(400)
    lengths = np.array([len(cut(text, random_lines(seed, "doc", text, wanted))) for seed in seeds])
    error = lengths.std() / np.sqrt(len(lengths))
    assert lengths.std() > 0
    assert abs(lengths.mean() - wanted) < 4 * error
    drawn = {tuple(random_lines(seed, doc, text, wanted)) for seed in (0, 1) for doc in ("a", "b")}
    assert len(drawn) == 4
    assert random_lines(0, "a", text, wanted) == random_lines(0, "a", text, wanted)


def test_items_go_in_the_order_of_their_keys() -> None:
    keys, sizes = np.array([0.5, 0.1, 0.9, 0.3]), [10, 20, 30, 40]
    assert removed_at_random(keys, sizes, 60, 0.99).tolist() == [False, True, False, True]
    assert removed_at_random(keys, sizes, 65, 0.49).tolist() == [True, True, False, True]  # 5 of 10 wanted
    assert removed_at_random(keys, sizes, 65, 0.51).tolist() == [False, True, False, True]
    assert removed_at_random(keys, sizes, 1000, 0.0).all()
    assert not removed_at_random(keys, sizes, -5, 0.0).any()
