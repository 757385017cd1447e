"""Chart geometry: whatever the numbers are, nothing is drawn outside of its chart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_assets.monitoring.report import charts
from prox_assets.monitoring.report.page import number, percent, tail

VALUES = st.lists(st.none() | st.floats(min_value=-1e9, max_value=1e12), min_size=1, max_size=300)
SHARES = st.lists(st.none() | st.floats(min_value=0, max_value=1), min_size=1, max_size=300)


def assert_inside(chart: charts.LineChart) -> None:
    for line in chart.lines:
        for point in (*line.points, *line.earlier):
            assert charts.LEFT <= point.x <= charts.WIDTH - charts.RIGHT
            assert charts.TOP - 0.1 <= point.y <= charts.HEIGHT - charts.BOTTOM + 0.1
    assert 2 <= len(chart.ticks) <= 6
    assert len({tick.y for tick in chart.ticks}) == len(chart.ticks)


@given(VALUES)
def test_lines_stay_inside(values: list[float | None]):
    names = [str(place) for place in range(len(values))]
    chart = charts.line_chart("t", "n", {"": values}, names, number, share=False)
    assert (chart is None) == all(value is None for value in values)
    if chart is not None:
        assert_inside(chart)
        assert len(chart.lines[0].points) <= charts.MOST_POINTS


@given(SHARES)
def test_shares_stay_inside_and_their_axis_within_0_and_1(values: list[float | None]):
    names = [str(place) for place in range(len(values))]
    chart = charts.line_chart("t", "n", {"": values}, names, percent, share=True)
    if chart is not None:
        assert_inside(chart)
        low, high, _ = charts.axis(*_range(values), share=True)
        assert 0 <= low < high <= 1


def _range(values: list[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    return min(known), max(known)


def test_a_missing_value_breaks_the_line():
    chart = charts.line_chart("t", "n", {"": [0.1, None, 0.3, 0.4]}, list("abcd"), percent, share=True)
    assert chart is not None
    assert [
        command[0]
        for command in chart.lines[0].path.replace("L", " L").replace("M", " M").split()
        if command[0] in "ML"
    ] == [
        "M",
        "M",
        "L",
    ]


def test_many_measurements_are_drawn_as_means_of_neighbours():
    values: list[float | None] = [0.2, 0.4] * 200
    chart = charts.line_chart("t", "n", {"": values}, [f"s{n}" for n in range(400)], percent, share=True)
    assert chart is not None
    assert chart.grouped == 4
    assert chart.lines[0].points[0].label == "mean of s0 to s3: 30%"


@given(
    st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=25).flatmap(
        lambda bins: st.tuples(st.just(bins), st.lists(st.floats(0, 1), min_size=len(bins), max_size=len(bins)))
    )
)
def test_bars_stand_on_the_axis_inside_the_chart(pair: tuple[list[float], list[float]]):
    baseline, current = pair
    chart = charts.bar_chart("t", "n", [str(n) for n in range(len(baseline))], baseline, current, percent)
    floor = charts.HEIGHT - charts.BOTTOM
    for bar in chart.bars:
        assert bar.baseline_y >= charts.TOP - 0.1
        assert bar.current_y + bar.current_height == pytest.approx(floor, abs=0.15)
        assert bar.x + bar.width <= charts.WIDTH - charts.RIGHT + 0.2


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0%"), (1, "100%"), (0.5, "50%"), (0.123, "12.3%"), (0.0042, "0.42%"), (0.00042, "0.042%")],
)
def test_shares_are_written_with_the_digits_that_tell_them_apart(value: float | None, text: str):
    assert percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (7, "7"), (1234, "1,234"), (12345, "12.3 k"), (2.5e6, "2.5 M"), (0.01234, "0.0123")],
)
def test_numbers_are_written_short(value: float | None, text: str):
    assert number(value) == text


def test_the_end_of_a_name_is_shown():
    assert tail("CC-MAIN-2024-10-part-00017", 8) == "…t-00017"
    assert tail("short", 8) == "short"
