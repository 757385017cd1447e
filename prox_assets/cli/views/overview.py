"""How an overview looks in a terminal: a line for each corpus, then what needs attention."""

from rich import box
from rich.table import Table
from rich.text import Text

from prox_assets.catalog.printable import printable
from prox_assets.cli.console import console, say
from prox_assets.monitoring.report.page import number, percent, utc
from prox_assets.overview.contents import CorpusOverview, LakeOverview, Level
from prox_assets.overview.page import TableHelp, verdicts_of

NOTICES = 30
_COLOURS = {Level.ERROR: "bold red", Level.WARN: "yellow", Level.FINE: "green"}


def print_overview(overview: LakeOverview) -> None:
    """Print it."""
    if not overview.corpora:
        say(f"the lake {overview.lake} has no corpus yet; `prox refine` creates one")
    else:
        console.print(_table(overview))
    notices = overview.notices
    for notice in notices[:NOTICES]:
        place = f"{printable(notice.corpus)}: " if notice.corpus else ""
        console.print(
            Text.assemble((f"{notice.level} ", _COLOURS[notice.level]), place, printable(notice.text)), soft_wrap=True
        )
    if len(notices) > NOTICES:
        say(f"and {len(notices) - NOTICES} more; --json has them all")
    if not notices and overview.corpora:
        say("nothing needs attention, as far as files were looked at")
    for proof in overview.proofs:
        said = ", ".join(f"{count} {name}" for name, count in verdicts_of(proof).items())
        say(f"proof {proof.proof}: {proof.models} models of {proof.arms} arms; {said or 'no verdict yet'}")
    if overview.exports:
        copies = sum(len(export.replicas) for export in overview.exports)
        say(f"exports: {len(overview.exports)}, copies elsewhere: {copies}")
    if overview.withdrawals.count:
        say(f"withdrawals: {overview.withdrawals.count}")


def _table(overview: LakeOverview) -> Table:
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("corpus", overflow="fold")
    table.add_column("refiners", overflow="fold")
    for name in ("shards done", "documents", "text kept", "drift", "hours"):
        table.add_column(name, justify="right")
    table.add_column("last measured (UTC)", no_wrap=True)
    for corpus in overview.corpora:
        table.add_row(*_cells(corpus))
    return table


def _cells(corpus: CorpusOverview) -> tuple[Text, ...]:
    totals, drift = corpus.totals, corpus.drift
    moved = Text("–" if not drift.measures else f"{len(drift.findings)} of {drift.measures}")
    if drift.findings:
        moved.stylize("bold red" if drift.findings[0].severity == "error" else "yellow")
    shards = Text(f"{corpus.progress.done:,} of {corpus.shards:,}")
    for state, word, colour in (("stale", "stale", "yellow"), ("missing", "unfinished", "cyan")):
        if count := TableHelp.waits(corpus, state):
            shards.append(f", {count:,} {word}", colour)
    if corpus.progress.not_looked_at:
        shards.append(f", {corpus.progress.not_looked_at:,} not looked at", "dim")
    return (
        Text("●", _COLOURS[corpus.level]),
        Text(printable(corpus.corpus)),
        Text(printable(TableHelp.refined_by(corpus)) or "–"),
        shards,
        Text(number(totals.documents_in) if totals else "–"),
        Text(percent(totals.retention) if totals else "–"),
        moved,
        Text(number(corpus.cost.device_hours) if corpus.cost.attempts else "–"),
        Text(utc(corpus.last_measured) if corpus.last_measured else "–"),
    )
