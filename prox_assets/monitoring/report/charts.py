"""Geometry of the charts: scales, ticks and paths, from numbers to coordinates.

The templates turn them into SVG; style.css has colours and font sizes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prox_assets.lake.schemas import Outcome

WIDTH, HEIGHT = 380, 150
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 20
WIDEST_BAR = 24
MOST_POINTS = 120
"""Above this many measurements, neighbours are averaged into one point."""


@dataclass(frozen=True)
class Point:
    """A mark on a line, with its tooltip."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class ChartLine:
    """A line; `path` is SVG path data with gaps for missing values; `earlier` holds measurements since replaced.

    `mark` is the style sheet's name for it.
    """

    name: str
    mark: str
    path: str
    points: tuple[Point, ...]
    earlier: tuple[Point, ...]
    last: str


@dataclass(frozen=True)
class Tick:
    """A horizontal grid line and its label."""

    y: float
    label: str


@dataclass(frozen=True)
class Chart:
    """What all charts have; `first` and `last` are the names at the ends of the x axis."""

    title: str
    note: str
    ticks: tuple[Tick, ...]
    first: str
    last: str


@dataclass(frozen=True)
class LineChart(Chart):
    """A small chart of lines; each point stands for `grouped` measurements."""

    lines: tuple[ChartLine, ...]
    grouped: int


@dataclass(frozen=True)
class Bar:
    """A bin: its place, and the bars of the baseline and of now, which meet in its middle."""

    x: float
    width: float
    middle: float
    bar_width: float
    baseline_y: float
    baseline_height: float
    current_y: float
    current_height: float
    label: str


@dataclass(frozen=True)
class BarChart(Chart):
    """Two histograms over the same bins, side by side in each bin."""

    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class IntervalBar:
    """A value with its interval on an axis that several share; all in percent of the axis's length."""

    zero: float
    low: float
    width: float
    value: float


def interval_bars(values: Sequence[tuple[float, float, float]]) -> list[IntervalBar]:
    """Lay out intervals one below the other, on an axis that holds all of them and zero.

    Args:
        values: Low end, value and high end of each.
    """
    bottom = min((0.0, *(low for low, _, _ in values)))
    top = max((0.0, *(high for _, _, high in values)))
    length = (top - bottom) * 1.06 or 1.0
    start = (top + bottom - length) / 2

    def at(value: float) -> float:
        return round(100 * (value - start) / length, 2)

    return [IntervalBar(at(0), at(low), round(at(high) - at(low), 2), at(value)) for low, value, high in values]


def stacked(counts: Mapping[str, Any]) -> list[tuple[str, float, float, int]]:
    """Lay out documents by outcome as (outcome, start, width, documents), in percent of all documents.

    Args:
        counts: Documents by outcome, among anything else; None counts as 0.
    """
    known = [(outcome.value, counts[outcome.value] or 0) for outcome in Outcome]
    whole, start = sum(documents for _, documents in known), 0.0
    bars: list[tuple[str, float, float, int]] = []
    for name, documents in known:
        if documents:
            width = 100 * documents / whole
            bars.append((name, round(start, 3), round(width, 3), documents))
            start += width
    return bars


def line_chart(
    title: str,
    note: str,
    series: Mapping[str, Sequence[float | None]],
    names: Sequence[str],
    text: Callable[[float], str],
    *,
    share: bool,
    earlier: dict[str, Sequence[tuple[int, float]]] | None = None,
    absent: str = "–",
    marks: Mapping[str, str] | None = None,
    shares_of_width: Sequence[float] | None = None,
) -> LineChart | None:
    """Lay out lines over measurements; return None if no value is known.

    Args:
        title: Title.
        note: How the metric is computed.
        series: Values of each line, oldest first.
        names: Name of each place on the x axis.
        text: Formats a value for people.
        share: Whether values lie in [0, 1], so that the axis ends there.
        earlier: Per line, places and values that later ones have replaced; left out if places are grouped.
        absent: What stands for the last measurement's value where it has none.
        marks: The style sheet's name for each line; the line's own by default.
        shares_of_width: Where each place is on the x axis, from 0 to 1; by default they are equally spaced.
    """
    known = [value for values in series.values() for value in values if value is not None]
    if not known:
        return None
    per_point = 1 if shares_of_width else math.ceil(len(names) / MOST_POINTS)
    replaced = (earlier or {}) if per_point == 1 else {}
    known += [value for pairs in replaced.values() for _, value in pairs]
    low, high, step = axis(min(known), max(known), share=share)
    places = math.ceil(len(names) / per_point)

    def at(place: int, value: float, label: str) -> Point:
        share_of_width = shares_of_width[place] if shares_of_width else place / (places - 1) if places > 1 else 0.5
        return Point(round(_x(share_of_width), 1), round(_y(value, low, high), 1), label)

    lines = []
    for name, values in series.items():
        grouped = [_mean(values[start : start + per_point]) for start in range(0, len(values), per_point)]
        points = []
        path: list[str] = []
        pen_down = False
        for place, value in enumerate(grouped):
            if value is None:
                pen_down = False
                continue
            first = names[place * per_point]
            last = names[min(len(names), (place + 1) * per_point) - 1]
            where = first if first == last else f"mean of {first} to {last}"
            points.append(at(place, value, f"{f'{name}, ' if name else ''}{where}: {text(value)}"))
            path.append(f"{'L' if pen_down else 'M'}{points[-1].x} {points[-1].y}")
            pen_down = True
        latest = values[-1]
        before = tuple(
            at(place, value, f"{f'{name}, ' if name else ''}{names[place]}, measured before: {text(value)}")
            for place, value in replaced.get(name, ())
        )
        mark = (marks or {}).get(name, name)
        shown = absent if latest is None else text(latest)
        lines.append(ChartLine(name, mark, " ".join(path), tuple(points), before, shown))
    ticks = tuple(Tick(round(_y(value, low, high), 1), text(value)) for value in _steps(low, high, step))
    return LineChart(title, note, ticks, names[0], names[-1], tuple(lines), per_point)


def bar_chart(
    title: str,
    note: str,
    bins: Sequence[str],
    baseline: Sequence[float],
    current: Sequence[float],
    text: Callable[[float], str],
) -> BarChart:
    """Lay out two histograms of shares."""
    _, high, step = axis(0.0, max(*baseline, *current), share=True)
    width = (WIDTH - LEFT - RIGHT) / len(bins)
    bars = []
    for number, name in enumerate(bins):
        before, after = _y(baseline[number], 0.0, high), _y(current[number], 0.0, high)
        bars.append(
            Bar(
                x=round(LEFT + number * width, 1),
                width=round(width, 2),
                middle=round(LEFT + (number + 0.5) * width, 1),
                bar_width=round(min(0.42 * width, WIDEST_BAR), 1),
                baseline_y=round(before, 1),
                baseline_height=round(_y(0.0, 0.0, high) - before, 1),
                current_y=round(after, 1),
                current_height=round(_y(0.0, 0.0, high) - after, 1),
                label=f"{name}: {text(baseline[number])} then, {text(current[number])} now",
            )
        )
    ticks = tuple(Tick(round(_y(value, 0.0, high), 1), text(value)) for value in _steps(0.0, high, step))
    return BarChart(title, note, ticks, bins[0], bins[-1], tuple(bars))


def axis(low: float, high: float, *, share: bool) -> tuple[float, float, float]:
    """Return the round ends of an axis around values, and the step between its ticks.

    The axis begins at zero unless that would flatten the line. An axis of shares stays within [0, 1] and spans at least
    two percentage points, so that noise does not look like an event.
    """
    if low >= 0 and low < high / 2:
        low = 0.0
    least = 0.02 if share else max(abs(high) * 0.05, 1e-9)
    if high - low < least:
        middle = (low + high) / 2
        low, high = middle - least / 2, middle + least / 2
        if low < 0 <= middle:
            low, high = 0.0, least
    step = _round_step((high - low) / 3)
    bottom, top = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    if share:
        bottom, top = max(0.0, bottom), min(1.0, top)
        if top <= bottom:
            top = bottom + step
    return bottom, top, step


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= step * (1 - 1e-9)) * power


def _steps(low: float, high: float, step: float) -> list[float]:
    return [low + number * step for number in range(int((high - low) / step + 1e-6) + 1)]


def _x(share_of_width: float) -> float:
    return LEFT + 4 + (WIDTH - LEFT - RIGHT - 8) * share_of_width


def _y(value: float, low: float, high: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
