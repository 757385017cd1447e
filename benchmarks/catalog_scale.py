"""How query times grow with the lake: `python -m benchmarks.catalog_scale --shards 10000 --work DIR`.

Builds a lake with all the shards and one with a tenth (benchmarks/synthetic_lake.py), and prints ratios of times within
this run. Looking up one document and everything done to it is compared with scanning the corpus for it. Look-ups and
corpus statistics are compared between the large lake and the small one. Each time is a median over several queries, and
includes opening the catalog. Put --work on a RAM disk to keep the disk out of the measurement.

A second table has the pages of `prox browse`, each asked for as a browser would, without the network between.
"""

import random
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from benchmarks.support.arguments import command_parser, positive
from benchmarks.support.browser_pages import page_times
from benchmarks.synthetic_lake import CORPUS, DOCUMENTS_PER_SHARD, make_lake
from prox_assets.catalog.compaction import compact
from prox_assets.catalog.connection import open_catalog
from prox_assets.catalog.document_index import find_by_id
from prox_assets.catalog.queries.counts import operations, totals
from prox_assets.catalog.queries.scope import Scope
from prox_assets.corpora.document import document_id
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table

QUERIES = 15
PER_DOCUMENT = (Table.DOCUMENTS, Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS, Table.OUTCOMES, Table.EDITS, Table.REFINED)


def main() -> None:
    """Build the lakes, run the queries, print the table."""
    parser = command_parser("catalog_scale", __doc__, pages=False)
    parser.add_argument("--work", type=Path, required=True, help="folder for both lakes, removed at the end")
    parser.add_argument("--shards", type=positive, default=2_000, help="shards of the large lake (2000)")
    parser.add_argument("--documents", type=positive, default=DOCUMENTS_PER_SHARD, help="documents per shard (1000)")
    parser.add_argument("--keep", action="store_true", help="keep the lakes for the next run, which reuses them")
    arguments = parser.parse_args()
    sizes = (arguments.shards // 10, arguments.shards)
    lakes = [_lake(arguments.work / f"{shards}", shards, arguments.documents) for shards in sizes]
    rows: list[tuple[str, list[float]]] = []
    before = [_median(lambda lake=lake: _statistics(lake), 3) for lake in lakes]
    rows.append(("statistics of the corpus, before compaction", before))
    rows.append(("compaction", [_seconds(lambda lake=lake: compact(lake, CORPUS)) for lake in lakes]))
    for lake in lakes:
        compact(lake, CORPUS)  # records the folders' times, which were too recent for the first call
    rows.append(("statistics of the corpus", [_median(lambda lake=lake: _statistics(lake)) for lake in lakes]))
    rng = random.Random(1)
    points = [
        _median(lambda lake=lake, count=count: _lineage(lake, rng, count, arguments.documents))
        for lake, count in zip(lakes, sizes, strict=True)
    ]
    rows.append(("one document, everything done to it", points))
    scans = [
        _median(lambda lake=lake, count=count: _scan(lake, rng, count, arguments.documents), 3)
        for lake, count in zip(lakes, sizes, strict=True)
    ]
    rows.append(("the same by reading the whole corpus", scans))
    edits = sum(lakes[1].require(CORPUS, Table.EDITS, shard).rows for shard in lakes[1].shards(CORPUS, Table.EDITS)[:1])
    print(
        f"\n{sizes[1]:,} shards, {sizes[1] * arguments.documents:,} documents, {sizes[1] * edits:,} edits; "
        f"small: a tenth\n"
    )
    print("| | small, s | large, s | large / small |\n|---|---|---|---|")
    for name, (small, large) in rows:
        print(f"| {name} | {small:.3f} | {large:.3f} | {large / small:.2f} |")
    print(f"\nlarge lake, one document: a look-up is {scans[1] / points[1]:,.0f} times as fast as reading the corpus")
    print("\n| page | small, ms | large, ms | large / small |\n|---|---|---|---|")
    times = [page_times(lake, CORPUS) for lake in lakes]
    for name, small in times[0].items():
        large = times[1][name]
        print(f"| {name} | {1000 * small:.0f} | {1000 * large:.0f} | {large / small:.2f} |")
    if not arguments.keep:
        shutil.rmtree(arguments.work)


def _lake(folder: Path, shards: int, documents: int) -> Lake:
    lake = Lake(str(folder))
    if len(lake.shards(CORPUS, Table.SHARD_METRICS)) == shards:
        shutil.rmtree(folder / CORPUS / "compacted", ignore_errors=True)
        return lake
    print(f"making {shards:,} shards of {documents:,} documents")
    return make_lake(folder, shards, documents)


def _statistics(lake: Lake) -> None:
    with open_catalog(lake, (CORPUS,), ("shard_metrics",)) as connection:
        totals(connection, "corpus", Scope((CORPUS,)))
        operations(connection, "corpus", Scope((CORPUS,)))


def _lineage(lake: Lake, rng: random.Random, shards: int, documents: int) -> None:
    """Look up one document and read its rows of every table, from its own shard only."""
    wanted = _any_id(rng, shards, documents)
    [place] = find_by_id(lake, CORPUS, wanted)
    for table in PER_DOCUMENT:
        lake.rows_of_document(CORPUS, table, place.shard, place.source_row)


def _scan(lake: Lake, rng: random.Random, shards: int, documents: int) -> None:
    wanted = _any_id(rng, shards, documents)
    with open_catalog(lake, (CORPUS,)) as connection:
        for table in PER_DOCUMENT:
            rows = connection.sql(f"SELECT * FROM {table} WHERE doc_id = ?", params=[wanted]).fetchall()  # noqa: S608
            if table == Table.DOCUMENTS and len(rows) != 1:
                raise RuntimeError(f"{wanted} was not found")


def _any_id(rng: random.Random, shards: int, documents: int) -> str:
    return document_id(CORPUS, f"part-{rng.randrange(shards):05d}.jsonl", rng.randrange(documents))


def _median(query: Callable[[], None], times: int = QUERIES) -> float:
    query()  # warm-up: imports, file system caches
    return statistics.median(_seconds(query) for _ in range(times))


def _seconds(query: Callable[[], object]) -> float:
    started = perf_counter()
    query()
    return perf_counter() - started


if __name__ == "__main__":
    main()
