"""Writing a programs data set: one Parquet file per shard, and a manifest.

The lake's programs are executed on the way, so a file is written only if its programs give what the lake holds. A shard
whose inputs are what they were for the previous version is left alone, and one that is written again with equal rows
has equal bytes: a hub stores only what changed.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from prox_assets import __version__
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.withdrawn import withdrawn
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.storage import Storage
from prox_assets.programs import ExecutionPolicy
from prox_assets.publishing.programs.compiled import compiled, published_policy
from prox_assets.publishing.programs.counting import Counts
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.publishing.programs.manifest import Policy, ProgramShard, ProgramsManifest, sha256_of
from prox_assets.publishing.programs.tables import PROGRAMS, Row, RowWriter, read_rows
from prox_assets.publishing.refined_shards import RefinedShard
from prox_assets.stages.run import Progress, silent

# Increment when the same programs would make other rows.
_FILES = 1


def write_programs(lake: Lake, corpus: str, folder: Storage, progress: Progress = silent) -> list[str]:
    """Write the programs of a corpus's refined shards below `{corpus}/` of a folder, the manifest last.

    Documents that are withdrawn, or on which a refiner failed, are left out and counted. After a kill, shards that were
    finished are not written again.

    Args:
        lake: The lake.
        corpus: The corpus.
        folder: Where to write.
        progress: Called with (shards done, all shards).

    Returns:
        Paths of all files relative to the folder, the manifest last.

    Raises:
        ProgramsError: The corpus has no refined shards, or a stored result is not what its programs give.
        StageError: A shard's tables do not belong together, or its executor is another version's.
        LakeError: The lake or the folder cannot be read or written.
    """
    shards = lake.shards(corpus, Table.OUTCOMES)
    if not shards:
        raise ProgramsError(f"corpus {corpus!r} of the lake {lake.url} has no refined shards; `prox refine` makes them")
    gone = withdrawn(lake)
    earlier = ProgramsManifest.read(folder, corpus)
    known = {shard.shard: shard for shard in earlier.shards} if earlier is not None else {}
    known |= {shard.shard: shard for shard in _unfinished(folder, corpus)}
    entries: list[ProgramShard] = []
    policies: dict[str, Policy] = {}
    formats: set[str] = set()
    for done, key in enumerate(shards):
        progress(done, len(shards))
        refined = RefinedShard.of(lake, corpus, key, gone)
        work = _Shard(refined)
        policies[work.policy_key] = work.policy_notes
        formats.add(refined.place.format)
        entry = known.get(key)
        if entry is None or not _is_current(folder, corpus, entry, work):
            entry = work.write(folder)
            folder.write_bytes(_note(corpus, key), entry.model_dump_json().encode())
        entries.append(entry)
    format_name = formats.pop() if len(formats) == 1 else "auto"
    manifest = ProgramsManifest(
        corpus=corpus, format=format_name, prox_assets=__version__, policies=policies, shards=tuple(entries)
    )
    path = manifest.write(folder, corpus)
    for file in {shard.file for shard in known.values()} - {shard.file for shard in entries}:
        folder.remove(f"{corpus}/{file}")
    folder.remove(f"{corpus}/{_NOTES}")
    progress(len(shards), len(shards))
    return [*(f"{corpus}/{entry.file}" for entry in entries), path]


_NOTES = "_unfinished"


def _note(corpus: str, shard: str) -> str:
    return f"{corpus}/{_NOTES}/{shard}.json"


def _unfinished(folder: Storage, corpus: str) -> Iterator[ProgramShard]:
    """Yield the shards that a run finished which did not get as far as the manifest."""
    for name in folder.list_files(f"{corpus}/{_NOTES}"):
        data = folder.read_bytes(f"{corpus}/{_NOTES}/{name}")
        try:
            yield ProgramShard.model_validate_json(data or b"")
        except ValueError:  # of another version: the shard is written again
            continue


def _is_current(folder: Storage, corpus: str, entry: ProgramShard, work: "_Shard") -> bool:
    """Tell whether a shard's file is whole, holds today's programs, and no document that was withdrawn since."""
    path = f"{corpus}/{entry.file}"
    if entry.identity != work.identity or not folder.exists(path) or sha256_of(folder, path)[0] != entry.sha256:
        return False
    gone = work.refined.gone
    if not gone:
        return True
    with folder.open(path) as file:
        return not any(gone.of(row["doc_id"], row["url"], row["raw_hash"]) for row in read_rows(file, PROGRAMS))


@dataclass(frozen=True)
class _Shard:
    """The programs of a refined shard."""

    refined: RefinedShard

    @property
    def policy(self) -> ExecutionPolicy:
        """How the published programs are executed."""
        return published_policy(self.refined.policy)

    @property
    def policy_notes(self) -> Policy:
        return self.refined.policy_notes.model_copy(update={"settings": self.policy.as_dict()})

    @property
    def policy_key(self) -> str:
        return fingerprint(self.policy_notes.model_dump(mode="json"))

    @property
    def identity(self) -> str:
        return fingerprint([_FILES, self.refined.execution.outcomes.identity])

    def write(self, folder: Storage) -> ProgramShard:
        """Write the shard's file."""
        name = f"{self.refined.key}.parquet"
        path_there = f"{self.refined.corpus}/{name}"
        counts, left_out = Counts(), Counter[str]()
        with folder.new_files([path_there]) as [path], closing(RowWriter(path, PROGRAMS)) as writer:
            for row in self._rows(left_out):
                counts.add(row, self.policy.dialect)
                writer.write(row)
        sha256, size = sha256_of(folder, path_there)
        return ProgramShard(
            shard=self.refined.key,
            file=name,
            bytes=size,
            sha256=sha256,
            policy=self.policy_key,
            row_start=self.refined.place.row_start,
            row_end=self.refined.place.row_end,
            identity=self.identity,
            left_out=left_out,
            **vars(counts),
        )

    def _rows(self, left_out: Counter[str]) -> Iterator[Row]:
        for place, document, chunks, fate, refined_hash in self.refined.documents(left_out):
            done: Row = {"chunks": [], "replacements": []}
            if fate.text is not None:
                done = compiled(document, chunks, fate, self.refined.policy)
            yield {
                **place,
                "outcome": fate.outcome.value,
                "reason": fate.reason,
                **done,
                "characters_before": len(document["text"]),
                "characters_after": len(fate.text or ""),
                "refined_hash": refined_hash,
            }
