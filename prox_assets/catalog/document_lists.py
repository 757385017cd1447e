"""Lists of a corpus's documents, one page at a time, however large the corpus is.

A page is filled shard by shard, so its cost does not grow with the corpus. Shards that cannot hold a match according to
their metrics are skipped. A filter that hardly anything passes would have to look at every shard: the search then stops
after some time, and the page says how far it came and where to go on.
"""

import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from prox_assets.catalog.connection import ask_catalog, damage_named
from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.queries import documents as queries
from prox_assets.catalog.queries import shard_lists as shard_queries
from prox_assets.catalog.queries.comparison import differing_documents, have_a_document_in_common, unrefined_corpora
from prox_assets.catalog.queries.documents import ANY, Position, Wanted
from prox_assets.catalog.views import FEW_SHARDS, shard_views
from prox_assets.lake.lake import Lake

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = dict[str, Any]
T = TypeVar("T")

PAGE_ROWS = 50
SECONDS = 0.1
TEXT_SECONDS = 2.0
"""A search of texts reads them all."""
_LAST_ROW = 2**62


@dataclass(frozen=True)
class DocumentList:
    """A page of documents.

    Attributes:
        rows: Rows of `queries.documents.documents`, each with its `opening`.
        after: Where the next page begins; None if there is none.
        searched: Shards that were searched for this page.
        left: Shards that have not been searched yet.
    """

    rows: tuple[Row, ...]
    after: Position | None
    searched: int
    left: int


def list_documents(
    lake: Lake,
    corpus: str,
    wanted: Wanted = ANY,
    after: Position | None = None,
    only: Collection[str] | None = None,
    limit: int = PAGE_ROWS,
    seconds: float | None = None,
) -> DocumentList:
    """Return a page of documents.

    Args:
        lake: The lake.
        corpus: The corpus.
        wanted: Which documents.
        after: Where the page begins; at the beginning if None.
        only: The shards to search; all by default.
        limit: Rows of a page.
        seconds: Time after which no further shards are searched.

    Raises:
        LakeError: A file is damaged; the message names it.
    """
    allowed = (TEXT_SECONDS if wanted.text else SECONDS) if seconds is None else seconds

    def question(con: "DuckDBPyConnection") -> DocumentList:
        shards = [shard for shard, _ in _candidates(con, corpus, wanted, only)]

        def search(batch: Sequence[str], most: int) -> list[Row]:
            _open(con, lake, [corpus], batch)
            return queries.documents(con, wanted, after, most).to_dicts()

        found = _filled(shards, search, after, limit, allowed)
        return replace(found, rows=_with_openings(con, lake, corpus, found.rows))

    return _ask(lake, corpus, question)


def list_differences(
    lake: Lake,
    first: str,
    second: str,
    after: Position | None = None,
    *,
    only_one_keeps: bool = False,
    limit: int = PAGE_ROWS,
    seconds: float = SECONDS / 2,
) -> DocumentList:
    """Return a page of the documents on which two corpora over the same files differ.

    Args:
        lake: The lake.
        first: A corpus.
        second: The other one; only shards of the same name are compared.
        after: Where the page begins; at the beginning if None.
        only_one_keeps: Leave out documents that both keep or both drop.
        limit: Rows of a page.
        seconds: Time after which no further shards are searched.

    Returns:
        Rows of `queries.comparison.differing_documents`, each with the `opening` of the first.

    Raises:
        LakeError: A file is damaged; the message names it.
    """

    def question(con: "DuckDBPyConnection") -> DocumentList:
        both = dict(shard_queries.shards_that_may_hold(con, second))
        shards = [shard for shard, _ in shard_queries.shards_that_may_hold(con, first) if shard in both]

        def search(batch: Sequence[str], most: int) -> list[Row]:
            _open(con, lake, [first, second], batch)
            return differing_documents(con, first, second, after, most, only_one_keeps=only_one_keeps).to_dicts()

        found = _filled(shards, search, after, limit, seconds)
        return replace(found, rows=_with_openings(con, lake, first, found.rows))

    with damage_named(lake, [first, second], queries.TABLES):
        return ask_catalog(lake, question, [first, second], shard_queries.TABLES, columns=shard_queries.COLUMNS)


@dataclass(frozen=True)
class InCommon:
    """What two corpora without a difference have in common.

    Attributes:
        unrefined: Those of the two of which nothing is refined yet.
        documents: Whether they have any document in common.
    """

    unrefined: tuple[str, ...]
    documents: bool


def in_common(lake: Lake, first: str, second: str) -> InCommon:
    """Return why two corpora may differ on nothing: it reads shards until it finds a document that both have.

    Raises:
        LakeError: A file is damaged; the message names it.
    """

    def question(con: "DuckDBPyConnection") -> InCommon:
        unrefined = tuple(unrefined_corpora(con, [first, second]))
        both = dict(shard_queries.shards_that_may_hold(con, second))
        shards = [shard for shard, _ in shard_queries.shards_that_may_hold(con, first) if shard in both]
        for start in range(0, len(shards), FEW_SHARDS):
            _open(con, lake, [first, second], shards[start : start + FEW_SHARDS])
            if have_a_document_in_common(con, first, second):
                return InCommon(unrefined, documents=True)
        return InCommon(unrefined, documents=False)

    with damage_named(lake, [first, second], queries.TABLES):
        return ask_catalog(lake, question, [first, second], shard_queries.TABLES, columns=shard_queries.COLUMNS)


def _filled(
    shards: Sequence[str],
    search: Callable[[Sequence[str], int], list[Row]],
    after: Position | None,
    limit: int,
    seconds: float,
) -> DocumentList:
    """Search shards in order until a page is full or the time is up; `search` returns at most a number of rows."""
    started = monotonic()
    if after is not None:
        # A shard that was searched to its end must not be searched again, or a search might never get past it.
        shards = [shard for shard in shards if Position(shard, _LAST_ROW) > after]
    rows: list[Row] = []
    # One shard mostly fills a page. Otherwise more are searched at a time, as many as the rest of the time allows.
    searched, size = 0, 1
    while searched < len(shards):
        batch = shards[searched : searched + size]
        # One more than a page holds tells whether there is another page.
        rows += search(batch, limit + 1 - len(rows))
        searched += len(batch)
        elapsed = max(monotonic() - started, 1e-9)
        if len(rows) > limit or elapsed > seconds:
            break
        size = max(1, min(4 * size, FEW_SHARDS, int(searched * (seconds / elapsed - 1))))
    left = len(shards) - searched
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        following = Position(rows[-1]["shard"], rows[-1]["source_row"])
        left += sum(shard > following.shard for shard in shards[:searched])
    elif left:
        following = Position(shards[searched - 1], _LAST_ROW)
    return DocumentList(tuple(rows), following, searched, left)


def draw_documents(
    lake: Lake, corpus: str, wanted: Wanted, seed: str, count: int, only: Collection[str] | None = None
) -> list[DocumentPlace]:
    """Draw documents at random; the same seed draws the same ones as long as the lake does not change.

    Shards are drawn in proportion to the documents that they may hold. A draw that finds none gives none, so rare
    documents may come in smaller numbers than asked for.

    Raises:
        LakeError: A file is damaged; the message names it.
    """

    def question(con: "DuckDBPyConnection") -> list[DocumentPlace]:
        candidates = _candidates(con, corpus, wanted, only)
        known = [many for _, many in candidates if many is not None]
        # A shard that was not measured counts like the others.
        usual = max(1, sum(known) // max(1, len(known)))
        weights = [usual if many is None else many for _, many in candidates]
        if not any(weights):
            return []
        rng = random.Random(seed)  # noqa: S311 (a sample, not a secret)
        draws = Counter(shard for shard, _ in rng.choices(candidates, weights, k=count))
        found: list[tuple[str, str, int]] = []
        names = sorted(draws)
        for start in range(0, len(names), FEW_SHARDS):
            batch = names[start : start + FEW_SHARDS]
            _open(con, lake, [corpus], batch)
            found += queries.drawn_documents(con, wanted, [(shard, draws[shard]) for shard in batch], seed)
        rng.shuffle(found)
        return [DocumentPlace(corpus, shard, doc_id, row) for doc_id, shard, row in found]

    return _ask(lake, corpus, question)


def _ask(lake: Lake, corpus: str, question: Callable[["DuckDBPyConnection"], T]) -> T:
    with damage_named(lake, [corpus], queries.TABLES):
        return ask_catalog(lake, question, [corpus], shard_queries.TABLES, columns=shard_queries.COLUMNS)


def _candidates(
    con: "DuckDBPyConnection", corpus: str, wanted: Wanted, only: Collection[str] | None
) -> list[tuple[str, int | None]]:
    """Return the shards to search in order, each with the number of documents that match by outcome, where known."""
    found = shard_queries.shards_that_may_hold(con, corpus, wanted.outcomes, wanted.edited)
    return found if only is None else [(shard, count) for shard, count in found if shard in only]


def _open(con: "DuckDBPyConnection", lake: Lake, corpora: Sequence[str], shards: Sequence[str]) -> None:
    for statement in shard_views(lake, corpora, queries.TABLES, shards):
        con.execute(statement)


def _with_openings(con: "DuckDBPyConnection", lake: Lake, corpus: str, rows: Sequence[Row]) -> tuple[Row, ...]:
    found: dict[Position, str] = {}
    shards = list(dict.fromkeys(row["shard"] for row in rows))
    for start in range(0, len(shards), FEW_SHARDS):
        batch = shards[start : start + FEW_SHARDS]
        _open(con, lake, [corpus], batch)
        places = [Position(row["shard"], row["source_row"]) for row in rows if row["shard"] in batch]
        found |= queries.openings(con, places)
    return tuple({**row, "opening": found.get(Position(row["shard"], row["source_row"]), "")} for row in rows)
