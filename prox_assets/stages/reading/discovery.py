"""Listing a corpus's source and recording its shards in the lake.

Discovery only adds: a shard that has left the source keeps its results in the lake, and its record says since when it
is gone. A source file that has changed since it was read is reported. A damaged record is written anew from the
listing, so that one of them never stops a corpus.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ByteSize

from prox_assets import __version__
from prox_assets.corpora.grouping import MAX_SHARDS, suggested_bytes
from prox_assets.corpora.listing.raw_files import RawFile
from prox_assets.corpora.shards import Shard, list_shards
from prox_assets.lake.errors import DamagedTableError
from prox_assets.lake.identity import fingerprint, source_version
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp
from prox_assets.stages.plan import RefinementPlan
from prox_assets.stages.reading.shard_records import read_records
from prox_assets.stages.run import StageError

# Columns of `shards` that a Shard has under the same name.
_SAME_NAMES = (
    *("url", "source_file", "format", "row_start", "row_end", "etag", "rows", "file_rows", "gone_since"),
    *("byte_start", "byte_end"),
)
_WITHOUT_FILES = ("shard", "bytes", *_SAME_NAMES)
# Shards whose lists of files are held at once: together they have as many as the corpus.
_LISTS_AT_ONCE = 64


@dataclass(frozen=True)
class Discovery:
    """The result of listing a source.

    Attributes:
        shards: Every shard that the source has now, in order; without the files of shards of many.
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
    lake: Lake, plan: RefinementPlan, run_id: str, *, may_move: bool = True, whole: bool = True, remember: bool = False
) -> Discovery:
    """List the source, record new and changed shards, and return the differences.

    The lake may lie inside the folder of the raw files; its own files are never listed as raw ones.

    Args:
        lake: The lake.
        plan: The corpus's configuration.
        run_id: Written into recorded rows.
        may_move: Whether a known shard may have a new URL, as when a corpus has moved.
        whole: Whether the plan names the corpus's whole source. Otherwise nothing follows from a shard's absence.
        remember: Leave in the lake what records say, so that the next call opens only those written since.

    Raises:
        CorpusError: The source could not be listed, or has no files but the lake's; nothing is recorded then.
        StageError: A known shard has a new URL although `may_move` is false.
        LakeError: The lake cannot be read, or was written by another release.
    """
    known, damaged = _recorded(lake, plan.corpus, remember=remember)
    remnants = {key: shard for key in damaged if (shard := _remnant(lake, plan.corpus, key)) is not None}
    now = datetime.now(UTC)

    def files_of(keys: Sequence[str]) -> Iterator[tuple[str, Sequence[RawFile]]]:
        yield from ((key, remnants[key].files or ()) for key in keys if key in remnants)
        yield from _files_of(lake, plan.corpus, [key for key in keys if key not in remnants])

    listed = list_shards(
        plan.source, known | remnants, lake.owns, files_of=files_of, missing_since=now if whole else None
    )
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
        # A shard of many files comes with them if one of them has changed, come back or gone.
        if known.get(shard.key) != shard or shard.files is not None:
            record_shard(lake, plan.corpus, shard, run_id)
    here = {shard.key for shard in found}
    gone = {key: known[key].gone_since for key in sorted(known.keys() - here)}
    for key, since in gone.items():
        if whole and since is None:
            gone[key] = now
            record_shard(lake, plan.corpus, replace(known[key], gone_since=now), run_id)
    return Discovery(
        shards=tuple(replace(shard, files=None) for shard in found),
        added=tuple(shard.key for shard in found if shard.key not in known and shard.key not in damaged),
        changed=tuple(shard.key for shard in found if shard.key in known and known[shard.key].version != shard.version),
        gone={key: since for key, since in gone.items() if since is not None},
        warnings=(
            *(_of_damage(lake.uri(plan.corpus, Table.SHARDS, key), key, here) for key in sorted(damaged)),
            *_of_number(plan, found),
        ),
    )


def _of_number(plan: RefinementPlan, shards: Sequence[Shard]) -> Iterator[str]:
    """Say so if there are more shards than Dagster shows and steers with ease."""
    if len(shards) <= MAX_SHARDS:
        return
    files = {shard.url: shard.size or 0 for shard in shards}
    size = ByteSize(suggested_bytes(sum(files.values()))).human_readable(decimal=False)
    yield (
        f"corpus {plan.corpus!r} has {len(shards):,} shards, and with more than {MAX_SHARDS:,} Dagster's pages and its "
        f"daemon become slow. The shards that the lake has stay as they are. To have fewer, refine into a new lake or "
        f"corpus, with `shard_bytes: {size}` or more (`--shard-bytes`)"
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
    """Write a shard's row of the table `shards`; files that are not loaded stay those on record."""
    files = shard.files
    if shard.has_many_files and files is None:
        files = known_shard(lake, corpus, shard.key).files
    stamp = FileStamp(fingerprint(shard.url), fingerprint(source_version(*shard.version)), run_id, __version__)
    with lake.write(corpus, shard.key, [Table.SHARDS], stamp) as [writer]:
        row = {"bytes": shard.size, **{name: getattr(shard, name) for name in _SAME_NAMES}}
        writer.write({**row, "files": None if files is None else [_file_record(file) for file in files]})


def _file_record(file: RawFile) -> dict[str, Any]:
    return {
        "source_file": file.source_file,
        "bytes": file.size,
        "etag": file.version,
        "first_row": file.first_row,
        "gone_since": file.gone_since,
    }


def known_shards(lake: Lake, corpus: str) -> dict[str, Shard]:
    """Return every recorded shard of a corpus by key, in order of the keys; without the files of shards of many.

    Raises:
        DamagedTableError: A record is damaged; the message names the file. The next discovery writes it anew.
        LakeError: The lake cannot be read.
    """
    known, damaged = _recorded(lake, corpus, remember=False)
    for error in damaged.values():
        raise error
    return known


def _recorded(lake: Lake, corpus: str, *, remember: bool) -> tuple[dict[str, Shard], dict[str, DamagedTableError]]:
    """Return the recorded shards by key, in order of the keys, and the error of each record that is damaged."""
    frame, damaged = read_records(lake, corpus, _WITHOUT_FILES, remember=remember)
    return {row["shard"]: _shard(row) for row in frame.iter_rows(named=True)}, damaged


def _remnant(lake: Lake, corpus: str, key: str) -> Shard | None:
    """Return what the lake's documents tell about a shard whose record is damaged, or None.

    It is the file that the shard was read from, or those of its files that have documents. With it, a listing gives the
    file its old key again, also where an earlier release named it.
    """
    try:
        files = dict.fromkeys(row["source_file"] for row in lake.rows(corpus, Table.DOCUMENTS, key, ["source_file"]))
    except DamagedTableError:
        return None
    if not files:
        return None
    shard = Shard(key, "", next(iter(files)), "", None, None, None, None, None)
    return shard.of_files([RawFile(name, name, None, None) for name in files]) if shard.has_many_files else shard


def _files_of(lake: Lake, corpus: str, keys: Sequence[str]) -> Iterator[tuple[str, Sequence[RawFile]]]:
    """Yield recorded shards of many files by key, each with its files."""
    for start in range(0, len(keys), _LISTS_AT_ONCE):
        batch = keys[start : start + _LISTS_AT_ONCE]
        frame = lake.scan(corpus, Table.SHARDS, batch).select("shard", "url", "source_file", "files").collect()
        for row in frame.iter_rows(named=True, buffer_size=1):
            yield row["shard"], _raw_files(row)


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
        f"Run the corpus's discovery (the job discover_{corpus}_shards, or `prox shards --discover --settings "
        "defs.yaml`), and use the keys that the source has."
    )


def _shard(row: Mapping[str, Any]) -> Shard:
    files = _raw_files(row) if row.get("files") else None
    return Shard(key=row["shard"], size=row["bytes"], files=files, **{name: row[name] for name in _SAME_NAMES})


def _raw_files(row: Mapping[str, Any]) -> tuple[RawFile, ...]:
    root = row["url"].removesuffix(row["source_file"])
    return tuple(
        RawFile(
            url=root + file["source_file"],
            source_file=file["source_file"],
            size=file["bytes"],
            version=file["etag"],
            first_row=file["first_row"],
            gone_since=file["gone_since"],
        )
        for file in row["files"]
    )
