"""What a materialization shows in the UI: numbers, where the file is, and excerpts."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pyarrow as pa

from prox_assets.browser import links
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import DESCRIPTIONS, SCHEMAS, Table
from prox_assets.monitoring.completeness import Completeness
from prox_assets.monitoring.report.write import report_place

HEADLINES = ("documents_in", "documents_out", "retention", "drop_rate", "tokens_out", "quarantined", "rows_rejected")
"""The numbers that tell how a refinement went, of one shard or of all; the report has the others."""

_TYPE_NAMES = {pa.large_string(): "string", pa.bool_(): "bool"}


def column_schema(table: Table) -> dg.TableSchema:
    """Return a table's schema in Dagster's terms."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                field.name, _TYPE_NAMES.get(field.type, str(field.type)), description=DESCRIPTIONS[table][field.name]
            )
            for field in SCHEMAS[table]
        ]
    )


def table_metadata(lake: Lake, corpus: str, table: Table, shard: str, browser_url: str | None = None) -> dict[str, Any]:
    """Return the metadata of every materialization of a shard: rows, columns, place, fingerprint, pages to open."""
    info = lake.require(corpus, table, shard)
    uri = lake.uri(corpus, table, shard)
    return {
        "dagster/partition_row_count": info.rows,
        "dagster/column_schema": column_schema(table),
        "dagster/uri": uri,
        "file": link(uri),
        **shard_pages(corpus, shard, browser_url),
        "report": report_link(lake, corpus, browser_url),
        "fingerprint": info.fingerprint,
        "identity": info.identity,
    }


def report_link(lake: Lake, corpus: str, browser_url: str | None) -> dg.MetadataValue:
    """Return the link to a corpus's report: to its page where `prox browse` serves it, else to the file."""
    return link(links.report(corpus, browser_url) if browser_url else report_place(lake, corpus))


def corpus_pages(corpus: str, browser_url: str | None) -> dict[str, dg.MetadataValue]:
    """Return links to the pages about a corpus, for its assets; none where nothing serves them."""
    if not browser_url:
        return {}
    return {
        "shards_page": link(links.corpus(corpus, browser_url)),
        "documents_page": link(links.documents(corpus, server=browser_url)),
        "sample_page": link(links.new_sample(corpus, server=browser_url)),
    }


def shard_pages(corpus: str, shard: str, browser_url: str | None) -> dict[str, dg.MetadataValue]:
    """Return links to the pages about a shard; none where nothing serves them."""
    if not browser_url:
        return {}
    return {
        "shard_page": link(links.shard(corpus, shard, browser_url)),
        "documents_page": link(links.documents(corpus, {"shard": shard}, browser_url)),
    }


def link(place: str) -> dg.MetadataValue:
    """Return a path or URL as the metadata type that the UI renders best."""
    return dg.MetadataValue.url(place) if "://" in place else dg.MetadataValue.path(place)


def completeness_metadata(found: Completeness) -> dict[str, Any]:
    """Return how many shards a page or table about the whole corpus leaves out, which, and what to do about it."""
    shown: dict[str, Any] = {"shards_missing": len(found.missing), "shards_outdated": len(found.outdated)}
    if found.missing:
        shown["missing"] = dg.MetadataValue.json(dict(found.missing))
    if found.sentences:
        shown["left_out"] = "\n".join(found.sentences)
    return shown


def numbers(values: Mapping[str, Any]) -> dict[str, float | int]:
    """Return the plain numbers of a mapping, which the UI plots over partitions; lists and nulls are left out."""
    return {
        name: value for name, value in values.items() if isinstance(value, int | float) and not isinstance(value, bool)
    }
