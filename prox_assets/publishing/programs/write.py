"""Writing a programs data set: one Parquet file per shard, and a manifest.

The lake's programs are executed on the way, so a file is written only if its programs give what the lake holds. A shard
whose inputs are what they were for the previous version is left alone, and one that is written again with equal rows
has equal bytes: a hub stores only what changed.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from prox_assets import __version__
from prox_assets.corpora.document import text_hash
from prox_assets.corpora.shard import Shard
from prox_assets.lake.executions import PublishedExecution, published_execution
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import KEPT_OUTCOMES, Outcome, Table
from prox_assets.lake.storage import Storage
from prox_assets.lake.table_files import FileInfo
from prox_assets.lake.withdrawn import Withdrawn, withdrawn
from prox_assets.programs import ExecutionPolicy
from prox_assets.publishing.programs.compiled import compiled
from prox_assets.publishing.programs.counting import Counts
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.publishing.programs.manifest import Policy, ProgramShard, ProgramsManifest, Refiner, sha256_of
from prox_assets.publishing.programs.tables import PROGRAMS, Row, RowWriter, read_rows
from prox_assets.stages.aligned_rows import current_chunk_programs, documents_with_programs, inputs_of_execution
from prox_assets.stages.discovery import known_shard
from prox_assets.stages.execution.document_refinement import refine_document
from prox_assets.stages.execution.shard_replay import stored_policy
from prox_assets.stages.run import Progress, StaleInputError, silent

# Increment when the same programs would make other rows.
_FILES = 1
_DOCUMENT_COLUMNS = ("doc_id", "source_row", "source_file", "text", "text_hash", "url")
WITHDRAWN = "withdrawn"
"""Why a document has no row."""


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
        work = _Shard.of(lake, corpus, key, gone)
        policies[work.policy_key] = work.policy_notes
        formats.add(work.place.format)
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
    if not work.gone:
        return True
    with folder.open(path) as file:
        return not any(work.gone.of(row["doc_id"], row["url"], row["raw_hash"]) for row in read_rows(file, PROGRAMS))


@dataclass(frozen=True)
class _Shard:
    """A refined shard of the lake, and how it was executed."""

    lake: Lake
    corpus: str
    key: str
    gone: Withdrawn
    place: Shard
    programs: FileInfo
    execution: PublishedExecution
    policy: ExecutionPolicy
    policy_notes: Policy

    @classmethod
    def of(cls, lake: Lake, corpus: str, key: str, gone: Withdrawn) -> "_Shard":
        programs = current_chunk_programs(lake, corpus, key)
        execution = published_execution(lake, corpus, key)
        if execution.outcomes.notes.get("chunk_programs") != programs.identity:
            raise StaleInputError(
                f"the stored results of shard {key!r} come from programs that have been replaced since; materialize "
                "refined_shards again"
            )
        policy, _ = stored_policy(execution, key)
        decisions = lake.require(corpus, Table.DOC_PROGRAMS, key)
        notes = Policy(settings=policy.as_dict(), doc=_refiner(decisions), chunk=_refiner(programs))
        return cls(lake, corpus, key, gone, known_shard(lake, corpus, key), programs, execution, policy, notes)

    @property
    def policy_key(self) -> str:
        return fingerprint(self.policy_notes.model_dump(mode="json"))

    @property
    def identity(self) -> str:
        return fingerprint([_FILES, self.execution.outcomes.identity])

    def write(self, folder: Storage) -> ProgramShard:
        """Write the shard's file."""
        name = f"{self.key}.parquet"
        counts, left_out = Counts(), Counter[str]()
        with folder.new_files([f"{self.corpus}/{name}"]) as [path], closing(RowWriter(path, PROGRAMS)) as writer:
            for row in self._rows(left_out):
                counts.add(row)
                writer.write(row)
        sha256, size = sha256_of(folder, f"{self.corpus}/{name}")
        return ProgramShard(
            shard=self.key,
            file=name,
            bytes=size,
            sha256=sha256,
            policy=self.policy_key,
            row_start=self.place.row_start,
            row_end=self.place.row_end,
            identity=self.identity,
            left_out=left_out,
            **vars(counts),
        )

    def _rows(self, left_out: Counter[str]) -> Iterator[Row]:
        walk = documents_with_programs(
            self.lake, self.corpus, self.key, inputs_of_execution(self.programs), _DOCUMENT_COLUMNS
        )
        first_rows = {file.source_file: file.first_row or 0 for file in self.place.files or ()}
        for found, stored in zip_longest(walk, self._stored()):
            if found is None or stored is None or found[0]["doc_id"] != stored["doc_id"]:
                raise self._differs("its rows are missing or doubled")
            document, decision, chunks = found
            fate = refine_document(document, decision, chunks, self.policy)
            refined_hash = None if fate.text is None else text_hash(fate.text)
            if (fate.outcome, refined_hash) != (stored["outcome"], stored["refined_hash"]):
                raise self._differs(f"document {document['doc_id']} comes out differently")
            if fate.outcome is Outcome.QUARANTINED:
                left_out[Outcome.QUARANTINED.value] += 1
                continue
            if self.gone.of(document["doc_id"], document["url"], document["text_hash"]):
                left_out[WITHDRAWN] += 1
                continue
            done: Row = {"chunks": [], "replacements": []}
            if fate.text is not None:
                done = compiled(document, chunks, fate, self.policy)
            yield {
                "doc_id": document["doc_id"],
                "source_file": document["source_file"],
                "source_row": document["source_row"] - first_rows.get(document["source_file"], 0),
                "url": document["url"],
                "raw_hash": document["text_hash"],
                "outcome": fate.outcome.value,
                "reason": fate.reason,
                **done,
                "characters_before": len(document["text"]),
                "characters_after": len(fate.text or ""),
                "refined_hash": refined_hash,
            }

    def _stored(self) -> Iterator[dict[str, Any]]:
        """Yield what the execution stored for each document: doc_id, outcome and refined_hash."""
        columns = ["doc_id", "execution_id"]
        refined = self.lake.rows(self.corpus, Table.REFINED, self.key, [*columns, "refined_hash"])
        for row in self.lake.rows(self.corpus, Table.OUTCOMES, self.key, [*columns, "outcome"]):
            of_text = next(refined, None) if row["outcome"] in KEPT_OUTCOMES else None
            for one in (row, of_text):
                if one is not None and (one["doc_id"], one["execution_id"]) != (
                    row["doc_id"],
                    self.execution.execution_id,
                ):
                    raise self._differs("its tables are not all of the execution that the manifest names")
            yield {**row, "refined_hash": None if of_text is None else of_text["refined_hash"]}

    def _differs(self, how: str) -> ProgramsError:
        return ProgramsError(
            f"what is stored of shard {self.key!r} of {self.corpus} is not what its programs give: {how}. Materialize "
            "refined_shards again, then write the programs"
        )


def _refiner(info: FileInfo) -> Refiner:
    notes = info.notes["refiner"]
    return Refiner(name=notes["name"], fingerprint=info.fingerprint, revision=notes.get("resolved_revision"))
