"""Shortcuts for what nearly every program holds give what the long way gives."""

from hypothesis import given
from hypothesis import strategies as st

from prox_assets.programs import RemoveLines, parse
from prox_assets.programs.execution.line_removal import LineRemoval

NUMBER = st.integers(0, 10**18 - 1)
NAMES = st.sampled_from([("start", "end"), ("line_start", "line_end"), ("start", "line_end")])
SPANS = st.tuples(st.integers(-2, 12), st.integers(-2, 14))


@given(st.lists(st.tuples(NAMES, NUMBER, NUMBER, st.sampled_from(["\n", "", " ", "\n\n", "  # why\n", ";"]))))
def test_calls_read_in_one_step_are_those_that_are_read_argument_by_argument(
    calls: list[tuple[tuple[str, str], int, int, str]],
) -> None:
    plain = "".join(f"remove_lines({n[0]}={a}, {n[1]}={b}){gap}" for n, a, b, gap in calls)
    spaced = "".join(f"remove_lines( {n[0]} = {a} , {n[1]} = {b} ){gap}" for n, a, b, gap in calls)
    assert parse(plain) == parse(spaced)
    assert parse(plain).operations == tuple(RemoveLines(a, b) for _, a, b, _ in calls)


def test_a_number_that_is_too_long_is_no_plain_call() -> None:
    assert not parse(f"remove_lines(start=0, end={10**18})").operations


@given(st.integers(0, 10), st.lists(SPANS))
def test_each_line_is_removed_once_in_whatever_order_ranges_come(count: int, spans: list[tuple[int, int]]) -> None:
    removal, there = LineRemoval(count), set(range(count))
    for start, end in spans:
        expected = [line for line in range(start, end + 1) if line in there]
        assert list(removal.remove(start, end)) == expected
        there -= set(expected)
    assert removal.kept() == sorted(there)
