"""Lays out the overview as one HTML page that opens without a network, with the charts and style of a corpus report.

Its one script sorts the table. The page's policy names the script's hash, so that nothing else can run.
"""

import base64
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import date
from functools import cache
from importlib.resources import files
from typing import get_args

from prox_assets.lake.schemas import Judgement, Outcome
from prox_assets.monitoring.report import charts
from prox_assets.monitoring.report.page import number, percent, templates
from prox_assets.overview.contents import CorpusOverview, Day, LakeOverview, Level, Point, ProofOverview, Refiners
from prox_assets.programs import ExecutionPolicy
from prox_assets.proof.statistics.findings import Verdict

SPARK_WIDTH, SPARK_HEIGHT = 90, 22
NOTICES_SHOWN = 8

LinksOf = Callable[[CorpusOverview], Sequence[tuple[str, str]]]
"""Takes a corpus and returns its pages, each with its address; the first is what its name leads to."""


def render(overview: LakeOverview, links_of: LinksOf) -> str:
    """Return the page as self-contained HTML."""
    script = sort_script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        templates("prox_assets.overview")
        .get_template("overview.html.jinja")
        .render(
            overview=overview,
            notices=overview.notices,
            most=NOTICES_SHOWN,
            rows=TableHelp,
            links_of=links_of,
            days=tuple(_days(overview)),
            chart=charts,
            Level=Level,
            Outcome=Outcome,
            Judgement=Judgement,
            verdicts_of=verdicts_of,
            differing=differing,
            script=script,
            script_hash=f"sha256-{digest}",
        )
    )


@cache
def sort_script() -> str:
    """Return the script that sorts a table by the column whose heading is clicked."""
    return files("prox_assets.overview").joinpath("templates", "sort.js").read_text(encoding="utf-8")


class TableHelp:
    """What the table of corpora needs to be drawn, here and in the pages of `prox browse`."""

    WIDTH, HEIGHT = SPARK_WIDTH, SPARK_HEIGHT
    stacked = staticmethod(charts.stacked)

    @staticmethod
    def spark(trend: Sequence[Point]) -> str:
        """Return the path of a line through the retention of each point, on an axis from 0 to 1 or more."""
        values = [point.retention for point in trend]
        top = max([1.0, *(value for value in values if value is not None)])
        steps = max(1, len(values) - 1)
        places = [
            f"{2 + place * (SPARK_WIDTH - 4) / steps:.1f} {SPARK_HEIGHT - 2 - value / top * (SPARK_HEIGHT - 4):.1f}"
            for place, value in enumerate(values)
            if value is not None
        ]
        # A single point would be invisible.
        return "M" + " L".join(places if len(places) > 1 else [*places, *places]) if places else ""

    @staticmethod
    def refined_by(corpus: CorpusOverview) -> str:
        """Return the names of the refiners of its shards, the most recent first."""
        return ", ".join(dict.fromkeys(used.name or "unnamed" for used in corpus.refiners if used.shards))

    @staticmethod
    def waits(corpus: CorpusOverview, state: str) -> int:
        """Return how many shards are in a state."""
        return sum(waiting.shards for waiting in corpus.progress.waiting if waiting.state == state)


def verdicts_of(proof: ProofOverview) -> dict[str, int]:
    """Return a proof's verdicts as people call them, in the order of the best to the worst."""
    return {
        "without verdict" if name == "none" else name: proof.verdicts[name]
        for name in get_args(Verdict)
        if proof.verdicts.get(name)
    }


def differing(used: Refiners) -> dict[str, object]:
    """Return the settings of a policy that are not the defaults."""
    if not used.policy:
        return {}
    try:
        stored = asdict(ExecutionPolicy.from_dict(used.policy))
    except ValueError:  # another release's
        return dict(used.policy)
    defaults = asdict(ExecutionPolicy())
    return {name: value for name, value in stored.items() if value != defaults[name]}


def _days(overview: LakeOverview) -> Iterator[charts.LineChart]:
    """Yield charts of all corpora together, a point for each day on which something was measured."""
    by_day: dict[date, list[Day]] = defaultdict(list)
    for corpus in overview.corpora:
        for day in corpus.days:
            by_day[day.day].append(day)
    days = sorted(by_day)
    if len(days) < 2:
        return
    names = [str(day) for day in days]
    first, last = days[0].toordinal(), days[-1].toordinal()
    places = [(day.toordinal() - first) / (last - first) for day in days]

    def total(column: str) -> list[float]:
        return [sum(getattr(found, column) for found in by_day[day]) for day in days]

    characters = zip(total("characters_out"), total("characters_in"), strict=True)
    retention = [out / read if read else None for out, read in characters]
    for title, note, values, text, share in (
        ("Shards measured", "Measurements of a day, again ones counted.", total("shards"), number, False),
        ("Documents measured", "Documents of these shards.", total("documents_in"), number, False),
        ("Retention", "Characters out per character in, of these documents.", retention, percent, True),
    ):
        drawn = charts.line_chart(title, note, {"": values}, names, text, share=share, shares_of_width=places)
        if drawn is not None:
            yield drawn
