"""Assembles the parts of the report's page and renders them with the templates; write.py stores the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import jinja2
import polars as pl

from prox_assets import __version__
from prox_assets.catalog.connection import ask_corpus
from prox_assets.catalog.printable import printable, printable_lines
from prox_assets.catalog.queries import breakdowns
from prox_assets.catalog.queries.compute import attempts, by_stage
from prox_assets.catalog.queries.shards import GONE_COLUMNS, gone_shards
from prox_assets.compute.break_even import break_even_tokens
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Outcome, Table
from prox_assets.monitoring.completeness import Completeness, completeness
from prox_assets.monitoring.drift.arrivals import arrivals
from prox_assets.monitoring.drift.judge import Compared, DriftError, DriftFinding, Gauge, ShardJudgement, judge_arrivals
from prox_assets.monitoring.drift.messages import in_words
from prox_assets.monitoring.drift.settings import DriftSettings, Severity
from prox_assets.monitoring.report import charts
from prox_assets.monitoring.report.histograms import compare
from prox_assets.monitoring.report.history import History, Row, read_history, share
from prox_assets.monitoring.report.numbers import Numbers, numbers_table
from prox_assets.monitoring.report.outliers import WATCHED, Outlier, outliers
from prox_assets.monitoring.report.samples import Sample, samples
from prox_assets.monitoring.report.trends import TRENDS, FamilyChange, Read, Trend, family_changes

# Sites and lengths need a row per document. This many of the newest documents are enough, and keep the report's cost
# constant as a corpus grows.
BREAKDOWN_DOCUMENTS = 2_000_000
SAMPLED_SHARDS = 3
SITES = 12
# With fewer documents, a site's retention says little.
FEWEST_DOCUMENTS = 5
NONE_KEPT = "none kept"

Part = tuple[str, Row]
"""Documents that have something in common: its name, and their row of counts (catalog/queries/breakdowns.py)."""


@dataclass(frozen=True)
class Drift:
    """What moved, and the distributions then and now.

    Attributes:
        findings: What moved, errors first.
        measures: How many measures could be judged.
        problem: Why nothing could be judged, if the settings do not fit the shards; else "".
        charts: Distributions of the latest shards, each beside the baseline that it was judged against.
        latest: The judgement on the latest shard; None if there is no shard to judge.
        settings: Windows and thresholds.
    """

    findings: tuple[DriftFinding, ...]
    measures: int
    problem: str
    charts: tuple[charts.BarChart, ...]
    latest: ShardJudgement | None
    settings: DriftSettings

    @property
    def gauges(self) -> list[Gauge]:
        """Every measure that was judged, those nearest to their limits first."""
        return sorted(self.latest.gauges, key=lambda gauge: -gauge.share_of_limit) if self.latest else []

    @property
    def baseline_shards(self) -> int:
        """Number of shards in the largest baseline of any measure."""
        return max((len(over.baseline) for over in self.latest.compared.values()), default=0) if self.latest else 0


@dataclass(frozen=True)
class Report:
    """Everything that the page shows."""

    corpus: str
    lake: str
    written: datetime
    version: str
    history: History
    gone: tuple[tuple[str, datetime], ...]
    completeness: Completeness
    trends: tuple[charts.LineChart, ...]
    always_zero: tuple[Trend, ...]
    drift: Drift
    families: tuple[FamilyChange, ...]
    largest_sites: tuple[Part, ...]
    poorest_sites: tuple[Part, ...]
    lengths: tuple[Part, ...]
    breakdown_shards: int
    numbers: Numbers
    outliers: tuple[Outlier, ...]
    samples: tuple[Sample, ...]
    stages: tuple[Row, ...]
    """What each stage has cost (catalog/queries/compute.py); none if releases before that table have refined it all."""

    @property
    def worth_in_training(self) -> float:
        """How many tokens of training a model of a billion parameters cost as many operations as refining did."""
        return break_even_tokens(sum(row["flops"] or 0.0 for row in self.stages), 1e9)

    @property
    def operations(self) -> list[tuple[str, list[Row]]]:
        """Rows of `counts.operations` by kind of operation, the most frequent kind first."""
        kinds: dict[str, list[Row]] = {}
        for row in self.history.operations:
            kinds.setdefault(row["operation"], []).append(row)
        return sorted(kinds.items(), key=lambda kind: -sum(row["count"] for row in kind[1]))


def assemble(lake: Lake, corpus: str, settings: DriftSettings | None = None) -> Report:
    """Compute everything that the page shows.

    Raises:
        MissingTableError: Nothing has been measured yet.
        LakeError: A file is damaged; the message names it.
    """
    history = read_history(lake, corpus)
    newest = _newest_with_documents(lake, history)
    broken_down = _shards_up_to(newest, BREAKDOWN_DOCUMENTS)
    largest, poorest, lengths = _breakdowns(lake, corpus, broken_down)
    drift = _drift(lake, corpus, settings or DriftSettings())
    moved = {shard for finding in drift.findings for shard in finding.shards}
    drifted, others = ([row["shard"] for row in newest if (row["shard"] in moved) is odd] for odd in (True, False))
    families = tuple(family_changes(history))
    zero = tuple(trend for trend in TRENDS if _is_always_zero(trend, history))
    return Report(
        corpus=corpus,
        lake=lake.url,
        written=datetime.now(UTC),
        version=__version__,
        history=history,
        gone=tuple(ask_corpus(lake, corpus, gone_shards, [Table.SHARDS], columns=GONE_COLUMNS)),
        completeness=completeness(lake, corpus),
        trends=tuple(
            chart for trend in TRENDS if trend not in zero and (chart := _trend_chart(trend, history)) is not None
        ),
        always_zero=zero,
        drift=drift,
        families=families,
        largest_sites=largest,
        poorest_sites=poorest,
        lengths=lengths,
        breakdown_shards=len(broken_down),
        numbers=numbers_table(history, families, number, percent),
        outliers=tuple(outliers(history.latest)),
        samples=tuple(samples(lake, corpus, others[:SAMPLED_SHARDS], drifted[:SAMPLED_SHARDS])),
        stages=tuple(by_stage(attempts(lake, [corpus], [corpus])).to_dicts()),
    )


def _newest_with_documents(lake: Lake, history: History) -> list[Row]:
    """Return the measured shards whose texts and outcomes are still in the lake, newest first."""
    there = {*lake.shards(history.corpus, Table.OUTCOMES)} & {*lake.shards(history.corpus, Table.DOCUMENTS)}
    return [row for row in reversed(history.latest) if row["shard"] in there]


def _shards_up_to(rows: Sequence[Row], documents: int) -> list[str]:
    chosen: list[str] = []
    for row in rows:
        if chosen and documents < row["documents_in"]:
            break
        chosen.append(row["shard"])
        documents -= row["documents_in"]
    return chosen


def _breakdowns(lake: Lake, corpus: str, shards: Sequence[str]) -> tuple[tuple[Part, ...], ...]:
    """Return the sites with most text, those with the lowest retention, and documents by length."""
    sites, lengths = ask_corpus(
        lake,
        corpus,
        lambda con: (breakdowns.sites(con), breakdowns.lengths(con)),
        (Table.DOCUMENTS, Table.OUTCOMES),
        shards,
    )
    largest = sites.sort("characters_in", "site", descending=[True, False])
    poorest = sites.filter((pl.col("documents_in") >= FEWEST_DOCUMENTS) & pl.col("site").is_not_null())
    first, second = (
        tuple((row["site"] or "(no address)", row) for row in frame.head(SITES).to_dicts())
        for frame in (largest, poorest)
    )
    names = [*(f"up to {end:,}" for end in breakdowns.LENGTHS), f"over {breakdowns.LENGTHS[-1]:,}"]
    return first, second, tuple((names[row["bin"]], row) for row in lengths.to_dicts())


def _is_always_zero(trend: Trend, history: History) -> bool:
    """Tell whether a metric was zero in every measurement; such metrics are listed instead of drawn."""
    values = [read(row) for read in trend.series.values() for row in history.rows]
    known = [value for value in values if value is not None]
    return bool(known) and not any(known)


def _trend_chart(trend: Trend, history: History) -> charts.LineChart | None:
    def earlier(read: Read) -> list[tuple[int, float]]:
        return [(place, value) for place, row in history.superseded if (value := read(row)) is not None]

    return charts.line_chart(
        trend.title,
        trend.note,
        {name: [read(row) for row in history.latest] for name, read in trend.series.items()},
        [printable(row["shard"]) for row in history.latest],
        percent if trend.unit == "share" else number,
        share=trend.unit == "share",
        earlier={name: earlier(read) for name, read in trend.series.items()},
        absent=NONE_KEPT if trend.of_kept and not history.latest[-1]["documents_out"] else "–",
    )


def _drift(lake: Lake, corpus: str, settings: DriftSettings) -> Drift:
    """Judge the latest shards, as the checks in Dagster do."""
    rows = arrivals(lake, corpus, settings)
    try:
        judgements = judge_arrivals(rows, settings)
    except DriftError as error:
        return Drift((), 0, str(error), (), None, settings)
    latest = judgements[-1] if judgements else None
    return Drift(
        findings=tuple(
            sorted(latest.findings, key=lambda finding: finding.severity is Severity.WARN) if latest else ()
        ),
        measures=len(latest.judged) if latest else 0,
        problem="",
        charts=tuple(
            charts.bar_chart(c.title, _over(c.over), c.bins, c.baseline, c.current, percent)
            for c in (compare(rows, latest.compared) if latest else ())
        ),
        latest=latest,
        settings=settings,
    )


def _over(compared: Compared) -> str:
    """Describe the shards of a baseline, and how many were judged against it."""
    shards = compared.baseline
    now = f"now: {len(compared.judged)} shards together; " if len(compared.judged) > 1 else ""
    if len(shards) == 1:
        return f"{now}then: {printable(shards[0])}"
    return f"{now}then: {len(shards)} shards, {printable(shards[0])} to {printable(shards[-1])}"


def render(report: Report) -> str:
    """Return the page as self-contained HTML."""
    return (
        templates()
        .get_template("report.html.jinja")
        .render(
            report=report,
            Outcome=Outcome,
            watched=WATCHED,
            chart=charts,
            share=share,
            in_words=in_words,
            none_kept=NONE_KEPT,
        )
    )


_OWN_TEMPLATES = "prox_assets.monitoring.report"


@cache
def templates(package: str = _OWN_TEMPLATES) -> jinja2.Environment:
    """Return the templates of a report, which may include those of this package: charts and style."""
    packages = dict.fromkeys((package, _OWN_TEMPLATES))
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name) for name in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "seconds": seconds,
        "number": number,
        "printable": printable,
        "utc": utc,
        "signed": signed,
        "tail": tail,
        "lines": printable_lines,
    }
    return environment


def percent(value: float | None) -> str:
    """Format a share as a percentage, with enough digits to tell small shares apart."""
    if value is None:
        return "–"
    if float(100 * value).is_integer() or abs(round(100 * value) - 100 * value) < 1e-9:
        return f"{value:.0%}"
    if abs(value) < 0.001:
        return f"{value:.3%}"
    return f"{value:.2%}" if abs(value) < 0.01 else f"{value:.1%}"


def number(value: float | None) -> str:
    """Format a number: large ones with an SI-like suffix, small ones with three significant digits."""
    if value is None:
        return "–"
    for limit, suffix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if suffix == ' k' else limit):.3g}{suffix}"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def seconds(value: float) -> str:
    """Format a time in the unit that suits it."""
    for limit, unit in ((2 * 3600, "h"), (120, "min")):
        if value >= limit:
            return f"{value / (3600 if unit == 'h' else 60):,.3g} {unit}"
    return f"{value:.3g} s"


def signed(value: float) -> str:
    """Format a difference with its sign."""
    return f"{'+' if value > 0 else '−' if value < 0 else '±'}{number(abs(value))}"


def utc(value: datetime) -> str:
    """Format a time in UTC, to the minute."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"


def tail(text: str, length: int) -> str:
    """Return the end of a name, because shard keys differ at their ends."""
    return text if len(text) <= length else f"…{text[1 - length :]}"
