"""What of a lake is garbage. Nothing that a manifest names is, nor what belongs to a live run, nor what is young."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from prox_assets.catalog.compaction import FOLDER as COMPACTED
from prox_assets.catalog.compaction import GENERATIONS_KEPT, Compacted
from prox_assets.housekeeping.garbage.files import Garbage, Kind, LakeFile, Limits, files_below
from prox_assets.housekeeping.garbage.history import past_its_limit
from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import exports
from prox_assets.lake.records.withdrawal_marks import pending
from prox_assets.lake.schemas import EXECUTION_TABLES, Table
from prox_assets.lake.storage.host import boot_name, process_is_gone
from prox_assets.lake.storage.storage import TEMPORARY, Storage
from prox_assets.stages.states.shard_states import STAGES

# Tables that a shard's steps write; judgements and compute are people's and accounts, and stay.
_OF_STEPS = [table for table in Table if table not in (Table.SHARDS, Table.JUDGEMENTS, Table.COMPUTE)]
SILENT = timedelta(hours=1)
"""For how long nobody must have written a lease or a temporary file before it goes, however young garbage may be."""
_LEDGERS = (Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS)


def find_garbage(lake: Lake, limits: Limits) -> Iterator[Garbage]:
    """Yield what nothing needs, corpus by corpus, then what lies beside the corpora.

    Args:
        lake: The lake.
        limits: What may count as garbage.

    Raises:
        LakeError: The lake cannot be read.
    """
    corpora = lake.corpora()
    for corpus in corpora:
        shards = _Shards.of(lake, corpus)
        yield from _compactions(lake, corpus, limits)
        yield from _executions(lake, shards, limits)
        yield from _unrecorded(lake, shards, limits)
        if limits.history_days is not None or limits.history_rows is not None:
            for shard in lake.shards(corpus, Table.SHARD_METRICS_HISTORY):
                yield from past_its_limit(lake, corpus, shard, limits)
    yield from _ledgers(lake, limits)
    yield from _leases(lake, limits)
    yield from _temporaries(lake, limits)
    yield from _caches(lake, corpora, limits)
    yield from _exports(lake, limits)


@dataclass(frozen=True)
class _Shards:
    """The shards of a corpus: those with a record, those with a manifest, those with a withdrawal under way."""

    corpus: str
    recorded: frozenset[str]
    published: frozenset[str]
    withdrawn: frozenset[str]

    @classmethod
    def of(cls, lake: Lake, corpus: str) -> "_Shards":
        manifests = lake.storage.list_files(f"{corpus}/manifests")
        return cls(
            corpus,
            frozenset(lake.shards(corpus, Table.SHARDS)),
            frozenset(name.removesuffix(".json") for name in manifests),
            pending(lake, corpus),
        )


def _compactions(lake: Lake, corpus: str, limits: Limits) -> Iterator[Garbage]:
    generations: defaultdict[str, list[LakeFile]] = defaultdict(list)
    for file in files_below(lake.storage, f"{corpus}/{COMPACTED}"):
        generations[file.path.rpartition("/")[2].rpartition("-")[0].rpartition("-")[0]].append(file)
    for table, files in generations.items():
        known = table in set(Compacted)
        for file in files[:-GENERATIONS_KEPT] if known else files:
            if limits.is_old([file]):
                why = "newer ones are there" if known else "this release does not read it"
                yield Garbage(Kind.COMPACTION, file.path, why, file.size, (file,))


def _executions(lake: Lake, shards: _Shards, limits: Limits) -> Iterator[Garbage]:
    for table in EXECUTION_TABLES:
        for file in files_below(lake.storage, f"{shards.corpus}/{table}"):
            shard = _shard_of(file)
            if shard in shards.withdrawn or not limits.is_old([file]):
                continue
            try:
                named = lake.execution(shards.corpus, shard)
                rows = lake.rows(shards.corpus, table, shard, ["execution_id"])
                written = {row["execution_id"] for row in rows}
            except LakeError:
                continue  # damaged: its step makes it again
            if written and named not in written:
                lease = (shards.corpus, "refined_shards", shard)
                why = "its run was killed before it published it" if named is None else f"the manifest names {named}"
                yield Garbage(Kind.EXECUTION, file.path, why, file.size, (file,), (lease,), execution=named)


def _unrecorded(lake: Lake, shards: _Shards, limits: Limits) -> Iterator[Garbage]:
    """A corpus without any record is left alone: an earlier release may have written it."""
    if not shards.recorded:
        return
    for table in _OF_STEPS:
        for file in files_below(lake.storage, f"{shards.corpus}/{table}"):
            shard = _shard_of(file)
            is_known = shard in shards.recorded | shards.published | shards.withdrawn
            if file.path.endswith(".parquet") and not is_known and limits.is_old([file]):
                leases = tuple((shards.corpus, asset, shard) for asset in STAGES)
                why = "the corpus has no record of the shard, and no manifest names it"
                yield Garbage(Kind.UNRECORDED, file.path, why, file.size, (file,), leases)


def _ledgers(lake: Lake, limits: Limits) -> Iterator[Garbage]:
    for corpus in lake.storage.list_folders("_resume"):
        recorded = set(lake.shards(corpus, Table.SHARDS))
        for table in _LEDGERS:
            for shard in lake.storage.list_folders(f"_resume/{corpus}/{table}"):
                folder = f"_resume/{corpus}/{table}/{shard}"
                try:
                    finished = lake.info(corpus, table, shard)
                except LakeError:
                    continue
                for identity in lake.storage.list_folders(folder):
                    files = files_below(lake.storage, f"{folder}/{identity}")
                    if finished is not None and finished.identity == identity:
                        why = "the table that it was for is finished"
                    elif shard not in recorded:
                        why = "the corpus has no record of the shard"
                    else:
                        continue
                    if files and limits.is_old(files):
                        lease = (corpus, str(table), shard)
                        yield _folder(Kind.LEDGER, f"{folder}/{identity}", why, files, lease)


def _leases(lake: Lake, limits: Limits) -> Iterator[Garbage]:
    """A live run writes its lease every few seconds, so an old file is that of a dead one."""
    for file in files_below(lake.storage, "_leases"):
        data = lake.storage.read_bytes(file.path)
        try:
            holder = json.loads(data or b"{}")
            is_dead_here = holder.get("host") == boot_name() and process_is_gone(int(holder["pid"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            is_dead_here = False
        if is_dead_here or limits.is_old([file], SILENT):
            yield Garbage(Kind.LEASE, file.path, "its run has ended without giving it back", file.size, (file,))


def _temporaries(lake: Lake, limits: Limits) -> Iterator[Garbage]:
    if not lake.storage.is_local:
        return
    for name in lake.storage.list_folders(TEMPORARY):
        files = files_below(lake.storage, f"{TEMPORARY}/{name}")
        if files and limits.is_old(files, SILENT) and not lake.storage.is_being_written(name):
            yield _folder(Kind.TEMPORARY, f"{TEMPORARY}/{name}", "nobody writes it any more", files)


def _caches(lake: Lake, corpora: Sequence[str], limits: Limits) -> Iterator[Garbage]:
    for folder in ("_footers", "_alerts"):
        for file in files_below(lake.storage, folder):
            if file.path.rpartition("/")[2].partition(".")[0] not in corpora and limits.is_old([file]):
                yield Garbage(Kind.CACHE, file.path, "the lake has no such corpus", file.size, (file,))


def _exports(lake: Lake, limits: Limits) -> Iterator[Garbage]:
    """What lies where exports lie by default, without a record and never finished; and records of nothing."""
    known = exports(lake)
    for export in known:
        record = f"_exports/{export.kind}.{export.name}.json"
        files = [file for file in files_below(lake.storage, "_exports") if file.path == record]
        if not files or not limits.is_old(files) or export.replicas:
            continue
        folder = Storage(export.url, lake.storage.storage_options)
        # One elsewhere may only be out of reach, on a disk that is not mounted.
        if lake.storage.relative(folder.fs, folder.root) and not folder.list_entries(""):
            yield Garbage(Kind.EXPORT, record, f"{export.url} is not there any more", files[0].size, tuple(files))
    places = {export.open().root for export in known}
    for folder in ("_tokens", "_published"):
        for name in lake.storage.list_folders(folder):
            path = f"{folder}/{name}"
            files = files_below(lake.storage, path)
            is_finished = any(file.path == f"{path}/manifest.json" for file in files)
            if lake.storage.path(path) not in places and not is_finished and files and limits.is_old(files):
                yield _folder(Kind.EXPORT, path, "it was never finished, and the lake has no record of it", files)


def _folder(kind: Kind, path: str, why: str, files: Sequence[LakeFile], *leases: tuple[str, str, str]) -> Garbage:
    return Garbage(kind, path, why, sum(file.size for file in files), tuple(files), leases)


def _shard_of(file: LakeFile) -> str:
    return file.path.rpartition("/")[2].removesuffix(".parquet")
