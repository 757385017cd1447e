"""Removing withdrawn documents from a shard's tables; nothing else in them changes, and nothing becomes stale.

The rows of a document go from every table, and its raw row becomes a reject with the reason `withdrawn`, so that rows
read are still documents and rejects. Footers stay as they are: no program is inferred and nothing is executed again.
All files are complete before the first is put in place, and meanwhile the shard's manifest is put aside: a kill hides
the shard's results until the removal is finished, by `prox withdraw` or by the shard's next run.

Metrics are computed anew for the same execution. Earlier rows of their history stay: they are sums over a shard, hold
no id and no text, and drift is judged by them.
"""

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from prox_assets.corpora.document import Reject
from prox_assets.engines.config import TransformersEngineConfig
from prox_assets.lake.errors import DamagedTableError, LakeError, MissingTableError
from prox_assets.lake.executions import published_execution
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawal_marks import (
    Doomed,
    clear,
    drop_manifest,
    keep_manifest,
    mark,
    marks_of,
    record_removed,
    unfinished,
)
from prox_assets.lake.records.withdrawn import REJECT_REASON, Withdrawn, withdrawn
from prox_assets.lake.resume import shorten_ledgers
from prox_assets.lake.rewriting import Footer, count_with, write_without
from prox_assets.lake.schemas import EXECUTION_TABLES, SCHEMAS, Table
from prox_assets.lake.storage.lease import Lease
from prox_assets.lake.table_files import FileStamp
from prox_assets.monitoring.metrics.shard_metrics import shard_metrics
from prox_assets.monitoring.metrics.shard_tables import ShardTables
from prox_assets.monitoring.metrics.texts import CountTokens
from prox_assets.refiners.config import RefinerPair
from prox_assets.refiners.errors import RefinerError
from prox_assets.refiners.model.files import model_folder
from prox_assets.refiners.session import RefinerSession
from prox_assets.stages.run import LEASE_WAIT_SECONDS
from prox_assets.stages.states.identities import metrics_identity
from prox_assets.stages.states.shard_states import STAGES
from prox_assets.stages.withdrawal.beside_tables import remove_beside_tables

TABLES = "tables"
"""The place, in the record of what was removed, of documents that were in a shard's tables."""

# What readers look at goes first, and the documents last: as long as they are there, a repeated removal finds them.
_ROWS_OF_DOCUMENTS = (
    *(Table.REFINED, Table.EDITS, Table.CHUNK_OUTCOMES, Table.OUTCOMES),
    *(Table.CHUNK_PROGRAMS, Table.DOC_PROGRAMS),
)


@dataclass(frozen=True)
class Removal:
    """What was removed from a shard.

    Attributes:
        corpus: The corpus.
        shard: The shard.
        documents: The documents.
        marks: Files of the marks that named them; whoever finishes the removal takes these away, and no later ones.
        rows: Rows taken out of each table.
        damaged: Tables that could not be read and were removed as a whole; the shard's next run makes them again.
    """

    corpus: str
    shard: str
    documents: tuple[Doomed, ...]
    marks: tuple[str, ...]
    rows: Mapping[Table, int] = field(default_factory=dict)
    damaged: tuple[Table, ...] = ()


def remove_what_is_pending(lake: Lake, corpus: str, shard: str, run_id: str) -> None:
    """Finish a shard's removals before a run works on it; without any, this costs a listing of a folder or two.

    Raises:
        LakeError: The lake cannot be read or written, or a live run is writing the shard.
    """
    if marks_of(lake, corpus, shard).files or (unfinished(lake) and _is_affected(lake, corpus, shard)):
        finish(lake, [remove_documents(lake, corpus, shard, run_id)], run_id)


def remove_before_reading(lake: Lake, corpus: str, shard: str, run_id: str) -> None:
    """Remove a shard's withdrawn documents before it is read anew without them: programs must fit the documents.

    Raises:
        LakeError: The lake cannot be read or written, or a live run is writing the shard.
    """
    if marks_of(lake, corpus, shard).files or _is_affected(lake, corpus, shard):
        finish(lake, [remove_documents(lake, corpus, shard, run_id)], run_id)


def _is_affected(lake: Lake, corpus: str, shard: str) -> bool:
    try:
        return bool(covered_documents(lake, corpus, shard, withdrawn(lake)))
    except DamagedTableError:
        return False


def has_documents(lake: Lake, corpus: str, shard: str) -> bool:
    """Tell whether a shard's documents are there and can be read."""
    try:
        return lake.info(corpus, Table.DOCUMENTS, shard) is not None
    except DamagedTableError:
        return False


def withdrawn_row(source_file: str, source_row: int, withdrawal: str) -> Reject:
    """Return the reject that stands for a withdrawn document; it names the withdrawal, and shows nothing of the row."""
    return Reject(source_file, source_row, REJECT_REASON, f"withdrawal {withdrawal}", "")


def finish(lake: Lake, removals: Collection[Removal], run_id: str) -> list[str]:
    """Remove what a corpus holds of documents beside its tables, write down what was removed, and take marks away.

    Args:
        lake: The lake.
        removals: Shards from whose tables documents were removed.
        run_id: The run.

    Returns:
        The names of the comparisons that are removed.
    """
    comparisons: list[str] = []
    for corpus in dict.fromkeys(removal.corpus for removal in removals):
        doc_ids = {each.doc_id for removal in removals if removal.corpus == corpus for each in removal.documents}
        if doc_ids:
            comparisons += remove_beside_tables(lake, corpus, doc_ids)
    for removal in removals:
        place = {"corpus": removal.corpus, "shard": removal.shard, "place": TABLES}
        rows = [{**asdict(each), **place} for each in removal.documents]
        record_removed(lake, rows, datetime.now(UTC), run_id)
        clear(lake, removal.marks)
    return comparisons


def covered_documents(lake: Lake, corpus: str, shard: str, asked: Withdrawn) -> list[Doomed]:
    """Return the documents of a shard that a withdrawal covers.

    Raises:
        DamagedTableError: Its documents cannot be read.
    """
    info = lake.info(corpus, Table.DOCUMENTS, shard)
    if info is None or not asked:
        return []
    frames = lake.frames(corpus, Table.DOCUMENTS, shard, ["doc_id", "url", "text_hash"], info.identity)
    return [Doomed(row["doc_id"], by.name, row["text_hash"]) for frame in frames for row, by in asked.among(frame)]


def remove_documents(
    lake: Lake, corpus: str, shard: str, run_id: str, also: Collection[Doomed] = (), *, wait: float = LEASE_WAIT_SECONDS
) -> Removal:
    """Remove the documents of a shard that are withdrawn from its tables; `finish` completes it.

    It can be repeated after a kill at any point.

    Args:
        lake: The lake.
        corpus: The corpus.
        shard: The shard.
        run_id: Named in the error of a run that finds a lease held.
        also: Further documents, which the shard's table of documents does not name: it was read anew without them.
        wait: Seconds to wait for a live run of the shard.

    Raises:
        LeaseHeldError: A live run is writing the shard; nothing was removed.
        LakeError: The lake cannot be read or written.
    """
    asked = withdrawn(lake)
    with ExitStack() as held:
        leases = [
            held.enter_context(Lease(lake.storage, corpus, asset, shard, run_id, wait_seconds=wait)) for asset in STAGES
        ]
        marks = marks_of(lake, corpus, shard)
        own = marks.files
        doomed = {each.doc_id: each for each in (*marks.documents, *also)}
        with suppress(DamagedTableError):  # the shard's next run reads them anew
            doomed |= {each.doc_id: each for each in covered_documents(lake, corpus, shard, asked)}
        if doomed.keys() - {each.doc_id for each in marks.documents}:
            own = (*own, mark(lake, corpus, shard, doomed.values()))
        if not doomed and marks.manifest is None:
            return Removal(corpus, shard, (), own)
        rows, damaged = _Rewriting(lake, corpus, shard, doomed).run(leases, without_ledgers=bool(also))
        _show_again(lake, corpus, shard)
        _measure_again(lake, corpus, shard)
        # Not by `finish`, without the leases: a later removal puts its own manifest there.
        kept = drop_manifest(lake, corpus, shard)
        own = tuple(path for path in own if path != kept)
        return Removal(corpus, shard, tuple(doomed.values()), own, rows, damaged)


class _Rewriting:
    """The files of a shard that hold any of some documents."""

    def __init__(self, lake: Lake, corpus: str, shard: str, doomed: Mapping[str, Doomed]) -> None:
        self._lake, self._corpus, self._shard, self._doomed = lake, corpus, shard, doomed
        self._damaged: set[Table] = set()

    def run(self, leases: Collection[Lease], *, without_ledgers: bool) -> tuple[dict[Table, int], tuple[Table, ...]]:
        """Rewrite them; return the rows taken out of each table, and the tables that could not be read."""
        while True:
            known = len(self._damaged)
            try:
                return self._run(leases, without_ledgers=without_ledgers)
            except DamagedTableError:  # seen only as all of a table was read: it goes as a whole
                if len(self._damaged) == known:
                    raise

    def _run(self, leases: Collection[Lease], *, without_ledgers: bool) -> tuple[dict[Table, int], tuple[Table, ...]]:
        rows = {table: number for table in (*_ROWS_OF_DOCUMENTS, Table.DOCUMENTS) if (number := self._rows(table))}
        if not rows and not self._damaged:
            return {}, ()
        tables = [table for table in rows if table is not Table.DOCUMENTS]
        last = [Table.REJECTS, Table.DOCUMENTS] if Table.DOCUMENTS in rows else []
        self._shorten_ledgers(without_ledgers or Table.DOCUMENTS in self._damaged, read=bool(last))
        with self._lake.storage.new_files([self._path(table) for table in (*tables, *last)]) as files:
            for table, file in zip(tables, files, strict=False):
                self._without(table, file)
            if last:
                fewer = rows[Table.DOCUMENTS]
                self._write_rejects(
                    self._without(Table.DOCUMENTS, files[-1], lambda old: _with_fewer(old, fewer)), files[-2]
                )
            for lease in leases:
                lease.check()
            _hide(self._lake, self._corpus, self._shard)
            for table in self._damaged:
                self._lake.storage.remove(self._path(table))
        return rows, tuple(sorted(self._damaged))

    def _path(self, table: Table) -> str:
        return self._lake.table_path(self._corpus, table, self._shard)

    def _rows(self, table: Table) -> int:
        if table in self._damaged:
            return 0
        try:
            return count_with(self._lake.storage, self._path(table), "doc_id", self._doomed) or 0
        except DamagedTableError:
            self._damaged.add(table)
            return 0

    def _without(
        self, table: Table, target: Path, footer: Callable[[Footer], Footer] = lambda footer: footer
    ) -> pa.Table:
        try:
            return write_without(self._lake.storage, self._path(table), target, "doc_id", self._doomed, footer)
        except DamagedTableError:
            self._damaged.add(table)
            raise

    def _shorten_ledgers(self, all_of_them: bool, *, read: bool) -> None:
        """Remove windows that hold a document or come after it: windows are counted in documents."""
        position = 0
        if read and not all_of_them:
            ids = (row["doc_id"] for row in self._lake.rows(self._corpus, Table.DOCUMENTS, self._shard, ["doc_id"]))
            position = next((place for place, doc_id in enumerate(ids) if doc_id in self._doomed), 0)
        elif not all_of_them:
            return
        for table in (Table.DOC_PROGRAMS, Table.CHUNK_PROGRAMS):
            shorten_ledgers(self._lake, self._corpus, table, self._shard, position)

    def _write_rejects(self, documents: pa.Table, target: Path) -> None:
        """Write the shard's rejects with a row for each removed document, in the order of the source."""
        names = ["corpus", "shard", "source_file", "source_row", "run_id", "code_version"]
        try:
            rejects = {row["source_row"]: row for row in self._lake.rows(self._corpus, Table.REJECTS, self._shard)}
        except DamagedTableError:
            # Documents tell whether the shard is current: with them there, nobody would read the other rejects again.
            self._damaged |= {Table.REJECTS, Table.DOCUMENTS}
            raise
        for row in documents.select([*names, "doc_id"]).to_pylist():
            by = self._doomed[row.pop("doc_id")].withdrawal
            rejects[row["source_row"]] = {**row, **asdict(withdrawn_row(row["source_file"], row["source_row"], by))}
        with self._lake.storage.open(self._path(Table.DOCUMENTS)) as file:
            footer = pq.read_metadata(file).metadata or {}
        ordered = [rejects[row] for row in sorted(rejects)]
        with pq.ParquetWriter(target, SCHEMAS[Table.REJECTS], compression="zstd") as sink:
            sink.write_table(pa.Table.from_pylist(ordered, SCHEMAS[Table.REJECTS]))
            own = {name: value for name, value in footer.items() if name.startswith(b"prox.")}
            sink.add_key_value_metadata({**own, b"prox.notes": b"{}"})


def _with_fewer(footer: Footer, fewer: int) -> Footer:
    """Return the footer of documents of which some are gone: what was read up to a limit is still known as such."""
    notes = json.loads(footer[b"prox.notes"])
    if notes.get("limit") is not None:
        notes["limit"] = max(notes["limit"] - fewer, 0)
    return {**footer, b"prox.notes": json.dumps(notes).encode()}


def _hide(lake: Lake, corpus: str, shard: str) -> None:
    path = lake.manifest_path(corpus, shard)
    manifest = lake.storage.read_bytes(path)
    if manifest is not None:
        keep_manifest(lake, corpus, shard, manifest)
        lake.storage.remove(path)


def _show_again(lake: Lake, corpus: str, shard: str) -> None:
    """Put the manifest back, with the rows that its tables have now, unless another execution has been published."""
    path = lake.manifest_path(corpus, shard)
    manifest = marks_of(lake, corpus, shard).manifest
    if manifest is None or lake.storage.exists(path):
        return
    infos = {table: lake.info(corpus, table, shard) for table in EXECUTION_TABLES}
    outcomes = infos[Table.OUTCOMES]
    if outcomes is None or outcomes.notes.get("execution_id") != manifest.get("execution_id"):
        return  # it was never whole, or is not any more: the next run executes the shard again
    manifest["rows"] = {table.value: info.rows for table, info in infos.items() if info is not None}
    lake.storage.write_bytes(path, json.dumps(manifest, indent=1).encode())


def _measure_again(lake: Lake, corpus: str, shard: str) -> None:
    """Compute the metrics of the published execution anew, under the name of the run that measured it."""
    try:
        info = lake.info(corpus, Table.SHARD_METRICS, shard)
        execution = lake.execution(corpus, shard)
        if info is None or execution is None or info.identity != metrics_identity(execution):
            return  # out of date already
        row = next(lake.rows(corpus, Table.SHARD_METRICS, shard))
        counter = _token_counter(lake, corpus, shard) if row["tokens_in"] is not None else None
        row |= shard_metrics(ShardTables.of(lake, corpus, shard), counter)
        history = list(lake.rows(corpus, Table.SHARD_METRICS_HISTORY, shard))
    except (DamagedTableError, MissingTableError):
        return  # the next run makes it again, and measures then
    stamp = FileStamp(info.fingerprint, info.identity, info.run_id, info.code_version, execution)
    new = {name: row[name] for name in SCHEMAS[Table.SHARD_METRICS].names}
    own = ("measured_at", "run_id", "code_version")
    with lake.write(corpus, shard, [Table.SHARD_METRICS, Table.SHARD_METRICS_HISTORY], stamp) as [latest, everything]:
        latest.write(new)
        for earlier in history:
            same = earlier["execution_id"] == execution
            everything.write({**new, **{name: earlier[name] for name in own}} if same else earlier)


def _token_counter(lake: Lake, corpus: str, shard: str) -> CountTokens | None:
    """Return what counted the tokens; None, and no tokens, where this machine has no copy of the model."""
    with suppress(LakeError, RefinerError, ValidationError, KeyError):
        configuration = published_execution(lake, corpus, shard).configuration
        pair = RefinerPair.model_validate(configuration["refiners"])
        for level in ("chunk", "doc"):
            config = pair.chunk if level == "chunk" else pair.doc
            if config is None or (config.model and not model_folder(config.model).is_dir()):
                continue
            counter = RefinerSession(config, level, TransformersEngineConfig()).token_counter()
            if counter is not None:
                return counter
    return None
