"""Listing a corpus's source and recording its shards in the lake.

Discovery only adds: a shard that has left the source keeps its results in the lake, and its record says since when it
is gone. A source file that has changed since it was read is reported. A damaged record is written anew from the
listing, so that one of them never stops a corpus.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from prox_assets import __version__
from prox_assets.corpora.shards import Shard, list_shards
from prox_assets.lake.errors import DamagedTableError, LakeError, RetryableLakeError
from prox_assets.lake.identity import fingerprint, source_version
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.run import StageError

# Columns of `shards` that a Shard has under the same name.
_SAME_NAMES = ("url", "source_file", "format", "row_start", "row_end", "etag", "rows", "file_rows", "gone_since")


@dataclass(frozen=True)
class Discovery:
    """The result of listing a source.

    Attributes:
        shards: Every shard that the source has now, in order.
        added: Keys that are new to the lake.
        changed: Keys whose source file differs from the one recorded.
        gone: Shards that the lake knows but the source no longer has, each with the time of the listing that first
            missed it.
        warnings: What to tell about damaged records, a sentence each.
    """

    shards: tuple[Shard, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]
    gone: Mapping[str, datetime]
    warnings: tuple[str, ...] = ()


def discover_shards(
    lake: Lake, plan: RefinementPlan, run_id: str, *, may_move: bool = True, whole: bool = True
) -> Discovery:
    """List the source, record new and changed shards, and return the differences.

    The lake may lie inside the folder of the raw files; its own files are never listed as raw ones.

    Args:
        lake: The lake.
        plan: The corpus's configuration.
        run_id: Written into recorded rows.
        may_move: Whether a known shard may have a new URL, as when a corpus has moved.
        whole: Whether the plan names the corpus's whole source. Otherwise nothing follows from a shard's absence.

    Raises:
        CorpusError: The source could not be listed, or has no files but the lake's; nothing is recorded then.
        StageError: A known shard has a new URL although `may_move` is false.
        LakeError: The lake cannot be read, or was written by another release.
    """
    known, damaged = _recorded(lake, plan.corpus)
    remnants = {key: shard for key in damaged if (shard := _remnant(lake, plan.corpus, key)) is not None}
    listed = list_shards(plan.source, known | remnants, lake.owns)
    found = [_with_known_rows(shard, known.get(shard.key)) for shard in listed]
    for shard in found:
        if not may_move and shard.key in damaged:
            raise StageError(
                f"{damaged[shard.key]}. It would tell whether {shard.url} is the file that the lake has; if it "
                f"is, name the corpus (--corpus {plan.corpus})."
            )
        if not may_move and shard.key in known and known[shard.key].url != shard.url:
            raise StageError(
                f"the lake already has shard {shard.key!r} of corpus {plan.corpus!r} from {known[shard.key].url}; "
                f"{shard.url} would replace it. Name the corpus (--corpus {plan.corpus} if it is the same one, moved)."
            )
    for shard in found:
        if known.get(shard.key) != shard:
            record_shard(lake, plan.corpus, shard, run_id)
    here = {shard.key for shard in found}
    gone = {key: known[key].gone_since for key in sorted(known.keys() - here)}
    now = datetime.now(UTC)
    for key, since in gone.items():
        if whole and since is None:
            gone[key] = now
            record_shard(lake, plan.corpus, replace(known[key], gone_since=now), run_id)
    return Discovery(
        shards=tuple(found),
        added=tuple(shard.key for shard in found if shard.key not in known and shard.key not in damaged),
        changed=tuple(shard.key for shard in found if shard.key in known and known[shard.key].version != shard.version),
        gone={key: since for key, since in gone.items() if since is not None},
        warnings=tuple(_of_damage(lake.uri(plan.corpus, Table.SHARDS, key), key, here) for key in sorted(damaged)),
    )


def _of_damage(uri: str, key: str, here: Collection[str]) -> str:
    if key in here:
        return (
            f"{uri} was damaged and has been written anew from the listing; its row count is unknown until it is read"
        )
    return (
        f"{uri} is damaged, and the files that were listed do not have shard {key!r}, so it cannot be written anew. If "
        "the shard has left the source, `prox withdraw-shard --force` removes it"
    )


def _with_known_rows(shard: Shard, known: Shard | None) -> Shard:
    """Keep the row count from an earlier read of an unchanged file, because a listing does not count rows."""
    if known is None or shard.rows is not None or known.version != shard.version:
        return shard
    return replace(shard, rows=known.rows)


def record_shard(lake: Lake, corpus: str, shard: Shard, run_id: str) -> None:
    """Write a shard's row of the table `shards`."""
    stamp = FileStamp(fingerprint(shard.url), fingerprint(source_version(*shard.version)), run_id, __version__)
    with lake.write(corpus, shard.key, [Table.SHARDS], stamp) as [writer]:
        writer.write({"bytes": shard.size, **{name: getattr(shard, name) for name in _SAME_NAMES}})


def known_shards(lake: Lake, corpus: str) -> dict[str, Shard]:
    """Return every recorded shard of a corpus by key, in order of the keys.

    Raises:
        DamagedTableError: A record is damaged; the message names the file. The next discovery writes it anew.
        LakeError: The lake cannot be read.
    """
    known, damaged = _recorded(lake, corpus)
    for error in damaged.values():
        raise error
    return known


def _recorded(lake: Lake, corpus: str) -> tuple[dict[str, Shard], dict[str, DamagedTableError]]:
    """Return the recorded shards by key, in order of the keys, and the error of each record that is damaged."""
    try:
        frame = lake.scan(corpus, Table.SHARDS).sort("shard").collect()
        return {row["shard"]: _shard(row) for row in frame.iter_rows(named=True)}, {}
    except RetryableLakeError:
        raise
    except (DamagedTableError, pl.exceptions.PolarsError) as error:
        known: dict[str, Shard] = {}
        damaged: dict[str, DamagedTableError] = {}
        for key in lake.shards(corpus, Table.SHARDS):
            try:
                for row in lake.rows(corpus, Table.SHARDS, key):
                    known[key] = _shard(row)
            except DamagedTableError as damage:
                damaged[key] = damage
        if not damaged and isinstance(error, pl.exceptions.PolarsError):
            raise LakeError(f"the table shards of {corpus!r} in {lake.url} cannot be read: {error}") from error
        return known, damaged


def _remnant(lake: Lake, corpus: str, key: str) -> Shard | None:
    """Return what the lake's documents tell about a shard whose record is damaged, or None.

    It is the file that the shard was read from. With it, a listing gives the file its old key again, also where an
    earlier release named it.
    """
    try:
        for row in lake.rows(corpus, Table.DOCUMENTS, key, ["source_file"]):
            return Shard(key, "", row["source_file"], "", None, None, None, None, None)
    except DamagedTableError:
        pass
    return None


def known_shard(lake: Lake, corpus: str, key: str) -> Shard:
    """Return one recorded shard.

    Raises:
        StageError: It was never discovered.
        DamagedTableError: Its record is damaged.
    """
    for row in lake.rows(corpus, Table.SHARDS, key):
        return _shard(row)
    raise StageError(
        f"shard {key!r} of corpus {corpus!r} is not recorded in the lake {lake.url}. "
        f"Run the corpus's discovery (the job discover_{corpus}_shards, or `prox shards`) and use the keys it lists."
    )


def _shard(row: Mapping[str, Any]) -> Shard:
    return Shard(key=row["shard"], size=row["bytes"], **{name: row[name] for name in _SAME_NAMES})
