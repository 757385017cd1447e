"""Whether a shard's tables add up: nothing lost, nothing doubled, every kept document with its programs.

Each function says what is wrong, with examples; nothing to say means that all is well. The compared numbers are
returned too, so a check can always show them.
"""

from dataclasses import dataclass

import polars as pl
import pyarrow.parquet as pq

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import KEPT_OUTCOMES, SCHEMAS, Outcome, Table

SHARD_TABLES = (
    Table.DOCUMENTS,
    Table.REJECTS,
    Table.DOC_PROGRAMS,
    Table.CHUNK_PROGRAMS,
    Table.REFINED,
    Table.OUTCOMES,
    Table.EDITS,
)
# An earlier release did not write them.
ADDED_TABLES = (Table.CHUNK_OUTCOMES,)


@dataclass(frozen=True)
class Reconciliation:
    """Counts that must add up, and what does not."""

    documents: int
    kept: int
    dropped: int
    quarantined: int
    problems: tuple[str, ...]


def reconcile(lake: Lake, corpus: str, shard: str) -> Reconciliation:
    """Compare a shard's tables: documents = kept + dropped + quarantined, each once, kept ones with programs."""

    def column(table: Table, name: str = "doc_id") -> pl.Series:
        return lake.scan(corpus, table, [shard]).select(name).collect()[name]

    documents = column(Table.DOCUMENTS)
    outcomes = lake.scan(corpus, Table.OUTCOMES, [shard]).select("doc_id", "outcome").collect()
    kept = outcomes.filter(pl.col("outcome").is_in([o.value for o in KEPT_OUTCOMES]))["doc_id"]
    quarantined = outcomes.filter(pl.col("outcome") == Outcome.QUARANTINED.value).height
    dropped = outcomes.filter(pl.col("outcome").str.starts_with("dropped_")).height
    refined, decided, chunked = column(Table.REFINED), column(Table.DOC_PROGRAMS), column(Table.CHUNK_PROGRAMS)
    problems: list[str] = []
    once = (
        ("documents", documents),
        ("doc_programs", decided),
        ("outcomes", outcomes["doc_id"]),
        ("refined", refined),
    )
    for name, ids in once:
        repeated = ids.filter(ids.is_duplicated()).unique()
        if len(repeated):
            problems.append(f"{len(repeated)} doc_ids occur more than once in {name}, e.g. {repeated[0]}")
    if len(documents) != len(kept) + dropped + quarantined:
        problems.append(
            f"{len(documents)} documents, but {len(kept)} kept + {dropped} dropped + {quarantined} quarantined"
        )
    expectations = (
        ("documents have no outcome", documents, outcomes["doc_id"]),
        ("outcomes refer to unknown documents", outcomes["doc_id"], documents),
        ("kept documents are missing in refined", kept, refined),
        ("refined documents are not kept", refined, kept),
        ("documents have no document program", documents, decided),
        ("kept documents have no chunk programs", kept, chunked),
    )
    for message, these, known in expectations:
        missing = these.filter(~these.is_in(known.unique().implode()))
        if len(missing):
            problems.append(f"{len(missing)} {message}, e.g. {missing[0]}")
    return Reconciliation(len(documents), len(kept), dropped, quarantined, tuple(problems))


def schema_problems(lake: Lake, corpus: str, shard: str) -> tuple[str, ...]:
    """Say which of a shard's files are missing or differ from the lake's schema."""
    problems = []
    for table in (*SHARD_TABLES, *ADDED_TABLES):
        try:
            missing = lake.info(corpus, table, shard) is None
        except LakeError as error:
            problems.append(str(error))
            continue
        if missing:
            if table not in ADDED_TABLES:
                problems.append(f"{table} has no file")
            continue
        with lake.storage.open(lake.table_path(corpus, table, shard)) as file:
            found = pq.read_schema(file).remove_metadata()
        if not found.equals(SCHEMAS[table]):
            wanted = {field.name: str(field.type) for field in SCHEMAS[table]}
            have = {field.name: str(field.type) for field in found}
            differing = sorted({*wanted.items()} ^ {*have.items()})
            problems.append(f"{table} differs from the schema in {differing}")
    return tuple(problems)
