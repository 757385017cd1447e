"""`prox stats`: questions about a refined lake, one command each.

prox_assets/catalog/queries has the queries; this module has the options and the printing. All questions share the
options that choose a part of the lake and a format for the rows; `_common` declares them once.
"""

import inspect
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prox_assets.catalog.connection import ask_catalog
from prox_assets.catalog.queries import breakdowns, comparison, counts, judgements, programs, removals
from prox_assets.catalog.queries.counts import Grouping
from prox_assets.catalog.queries.scope import Scope
from prox_assets.cli.console import fail, plain_errors, say
from prox_assets.cli.options import CorpusOption, LakeOption, corpora_of, declare
from prox_assets.cli.views.rows import LIMIT_HELP, FormatOption, OutputOption, show_rows
from prox_assets.lake.lake import Lake

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

METRICS = ("shard_metrics", "shard_metrics_history")

app = typer.Typer(no_args_is_help=True, help="Questions about a refined lake: counts, removals, sites, programs.")

Shards = Annotated[list[str] | None, typer.Option("--shard", help="Only this shard; may be repeated.")]
OfRefiner = Annotated[
    str | None, typer.Option("--refiner", help="Only shards whose refiner's fingerprint starts with this.")
]
Since = Annotated[datetime | None, typer.Option("--since", help="Only shards measured from this time on (UTC).")]
Until = Annotated[datetime | None, typer.Option("--until", help="Only shards measured before this time (UTC).")]
By = Annotated[Grouping, typer.Option("--by", help="What a row stands for.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help=LIMIT_HELP)]

Question = Callable[..., "pl.DataFrame"]


def _common(
    *,
    lake: LakeOption = "lake",
    corpus: CorpusOption = None,
    shard: Shards = None,
    refiner: OfRefiner = None,
    since: Since = None,
    until: Until = None,
    form: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Declare the options that all questions share."""


def _command(name: str, only: Collection[str] | None = None) -> Callable[[Question], Question]:
    """Turn a question into a command; a question is a function of a catalog, a scope, and its own options.

    Args:
        name: The command's name; the question's docstring is its help.
        only: Views that the question needs; None for all.
    """

    def register(question: Question) -> Question:
        _, _, *own = inspect.signature(question).parameters.values()
        common = inspect.signature(_common).parameters.values()

        @plain_errors()
        @wraps(question)
        def run(**given: Any) -> None:  # noqa: ANN401 (what is declared below)
            lake = Lake(given["lake"])
            corpora = corpora_of(lake, given["corpus"])
            moments = (_utc(given["since"]), _utc(given["until"]))
            scope = Scope(tuple(corpora), tuple(given["shard"] or ()), given["refiner"], *moments)
            options = {option.name: given[option.name] for option in own}
            rows = ask_catalog(
                lake, lambda connection: question(connection, scope, **options), corpora, only, scope.shards or None
            )
            show_rows(rows.to_arrow(), given["form"], given["output"])

        declare(run, [*own, *common])
        app.command(name)(run)
        return question

    return register


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None


@_command("totals", METRICS)
def totals(con: "DuckDBPyConnection", scope: Scope, by: By = "corpus") -> "pl.DataFrame":
    """Documents, tokens, retention and outcomes per shard, corpus, refiner or day."""
    return counts.totals(con, by, scope)


@_command("operations", METRICS)
def operations(con: "DuckDBPyConnection", scope: Scope, by: By = "corpus") -> "pl.DataFrame":
    """Operations by kind and status, per shard, corpus, refiner or day."""
    return counts.operations(con, by, scope)


@_command("removed-lines")
def removed_lines(con: "DuckDBPyConnection", scope: Scope, limit: Limit = 20) -> "pl.DataFrame":
    """The lines that are removed from the most documents."""
    return removals.removed_lines(con, scope, limit)


@_command("removed-strings")
def removed_strings(con: "DuckDBPyConnection", scope: Scope, limit: Limit = 20) -> "pl.DataFrame":
    """The strings inside lines that are removed or replaced in the most documents."""
    return removals.removed_strings(con, scope, limit)


@_command("sites")
def sites(
    con: "DuckDBPyConnection",
    scope: Scope,
    limit: Limit = 20,
    min_documents: Annotated[int, typer.Option(min=1, help="Leave out sites with fewer documents.")] = 1,
    most_retained: Annotated[
        bool, typer.Option("--most-retained", help="The sites with the highest retention first.")
    ] = False,
) -> "pl.DataFrame":
    """Sites by retention, the lowest first."""
    return breakdowns.sites(con, scope, limit, min_documents, most_retained)


@_command("edits")
def edits(con: "DuckDBPyConnection", scope: Scope, limit: Limit = 20) -> "pl.DataFrame":
    """The kept documents that lost most of their text."""
    return removals.biggest_edits(con, scope, limit)


@_command("programs")
def bad_programs(
    con: "DuckDBPyConnection",
    scope: Scope,
    examples: Annotated[int, typer.Option(min=0, help="Show this many programs of each kind instead of counts.")] = 0,
) -> "pl.DataFrame":
    """Chunk programs that failed, were truncated, looped or are missing; --examples shows them."""
    return programs.bad_program_examples(con, scope, examples) if examples else programs.bad_programs(con, scope)


@_command("probabilities")
def probabilities(
    con: "DuckDBPyConnection",
    scope: Scope,
    bins: Annotated[int, typer.Option(min=1, max=1000, help="Number of bins in [0, 1].")] = programs.BINS,
) -> "pl.DataFrame":
    """Scored documents by keep probability."""
    return programs.keep_probabilities(con, scope, bins)


@_command("judgements", ("judgements",))
def judged(con: "DuckDBPyConnection", scope: Scope) -> "pl.DataFrame":
    """What people said about refined documents, per corpus and refiners; `prox browse` asks them."""
    return judgements.judgement_counts(con, scope)


@app.command("compare")
@plain_errors()
def compare(
    first: Annotated[str, typer.Argument(help="A corpus.")],
    second: Annotated[str, typer.Argument(help="Another corpus over the same files, refined differently.")],
    lake: LakeOption = "lake",
    limit: Limit = 10,
    form: FormatOption = "table",
    output: OutputOption = None,
) -> None:
    """Compare two refiners on the same documents: agreement, refined text, and where they differ most."""
    if first == second:
        raise fail("name two different corpora to compare")
    opened = Lake(lake)
    for name in (first, second):
        corpora_of(opened, name)
    agreed, rows = ask_catalog(
        opened,
        lambda connection: (
            comparison.compare(connection, first, second),
            comparison.differences(connection, first, second, limit),
        ),
        (first, second),
    )
    if not agreed.documents:
        raise fail(f"{first} and {second} have no document in common: they must come from the same files")
    if form == "table" and output is None:
        _say_agreement(first, second, agreed)
    show_rows(rows.to_arrow(), form, output)


def _say_agreement(first: str, second: str, agreed: comparison.Agreement) -> None:
    say(
        f"{agreed.documents:,} documents in both: {agreed.agreement:.1%} agreed on (kappa {agreed.kappa:.2f}); "
        f"both keep {agreed.both_keep:,} ({agreed.same_text:,} with the same text), both drop {agreed.both_drop:,}, "
        f"only {first} keeps {agreed.only_first_keeps:,}, only {second} keeps {agreed.only_second_keeps:,}"
    )
    say(
        f"refined text: {first} {agreed.characters_first:,} characters, {second} {agreed.characters_second:,} "
        f"({agreed.characters_second - agreed.characters_first:+,})"
    )
    if agreed.tokens_first is not None and agreed.tokens_second is not None:
        say(
            f"refined tokens: {first} {agreed.tokens_first:,}, {second} {agreed.tokens_second:,} "
            f"({agreed.tokens_second - agreed.tokens_first:+,})"
        )
