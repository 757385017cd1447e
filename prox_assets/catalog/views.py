"""The SQL of the catalog's views: one per table of the lake with the same name, manifests, document ids, and proofs.

Rows of EXECUTION_TABLES count only if the shard's manifest names their execution. Views of these tables therefore show
only published executions, and a reader never sees two executions mixed. A table without any files becomes an empty view
with the right columns. `judgements` and `compute` show the rows that count: each person's latest on each document, and
the latest of each attempt.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain

from prox_assets.catalog.compaction import Compacted, Coverage, coverage, rows_query
from prox_assets.catalog.places import lasting_pattern, pattern
from prox_assets.catalog.sql_parts import duckdb_type, no_rows, one_of, parquet_rows
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.appended import LATEST
from prox_assets.lake.records.compute import LABS
from prox_assets.lake.records.proofs import (
    PROOF_SCHEMAS,
    PROOFS,
    SELECTOR_SCORES,
    SELECTOR_SCORES_SCHEMA,
    ProofTable,
    proof_path,
    scores_folder,
)
from prox_assets.lake.schemas import ADDED_COLUMNS, EXECUTION_TABLES, SCHEMAS, Table

# Up to this many shards, asking for each file is faster than listing a folder of ten thousand, which takes 100 ms on a
# disk. A store answers either question in tens of milliseconds, and lists a thousand files at once.
FEW_SHARDS = 20
FEW_SHARDS_OF_A_STORE = 2


def compacted_views(
    lake: Lake,
    corpora: Sequence[str],
    only: Collection[str] | None = None,
    shards: Collection[str] | None = None,
    columns: Sequence[str] | None = None,
) -> Iterator[str]:
    """Yield statements that create the views, which read from compactions where possible.

    What each compaction covers is decided now, so these views suit a connection that lives for one query.

    Args:
        lake: The lake.
        corpora: Corpora that the views cover.
        only: Names of the views to create; all by default. Each view costs a listing of its files.
        shards: Shards that the views cover; all by default. Only their files are opened.
        columns: Columns that the query needs of compacted tables; all by default.
    """
    if only is not None and not set(EXECUTION_TABLES).isdisjoint(only):
        only = {*only, Compacted.MANIFESTS}
    for what in Compacted:
        if only is None or what in only:
            parts = [coverage(lake, corpus, what, shards) for corpus in corpora]
            yield f"CREATE OR REPLACE VIEW {what} AS {rows_query(what, parts, shards, columns)}"

    yield from shard_views(lake, corpora, only, shards)
    yield from _proof_views(lake, pattern, only)


def shard_views(
    lake: Lake, corpora: Sequence[str], only: Collection[str] | None = None, shards: Collection[str] | None = None
) -> Iterator[str]:
    """Yield the statements of `compacted_views` for tables that are never compacted; they need the view of manifests.

    A connection that walks through shards runs them again for the next ones.
    """

    def files(corpus: str, table: Table) -> list[str]:
        if shards is None or table in LATEST:
            return [f"{pattern(lake, f'{corpus}/{table}')}/*.parquet"] if lake.shards(corpus, table) else []
        paths = {shard: lake.table_path(corpus, table, shard) for shard in shards}  # rejects invalid names
        if len(paths) <= (FEW_SHARDS if lake.storage.is_local else FEW_SHARDS_OF_A_STORE):
            return [pattern(lake, path) for path in paths.values() if lake.storage.exists(path)]
        there = lake.shards(corpus, table)
        return [pattern(lake, path) for shard, path in paths.items() if shard in there]

    trainings = [f"{pattern(lake, folder)}/*.parquet" for folder in _trainings(lake, only)]
    yield from _shard_views(corpora, files, trainings, only, shards)


def live_views(lake: Lake, corpora: Sequence[str]) -> Iterator[str]:
    """Yield statements that create all views over the files that exist when a query runs, for a catalog file.

    Raises:
        LakeError: DuckDB has no pattern for the lake's path.
    """
    for what in Compacted:
        with_files = [
            corpus
            for corpus in corpora
            if any(name.endswith(what.suffix) for name in lake.storage.list_files(f"{corpus}/{what.folder}"))
        ]
        globs = tuple(f"{lasting_pattern(lake, f'{corpus}/{what.folder}')}/*{what.suffix}" for corpus in with_files)
        yield f"CREATE OR REPLACE VIEW {what} AS {rows_query(what, [Coverage(None, (), globs, {}, None)])}"

    def files(corpus: str, table: Table) -> list[str]:
        there = lake.shards(corpus, table)
        return [f"{lasting_pattern(lake, f'{corpus}/{table}')}/*.parquet"] if there else []

    trainings = [f"{lasting_pattern(lake, folder)}/*.parquet" for folder in _trainings(lake)]
    yield from _shard_views(corpora, files, trainings)
    yield from _proof_views(lake, lasting_pattern)


def _trainings(lake: Lake, only: Collection[str] | None = None) -> list[str]:
    """Return the folders with what trainings of proofs and refiner labs cost."""
    if only is not None and Table.COMPUTE not in only:
        return []
    owners = [f"{kind}/{name}" for kind in (PROOFS, LABS) for name in lake.storage.list_folders(kind)]
    return [folder for owner in owners if lake.storage.list_files(folder := f"{owner}/{Table.COMPUTE}")]


def _proof_views(lake: Lake, place: Callable[[Lake, str], str], only: Collection[str] | None = None) -> Iterator[str]:
    """Yield the views of proofs, which span corpora.

    Args:
        lake: The lake.
        place: Turns a path of the lake into a pattern.
        only: Names of the views to create; all by default.
    """
    wanted = [table for table in ProofTable if only is None or table in only]
    with_scores = only is None or SELECTOR_SCORES in only
    proofs = lake.storage.list_folders(PROOFS) if wanted or with_scores else []
    if with_scores:
        yield f"CREATE OR REPLACE VIEW {SELECTOR_SCORES} AS {_selector_scores(lake, place, proofs)}"
    if not wanted:
        return
    folders = {proof: lake.storage.list_files(f"{PROOFS}/{proof}") for proof in proofs}
    for table in wanted:
        schema = PROOF_SCHEMAS[table]
        types = {field.name: duckdb_type(field.type) for field in schema}
        files = [place(lake, proof_path(proof, table)) for proof, names in folders.items() if table.file_name in names]
        rows = f"SELECT * FROM {parquet_rows(files, types)}" if files else no_rows(types)
        yield f"CREATE OR REPLACE VIEW {table} AS {rows}"


def _selector_scores(lake: Lake, place: Callable[[Lake, str], str], proofs: Sequence[str]) -> str:
    """Return the query for what selectors say of documents; proof and arm are in the names of folder and file."""
    types = {field.name: duckdb_type(field.type) for field in SELECTOR_SCORES_SCHEMA}
    folders = [folder for proof in proofs if lake.storage.list_files(folder := scores_folder(proof))]
    if not folders:
        return no_rows({"proof": "VARCHAR", "arm": "VARCHAR", **types})
    return (
        "SELECT split_part(filename, '/', -3) AS proof, "
        "regexp_replace(split_part(filename, '/', -1), '[.]parquet$', '') AS arm, "
        f"{', '.join(types)} FROM {parquet_rows([f'{place(lake, folder)}/*.parquet' for folder in folders])}"
    )


def _shard_views(
    corpora: Sequence[str],
    files: Callable[[str, Table], list[str]],
    trainings: Sequence[str],
    only: Collection[str] | None = None,
    shards: Collection[str] | None = None,
) -> Iterator[str]:
    """Yield the views of tables that are never compacted, because they are as large as the corpus.

    Args:
        corpora: Corpora that the views cover.
        files: Takes a corpus and a table, and returns patterns of the files to read.
        trainings: Patterns of the files of attempts that belong to no corpus.
        only: Names of the views to create; all by default.
        shards: Shards that the views cover; all by default.
    """
    compacted = {what.value for what in Compacted}
    for table in Table:
        if table in compacted or (only is not None and table not in only):
            continue
        patterns = list(chain.from_iterable(files(corpus, table) for corpus in corpora))
        if table is Table.COMPUTE:
            patterns += trainings
        types = {field.name: duckdb_type(field.type) for field in SCHEMAS[table]}
        if patterns:
            rows = f"SELECT * FROM {parquet_rows(patterns, types if table in ADDED_COLUMNS else None)}"
            if table in EXECUTION_TABLES:
                rows += f" WHERE execution_id IN (SELECT execution_id FROM {Compacted.MANIFESTS})"
            if table in LATEST:
                covered = "" if shards is None else f" WHERE {one_of('shard', shards)}"
                rows += f"{covered} QUALIFY {LATEST[table]}"
        else:
            rows = no_rows(types)
        yield f"CREATE OR REPLACE VIEW {table} AS {rows}"
