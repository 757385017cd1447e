"""`prox stats`: questions about a refined lake, one command each.

Belongs here: options and printing; the questions are in prox_assets/catalog/queries.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import duckdb
import typer

from prox_assets.catalog.connection import open_catalog
from prox_assets.catalog.queries import comparison, programs, removals, statistics
from prox_assets.catalog.queries.scope import Scope
from prox_assets.catalog.queries.statistics import Grouping
from prox_assets.cli.lakes import CorpusOption, LakeOption, corpora_of
from prox_assets.cli.options import fail, say
from prox_assets.cli.results import LIMIT_HELP, Format, FormatOption, OutputOption, show_rows
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl
    from duckdb import DuckDBPyConnection

METRICS = ("shard_metrics", "shard_metrics_history")

app = typer.Typer(no_args_is_help=True, help="Questions about a refined lake: counts, removals, sites, programs.")

Shards = Annotated[list[str] | None, typer.Option("--shard", help="Only this shard; may be repeated.")]
OfRefiner = Annotated[str | None, typer.Option("--refiner", help="Only shards of this refiner (fingerprint's begin).")]
Since = Annotated[datetime | None, typer.Option(help="Only shards measured from this time on (UTC).")]
Until = Annotated[datetime | None, typer.Option(help="Only shards measured before this time (UTC).")]
By = Annotated[Grouping, typer.Option("--by", help="What a row stands for.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help=LIMIT_HELP)]

Question = Callable[["DuckDBPyConnection", Scope], "pl.DataFrame"]


class _Options:
    """What every question takes, gathered by the callback of its command."""

    def __init__(
        self,
        lake: str,
        corpus: str | None,
        shards: list[str] | None,
        refiner: str | None,
        since: datetime | None,
        until: datetime | None,
    ) -> None:
        self.lake = Lake(lake)
        self.corpora = corpora_of(self.lake, corpus)
        self.scope = Scope(tuple(self.corpora), tuple(shards or ()), refiner, _utc(since), _utc(until))


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None


def _answer(
    options: tuple[str, str | None, list[str] | None, str | None, datetime | None, datetime | None],
    form: Format,
    output: "Path | None",
    question: Question,
    only: Collection[str] | None = None,
) -> None:
    try:
        chosen = _Options(*options)
        with open_catalog(chosen.lake, chosen.corpora, only) as connection:
            rows = question(connection, chosen.scope)
    except (LakeError, duckdb.Error) as error:
        raise fail(str(error)) from error
    show_rows(rows.to_arrow(), form, output)


@app.command("totals")
def totals(
    by: By = "corpus",
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    shard: Shards = None,
    refiner: OfRefiner = None,
    since: Since = None,
    until: Until = None,
    form: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Documents, tokens, retention and outcomes per shard, corpus, refiner or day."""

    def question(con: "DuckDBPyConnection", scope: Scope) -> "pl.DataFrame":
        return statistics.totals(con, by, scope)

    _answer((lake, corpus, shard, refiner, since, until), form, output, question, METRICS)


@app.command("operations")
def operations(
    by: By = "corpus",
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    shard: Shards = None,
    refiner: OfRefiner = None,
    since: Since = None,
    until: Until = None,
    form: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Operations by kind and status, per shard, corpus, refiner or day."""

    def question(con: "DuckDBPyConnection", scope: Scope) -> "pl.DataFrame":
        return statistics.operations(con, by, scope)

    _answer((lake, corpus, shard, refiner, since, until), form, output, question, METRICS)


@app.command("removed-lines")
def removed_lines(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    shard: Shards = None,
    refiner: OfRefiner = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    form: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """The lines that are removed from most documents."""
    _answer(
        (lake, corpus, shard, refiner, since, until),
        form,
        output,
        lambda con, scope: removals.removed_lines(con, scope, limit),
    )


@app.command("removed-strings")
def removed_strings(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    shard: Shards = None,
    refiner: OfRefiner = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    form: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """The strings inside lines that are removed or replaced in most documents."""
    _answer(
        (lake, corpus, shard, refiner, since, until),
        form,
        output,
        lambda con, scope: removals.removed_strings(con, scope, limit),
    )


@app.command("sites")
def sites(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    shard: Shards = None,
    refiner: OfRefiner = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    min_documents: Annotated[int, typer.Option(min=1, help="Leave out sites with fewer documents.")] = 1,
    most_retained: Annotated[bool, typer.Option("--most-retained", help="The most retained sites first.")] = False,
    form: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Sites by how much of their text is left."""
    _answer(
        (lake, corpus, shard, refiner, since, until),
        form,
        output,
        lambda con, scope: removals.sites(con, scope, limit, min_documents, most_retained),
    )


@app.command("edits")
def edits(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    shard: Shards = None,
    refiner: OfRefiner = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    form: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """The kept documents that lost most of their text."""
    _answer(
        (lake, corpus, shard, refiner, since, until),
        form,
        output,
        lambda con, scope: removals.biggest_edits(con, scope, limit),
    )


@app.command("programs")
def bad_programs(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    shard: Shards = None,
    refiner: OfRefiner = None,
    since: Since = None,
    until: Until = None,
    examples: Annotated[int, typer.Option(min=0, help="Show so many programs of each kind instead of counts.")] = 0,
    form: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Chunk programs that failed, were cut off, looped or never came; --examples shows them."""

    def question(con: "DuckDBPyConnection", scope: Scope) -> "pl.DataFrame":
        return programs.bad_program_examples(con, scope, examples) if examples else programs.bad_programs(con, scope)

    _answer((lake, corpus, shard, refiner, since, until), form, output, question)


@app.command("probabilities")
def probabilities(
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    shard: Shards = None,
    refiner: OfRefiner = None,
    since: Since = None,
    until: Until = None,
    bins: Annotated[int, typer.Option(min=1, max=1000, help="Bins of [0, 1].")] = programs.BINS,
    form: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Documents by keep probability, where it was scored."""
    _answer(
        (lake, corpus, shard, refiner, since, until),
        form,
        output,
        lambda con, scope: programs.keep_probabilities(con, scope, bins),
    )


@app.command("compare")
def compare(
    first: Annotated[str, typer.Argument(help="A corpus.")],
    second: Annotated[str, typer.Argument(help="Another corpus over the same files, refined otherwise.")],
    lake: LakeOption = "lake",
    limit: Limit = 10,
    form: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Two refiners on the same documents: agreement, kept text, and where they differ most."""
    opened = Lake(lake)
    if first == second:
        raise fail("two corpora are compared; these are one")
    try:
        for name in (first, second):
            corpora_of(opened, name)
        with open_catalog(opened, (first, second)) as connection:
            agreed = comparison.compare(connection, first, second)
            rows = comparison.differences(connection, first, second, limit)
    except (LakeError, duckdb.Error) as error:
        raise fail(str(error)) from error
    if not agreed.documents:
        raise fail(f"{first} and {second} have no document in common: same files, rows and texts are needed")
    if form == "table" and output is None:
        say(
            f"{agreed.documents:,} documents in both: {agreed.agreement:.1%} agreed on (kappa {agreed.kappa:.2f}); "
            f"both keep {agreed.both_keep:,} ({agreed.same_text:,} with the same text), both drop "
            f"{agreed.both_drop:,}, only {first} keeps {agreed.only_first_keeps:,}, only {second} keeps "
            f"{agreed.only_second_keeps:,}"
        )
        say(
            f"text kept: {first} {agreed.characters_first:,} characters, {second} {agreed.characters_second:,} "
            f"({agreed.characters_second - agreed.characters_first:+,})"
        )
        if agreed.tokens_first is not None and agreed.tokens_second is not None:
            say(
                f"tokens kept: {first} {agreed.tokens_first:,}, {second} {agreed.tokens_second:,} "
                f"({agreed.tokens_second - agreed.tokens_first:+,})"
            )
    show_rows(rows.to_arrow(), form, output)
