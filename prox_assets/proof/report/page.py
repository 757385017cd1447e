"""Lays out the report of a proof as one HTML page without scripts, with the charts and style of a corpus report."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import log

from prox_assets.monitoring.report import charts
from prox_assets.monitoring.report.page import number, percent, templates
from prox_assets.proof.report.contents import ProofContents, Score
from prox_assets.proof.settings import RandomArm, RawArm
from prox_assets.proof.statistics.contrasts import DECIDING
from prox_assets.proof.statistics.findings import Comparison
from prox_assets.proof.statistics.judge import raw_arm
from prox_assets.proof.statistics.scores import LOWER_IS_BETTER
from prox_assets.proof.statistics.verdicts import unit

COLOURS = 7
"""Arms with a colour of their own in style sheet proof.css; further ones are grey."""


@dataclass(frozen=True)
class Drawn:
    """A comparison and its interval's place on the axis of its table; None if nothing was measured."""

    found: Comparison
    bar: charts.IntervalBar | None


@dataclass(frozen=True)
class Contrasts:
    """Comparisons that share an axis."""

    title: str
    rows: tuple[Drawn, ...]


@dataclass(frozen=True)
class ScoreRow:
    """An arm's scores, and what its models were trained on: means over seeds."""

    arm: str
    cells: tuple[str, ...]
    seeds: int
    tokens: float
    unique_tokens: float
    epochs: float
    documents: float


@dataclass(frozen=True)
class ScoreTable:
    """Scores of one size and budget by one measure: arms below each other, evaluation sets side by side."""

    title: str
    evaluations: tuple[str, ...]
    rows: tuple[ScoreRow, ...]


def render(contents: ProofContents) -> str:
    """Return the page as self-contained HTML."""
    return (
        templates("prox_assets.proof.report")
        .get_template("proof.html.jinja")
        .render(
            proof=contents,
            findings=contents.findings,
            primary=_drawn(contents.findings.primary),
            exploratory=tuple(_exploratory(contents.findings.exploratory)),
            tables=tuple(_score_tables(contents)),
            curves=tuple(_curves(contents)),
            chart=charts,
            unit=unit,
            text=score_text,
        )
    )


def score_text(value: float | None, measure: str = DECIDING) -> str:
    """Format a score: bits per byte to four decimal places, accuracies as percentages."""
    if value is None:
        return "–"
    return f"{value:.4f}".replace("-", "−") if measure in LOWER_IS_BETTER else percent(value)


def _drawn(found: Sequence[Comparison]) -> tuple[Drawn, ...]:
    known = [
        (row.low, row.gain, row.high)
        for row in found
        if row.low is not None and row.gain is not None and row.high is not None
    ]
    bars = iter(charts.interval_bars(known))
    return tuple(Drawn(row, next(bars) if row.low is not None else None) for row in found)


def _exploratory(found: Sequence[Comparison]) -> Iterator[Contrasts]:
    def where(row: Comparison) -> tuple[str, str, str, str]:
        return row.model, row.budget, row.evaluation, row.measure

    for (model, budget, evaluation, measure), rows in groupby(found, where):
        yield Contrasts(f"{evaluation}, {unit(measure)} · {model}, equal {budget}", _drawn(tuple(rows)))


def _score_tables(contents: ProofContents) -> Iterator[ScoreTable]:
    finished: dict[tuple[str, str, str], dict[str, dict[str, list[Score]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for score in _finished(contents.scores):
        finished[score.model, score.budget, score.measure][score.arm][score.evaluation].append(score)
    for (model, budget, measure), arms in finished.items():
        evaluations = tuple(dict.fromkeys(name for found in arms.values() for name in found))
        rows = []
        for arm in contents.settings.arms:
            if arm.name in arms:
                found = arms[arm.name]
                one = next(iter(found.values()))
                rows.append(
                    ScoreRow(
                        arm.name,
                        tuple(
                            score_text(_mean([s.score for s in found[name]]), measure) if name in found else "–"
                            for name in evaluations
                        ),
                        len(one),
                        _mean([s.tokens for s in one]),
                        _mean([s.unique_tokens for s in one]),
                        _mean([s.epochs for s in one]),
                        _mean([s.documents for s in one]),
                    )
                )
        yield ScoreTable(f"{model}, equal {budget}: {unit(measure)}", evaluations, tuple(rows))


def _finished(scores: Sequence[Score]) -> Iterator[Score]:
    """Yield the scores of finished models: the last point of each curve, which are in order of tokens."""
    for _, points in groupby(scores, lambda s: (s.arm, s.model, s.budget, s.seed, s.evaluation, s.measure)):
        yield max(points, key=lambda score: score.tokens)


def _curves(contents: ProofContents) -> Iterator[charts.LineChart]:
    """Yield charts for each size, budget and evaluation set in bits per byte whose arms share more than one point.

    With equal documents, arms and orders have other numbers of tokens at every point: there is no curve to compare.
    """
    points: dict[tuple[str, str, str], dict[str, dict[int, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for score in contents.scores:
        if score.measure == DECIDING and score.tokens > 0:
            points[score.model, score.budget, score.evaluation][score.arm][score.tokens].append(score.score)
    marks = _marks(contents)
    for (model, budget, evaluation), arms in points.items():
        tokens = sorted(set.intersection(*(set(curve) for curve in arms.values())))
        if len(tokens) < 2:
            continue
        width = log(tokens[-1]) - log(tokens[0])
        means = {
            arm.name: [_mean(arms[arm.name][place]) for place in tokens]
            for arm in contents.settings.arms
            if arm.name in arms
        }
        raw = means.get(raw_arm(contents.settings))
        gains = {
            arm: [before - after for before, after in zip(raw, curve, strict=True)]
            for arm, curve in means.items()
            if raw is not None and curve is not raw
        }
        where = f"{evaluation} · {model}, equal {budget}"
        for title, note, series, text in (
            (where, "bits per byte, mean over seeds, against training tokens", means, _three_places),
            (f"{where}: gain over raw", "bits per byte that raw needs more, mean over seeds", gains, _signed),
        ):
            drawn = charts.line_chart(
                title,
                f"{note}; the axis of tokens is logarithmic",
                series,
                [f"{number(place)} tokens" for place in tokens],
                text,
                share=False,
                marks=marks,
                shares_of_width=[(log(place) - log(tokens[0])) / width for place in tokens],
            )
            if drawn is not None:
                yield drawn


def _three_places(value: float) -> str:
    return f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _marks(contents: ProofContents) -> dict[str, str]:
    """Return the style of each arm's line: raw is grey, each other arm has a colour, and controls are dashed."""
    marks: dict[str, str] = {}
    coloured = 0
    for arm in contents.settings.arms:
        if isinstance(arm, RawArm):
            marks[arm.name] = "arm_raw"
            continue
        marks[arm.name] = f"arm_{coloured}" if coloured < COLOURS else "arm_more"
        if isinstance(arm, RandomArm):
            marks[arm.name] += " arm_control"
        coloured += 1
    return marks


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
