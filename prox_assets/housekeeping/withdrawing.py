"""A withdrawal from the request to the record: finds the documents, and removes them wherever they are.

It remembers the request first. Then it marks the shards, so that their next run finishes what a kill cuts short, and
takes away the mark of the whole removal last. Repeating it changes nothing that is finished.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from prox_assets.catalog.compaction import compact
from prox_assets.housekeeping.exported import UNREADABLE, HeldByExport, forget, look_into_exports
from prox_assets.housekeeping.folders import Cleaned, clean_folder, clean_proofs_of_lake
from prox_assets.lake.errors import DamagedTableError, LakeError, LeaseHeldError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export
from prox_assets.lake.records.withdrawal_marks import (
    PENDING,
    Doomed,
    begin,
    end,
    ever_removed,
    mark,
    marks_of,
    pending,
    record_removed,
    unfinished,
)
from prox_assets.lake.records.withdrawn import Withdrawal, Withdrawn, WithdrawnBy, remember, withdrawn
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.lease import Lease
from prox_assets.stages.reading import raw_shards
from prox_assets.stages.withdrawal.beside_tables import indices
from prox_assets.stages.withdrawal.documents import Removal, covered_documents, finish, remove_documents

Place = tuple[str, str]
"""A corpus and a shard."""
LEASE = ("_withdrawn", "withdraw", "lake")


@dataclass(frozen=True)
class Found:
    """What withdrawals cover.

    Attributes:
        asked: All withdrawals that were looked for.
        new: Those of them that the lake does not remember yet.
        documents: The documents by corpus and shard.
        damaged: Shards whose documents cannot be read, each with the error.
        exports: What exports hold, also those that hold nothing.
        stamps: The files of documents as they were, by corpus: what was written since is looked at again.
    """

    asked: Withdrawn
    new: tuple[Withdrawal, ...]
    documents: dict[Place, list[Doomed]]
    damaged: dict[Place, str]
    exports: tuple[HeldByExport, ...]
    stamps: dict[str, dict[str, str]]

    @property
    def exports_with_documents(self) -> tuple[HeldByExport, ...]:
        """The exports that hold any."""
        return tuple(held for held in self.exports if held.documents)

    @property
    def exports_to_empty(self) -> tuple[HeldByExport, ...]:
        """The exports that hold any, or that an earlier withdrawal did not finish."""
        return tuple(held for held in self.exports if held.documents or held.unfinished)

    @property
    def not_looked_into(self) -> tuple[HeldByExport, ...]:
        """The exports of which nobody can tell what they hold."""
        return tuple(held for held in self.exports if held.problem)


@dataclass
class Done:
    """What a removal did.

    Attributes:
        removals: Shards from whose tables documents were removed.
        waiting: Shards that are left to their next run, each with the reason.
        exports: Exports that were rewritten, each with the documents removed from it.
        comparisons: Names of the comparisons of refiners that were removed.
        cleaned: Folders and files outside the corpora.
        failed: What could not be done, for people.
        replicas: Exports with copies elsewhere that may hold the documents.
    """

    removals: list[Removal] = field(default_factory=list)
    waiting: dict[Place, str] = field(default_factory=dict)
    exports: list[tuple[str, int]] = field(default_factory=list)
    comparisons: list[str] = field(default_factory=list)
    cleaned: list[Cleaned] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    replicas: list[Export] = field(default_factory=list)

    @property
    def places(self) -> dict[Place, int]:
        """Documents removed from tables, by corpus and shard."""
        return {(each.corpus, each.shard): len(each.documents) for each in self.removals if each.documents}


def find(lake: Lake, requests: Sequence[Withdrawal], *, resume: bool = False) -> Found:
    """Look for what withdrawals cover, in all corpora and exports.

    What an earlier removal left is looked for as well.

    Args:
        lake: The lake.
        requests: What is to be withdrawn.
        resume: Look for all that was ever withdrawn.

    Raises:
        LakeError: The lake cannot be read.
    """
    known = withdrawn(lake)
    there = {each.covers: each for each in known.withdrawals}
    new = tuple(each for each in requests if each.covers not in there)
    again = [there[each.covers] for each in requests if each.covers in there]
    everything = resume or bool(unfinished(lake))
    asked = Withdrawn([*(known.withdrawals if everything else again), *new])
    documents: dict[Place, list[Doomed]] = {}
    damaged: dict[Place, str] = {}
    stamps: dict[str, dict[str, str]] = {}
    for corpus in lake.corpora():
        stamps[corpus] = lake.storage.list_stamps(f"{corpus}/{Table.DOCUMENTS}")
        waiting = pending(lake, corpus) if everything else frozenset()
        for shard in sorted({*lake.shards(corpus, Table.DOCUMENTS), *waiting}):
            found: list[Doomed] = list(marks_of(lake, corpus, shard).documents) if shard in waiting else []
            try:
                ids = {each.doc_id for each in found}
                found += [each for each in covered_documents(lake, corpus, shard, asked) if each.doc_id not in ids]
            except DamagedTableError as error:
                damaged[corpus, shard] = str(error)
            if found or shard in waiting:
                documents[corpus, shard] = found
    return Found(asked, new, documents, damaged, tuple(look_into_exports(lake, asked)), stamps)


def carry_out(lake: Lake, found: Found, run_id: str, *, later: bool = False, folders: Iterable[Path] = ()) -> Done:
    """Remember withdrawals, and remove what they cover.

    Args:
        lake: The lake.
        found: What `find` found.
        run_id: The run, as records and leases name it.
        later: Leave the tables of each shard to its next run; all else is done now.
        folders: Folders of labs and proofs.

    Raises:
        LeaseHeldError: Another withdrawal is under way.
        LakeError: The lake cannot be written.
    """
    done = Done()
    with Lease(lake.storage, *LEASE, run_id):
        before = unfinished(lake)
        name = begin(lake)
        for withdrawal in found.new:
            remember(lake, withdrawal)
        _look_again(lake, found)
        found = replace(found, exports=tuple(look_into_exports(lake, found.asked)))
        _remove_damaged(lake, found, run_id, done)
        for (corpus, shard), documents in found.documents.items():
            known = {each.doc_id for each in marks_of(lake, corpus, shard).documents}
            if fresh := [each for each in documents if each.doc_id not in known]:
                mark(lake, corpus, shard, fresh)
        if later:
            done.waiting |= dict.fromkeys(found.documents, "asked for")
        else:
            _empty_tables(lake, found, run_id, done)
        doc_ids = {each.doc_id for documents in found.documents.values() for each in documents}
        doc_ids |= {each.covers[1] for each in found.asked.withdrawals if each.by is WithdrawnBy.DOC_ID}
        _empty_exports(lake, found, run_id, done)
        names = {each.name for each in found.asked.withdrawals}
        doc_ids |= {each.doc_id for each in ever_removed(lake).values() if each.withdrawal in names}
        _clean(lake, found.asked, doc_ids, folders, done)
        lake.storage.remove_abandoned_temporaries()
        if not done.failed:
            end(lake, [*before, name])
    return done


def _look_again(lake: Lake, found: Found) -> None:
    """Add what runs wrote since the search: from now on, what they write knows of the withdrawals."""
    for corpus in lake.corpora():
        before = found.stamps.get(corpus, {})
        for name, stamp in lake.storage.list_stamps(f"{corpus}/{Table.DOCUMENTS}").items():
            if before.get(name) == stamp or not name.endswith(".parquet"):
                continue
            shard = name.removesuffix(".parquet")
            try:
                documents = covered_documents(lake, corpus, shard, found.asked)
            except DamagedTableError as error:
                found.damaged[corpus, shard] = str(error)
                continue
            known = {each.doc_id: each for each in (*found.documents.get((corpus, shard), ()), *documents)}
            if known:
                found.documents[corpus, shard] = [*known.values()]


def _remove_damaged(lake: Lake, found: Found, run_id: str, done: Done) -> None:
    """Remove documents that cannot be read, as they may be covered: with a sound footer, they would count as current.

    What a shard's other tables hold of them goes with its next run, which reads its source anew.
    """
    for (corpus, shard), problem in found.damaged.items():
        try:
            with Lease(lake.storage, corpus, raw_shards.ASSET, shard, run_id):
                lake.storage.remove(lake.table_path(corpus, Table.DOCUMENTS, shard))
            done.waiting[corpus, shard] = (
                f"its documents cannot be read and are removed; only its next run can tell which it must not have "
                f"({problem})"
            )
        except LeaseHeldError as error:
            done.failed.append(f"{corpus}/{shard}, whose documents cannot be read ({problem}): {error}")


def _empty_tables(lake: Lake, found: Found, run_id: str, done: Done) -> None:
    by_corpus: dict[str, list[Removal]] = {}
    for corpus, shard in found.documents:
        try:
            removal = remove_documents(lake, corpus, shard, run_id, wait=0.0)
        except LakeError as error:
            done.waiting[corpus, shard] = str(error)
        else:
            done.removals.append(removal)
            by_corpus.setdefault(corpus, []).append(removal)
    for corpus, removals in by_corpus.items():
        try:
            had_index = bool(indices(lake, corpus))
            done.comparisons += finish(lake, removals, run_id)
            if had_index:
                compact(lake, corpus)
        except LakeError as error:
            done.failed.append(f"{corpus}: {error}")


def _empty_exports(lake: Lake, found: Found, run_id: str, done: Done) -> None:
    done.failed += [f"{held.name} could not be looked into: {held.problem}" for held in found.not_looked_into]
    for held in found.exports_to_empty:
        rows = [
            {"corpus": corpus, "shard": shard, "place": held.name, **asdict(each)}
            for corpus, shard, each in held.documents
        ]
        try:
            done.exports.append((held.name, forget(lake, held)))
            record_removed(lake, rows, datetime.now(UTC), run_id)
        except UNREADABLE as error:
            done.failed.append(f"{held.name}: {error}")
        if held.export.replicas:
            done.replicas.append(held.export)


def _clean(lake: Lake, asked: Withdrawn, doc_ids: Collection[str], folders: Iterable[Path], done: Done) -> None:
    own = Path(lake.storage.root) if lake.storage.is_local else None
    cleaned = [clean_proofs_of_lake(lake, doc_ids)]
    cleaned += [clean_folder(folder, asked, doc_ids, without=own) for folder in folders]
    for each in chain.from_iterable(cleaned):
        if not each.failed:
            done.cleaned.append(each)
        elif (sentence := f"{each.place}: {each.what}") not in done.failed:  # one folder may lie in another
            done.failed.append(sentence)


def waiting_shards(lake: Lake) -> dict[str, frozenset[str]]:
    """Return the shards of each corpus whose documents are still to be removed."""
    corpora = lake.storage.list_folders(PENDING)
    return {corpus: shards for corpus in corpora if (shards := pending(lake, corpus))}
