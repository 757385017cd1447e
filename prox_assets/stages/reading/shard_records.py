"""The records of a corpus's shards, remembered between looks.

Every look at the source compares it with all records. Opening 10,000 of them took ten seconds of every tick of the
sensor; a listing tells which have been written since the last look, and only those are opened.
"""

import io
from collections.abc import Collection
from contextlib import suppress

import polars as pl

from prox_assets.lake.errors import DamagedTableError, LakeError, RetryableLakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import SCHEMA_VERSION, SCHEMAS, Table

_STAMP, _VERSION = "stamp", "schema_version"
_SUFFIX = ".parquet"


def read_records(
    lake: Lake, corpus: str, columns: Collection[str], *, remember: bool
) -> tuple[pl.DataFrame, dict[str, DamagedTableError]]:
    """Return the recorded shards in order of their keys, and the error of each record that is damaged.

    Args:
        lake: The lake.
        corpus: The corpus.
        columns: The columns to return; `shard` is one of them.
        remember: Leave in the lake what was read, for the next call; a failed write is ignored.

    Raises:
        LakeError: The lake cannot be read, or was written by another release.
    """
    # Before the records: one that is replaced meanwhile counts as changed at the next look.
    found = lake.storage.list_stamps(f"{corpus}/{Table.SHARDS}")
    stamps = {name.removesuffix(_SUFFIX): stamp for name, stamp in found.items() if name.endswith(_SUFFIX)}
    remembered = _recall(lake, corpus, columns)
    listed = pl.DataFrame({"shard": [*stamps], _STAMP: [*stamps.values()]}, {"shard": pl.String, _STAMP: pl.String})
    known = remembered.join(listed, on=["shard", _STAMP], how="semi")
    fresh, damaged = _read(lake, corpus, sorted(stamps.keys() - set(known["shard"])), columns)
    records = pl.concat([known, fresh.join(listed, on="shard")]).sort("shard")
    if remember and (not fresh.is_empty() or len(known) < len(remembered)):
        data = io.BytesIO()
        records.with_columns(pl.lit(SCHEMA_VERSION).alias(_VERSION)).write_parquet(data)
        with suppress(LakeError):
            lake.storage.write_bytes(_path(corpus), data.getvalue())
    return records.drop(_STAMP), damaged


def forget_records(lake: Lake, corpus: str) -> None:
    """Remove what is remembered of a corpus.

    Raises:
        LakeError: It cannot be removed.
    """
    lake.storage.remove(_path(corpus))


def _recall(lake: Lake, corpus: str, columns: Collection[str]) -> pl.DataFrame:
    schema = pl.Schema({**{name: pl.Schema(SCHEMAS[Table.SHARDS])[name] for name in columns}, _STAMP: pl.String()})
    # It saves time and decides nothing: one that cannot be read, or another release's, is none.
    with suppress(LakeError, pl.exceptions.PolarsError, OSError):
        data = lake.storage.read_bytes(_path(corpus))
        frame = schema.to_frame() if data is None else pl.read_parquet(data)
        if _VERSION in frame.columns and frame[_VERSION].eq(SCHEMA_VERSION).all():
            frame = frame.drop(_VERSION)
            if frame.schema == schema:
                return frame
    return schema.to_frame()


def _read(
    lake: Lake, corpus: str, shards: Collection[str], columns: Collection[str]
) -> tuple[pl.DataFrame, dict[str, DamagedTableError]]:
    """Read records from their files."""
    try:
        return lake.scan(corpus, Table.SHARDS, shards).select(columns).collect(), {}
    except RetryableLakeError:
        raise
    except (DamagedTableError, pl.exceptions.PolarsError) as error:
        rows, damaged = [], {}
        for shard in shards:
            try:
                rows += lake.rows(corpus, Table.SHARDS, shard, list(columns))
            except DamagedTableError as damage:
                damaged[shard] = damage
        if not damaged and isinstance(error, pl.exceptions.PolarsError):
            raise LakeError(f"the table shards of {corpus!r} in {lake.url} cannot be read: {error}") from error
        return pl.DataFrame(rows, {name: pl.Schema(SCHEMAS[Table.SHARDS])[name] for name in columns}), damaged


def _path(corpus: str) -> str:
    return f"_footers/{corpus}.shards.parquet"
