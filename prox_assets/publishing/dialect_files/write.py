"""Writing the programs of a corpus in a dialect: one file per shard, and a manifest.

Every program is executed on the way, so what the manifest says of its result is so. A file that is current is kept, and
a killed run goes on behind the last shard that it finished.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from prox_assets import __version__
from prox_assets.corpora.document import text_hash
from prox_assets.lake.errors import RetryableLakeError
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export, export_of, record_export, url_of
from prox_assets.lake.records.withdrawn import Withdrawn, withdrawn
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.lease import Lease
from prox_assets.lake.storage.storage import Storage
from prox_assets.programs.dialects.dialect import DIALECTS, Dialect
from prox_assets.programs.expressing.express import Expressed, Fidelity, express, whole_document
from prox_assets.publishing.dialect_files.files import SUFFIXES, Row, new_file, rows_of
from prox_assets.publishing.dialect_files.manifest import ExportedShard, ExportManifest, counted
from prox_assets.publishing.dialect_files.settings import ExportSettings
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.publishing.programs.manifest import MANIFEST, Policy, sha256_of
from prox_assets.publishing.refined_shards import RefinedDocument, RefinedShard
from prox_assets.stages.execution.document_changes import changes_of_document
from prox_assets.stages.run import LEASE_WAIT_SECONDS, Progress, silent

# Increment when the same programs would make other rows.
_FILES = 1
KIND = "programs"
"""Kind of the record that the lake keeps of an export."""
LEASES = "_exports"
UNFINISHED = "_unfinished"
INEXACT = "inexact"
"""Why a document has no row where the settings leave such documents out."""


@dataclass(frozen=True)
class Exported:
    """Programs that were exported.

    Attributes:
        folder: Where they are.
        manifest: What is there.
        written: Shards that were not there yet, or not current.
    """

    folder: Storage
    manifest: ExportManifest
    written: int


def export_programs(
    lake: Lake,
    settings: ExportSettings,
    folder: Storage,
    name: str,
    shards: Collection[str] | None = None,
    log: Callable[[str], None] = lambda _: None,
    progress: Progress = silent,
) -> Exported:
    """Write the programs of a corpus's refined shards in a dialect, and a manifest when all of them are there.

    Documents that are withdrawn, or on which a refiner failed, are left out and counted.

    Args:
        lake: The lake.
        settings: What is exported.
        folder: Where to.
        name: The lake's name for the export, by which a withdrawal finds it.
        shards: The shards; None for all that are refined. The folder then holds these and no others.
        log: Is told what was done about each shard.
        progress: Called with (shards done, all shards).

    Raises:
        ProgramsError: There is no such shard; a stored result is not what its programs give; the folder holds something
            else; or a document is inexact, and the settings say to give up then.
        StageError: A shard's tables do not belong together, or its executor is another version's.
        RetryableLakeError: Documents were withdrawn meanwhile; the folder is not finished.
        LakeError: The lake or the folder cannot be read or written.
    """
    run_id = f"prox-export-{uuid.uuid4().hex[:12]}"
    keys = _shards(lake, settings.corpus, shards)
    with Lease(lake.storage, LEASES, KIND, name, run_id, wait_seconds=LEASE_WAIT_SECONDS) as lease:
        earlier = _check_folder(lake, folder, name)
        record_export(lake, Export(KIND, name, url_of(folder), (settings.corpus,)))
        gone = withdrawn(lake)
        known = {shard.shard: shard for shard in earlier.shards} if earlier is not None else {}
        known |= {shard.shard: shard for shard in _finished(folder)}
        entries: list[ExportedShard] = []
        policies: dict[str, Policy] = {}
        written = 0
        for done, key in enumerate(keys):
            progress(done, len(keys))
            work = _Shard(RefinedShard.of(lake, settings.corpus, key, gone), settings)
            policies[work.refined.policy_key] = work.refined.policy_notes
            entry = known.get(key)
            if entry is None or not _is_current(folder, entry, work, gone):
                if not written:
                    _take_back(folder, earlier)
                entry = work.write(folder)
                _note(folder, entry)
                written += 1
                log(f"{key}: {entry.documents:,} programs")
            entries.append(entry)
        lease.check()
        if withdrawn(lake).identity != gone.identity:
            raise RetryableLakeError(
                f"documents were withdrawn while programs were exported to {folder.url}; run it again, without them"
            )
        manifest = ExportManifest(settings=settings, prox_assets=__version__, policies=policies, shards=tuple(entries))
        if manifest != earlier or written:
            manifest.write(folder)
        for file in {shard.file for shard in known.values()} - {shard.file for shard in entries}:
            folder.remove(file)
        folder.remove(UNFINISHED)
        folder.remove_empty_workspaces()
    progress(len(keys), len(keys))
    return Exported(folder, manifest, written)


def _shards(lake: Lake, corpus: str, asked: Collection[str] | None) -> list[str]:
    present = lake.shards(corpus, Table.OUTCOMES)
    if not present:
        raise ProgramsError(f"corpus {corpus!r} of the lake {lake.url} has no refined shards; `prox refine` makes them")
    if asked is None:
        return present
    if missing := sorted(set(asked) - set(present)):
        raise ProgramsError(f"corpus {corpus!r} has no refined shard {', '.join(missing)}; `prox shards` lists them")
    return [shard for shard in present if shard in asked]


def _check_folder(lake: Lake, folder: Storage, name: str) -> ExportManifest | None:
    """Return the manifest of the export that is there.

    Raises:
        ProgramsError: The export was written elsewhere, or something else is here, of which files would be replaced.
    """
    before = export_of(lake, KIND, name)
    if before is not None and before.url != url_of(folder):
        raise ProgramsError(
            f"export {name} was written to {before.url}, which withdrawals must reach: write it there again (--to), "
            "or give this one another name (--name)"
        )
    if before is None and folder.list_entries(""):
        raise ProgramsError(f"{folder.url} holds files that are no export {name} of this lake: choose an empty folder")
    return ExportManifest.read(folder)


def _take_back(folder: Storage, manifest: ExportManifest | None) -> None:
    """Remove the manifest before a file changes: what it says of the others is noted, for the manifest to come."""
    for entry in manifest.shards if manifest is not None else ():
        _note(folder, entry)
    folder.remove(MANIFEST)


def _note(folder: Storage, entry: ExportedShard) -> None:
    folder.write_bytes(f"{UNFINISHED}/{entry.shard}.json", entry.model_dump_json().encode())


def _finished(folder: Storage) -> Iterator[ExportedShard]:
    """Yield the shards that a run finished which did not get as far as the manifest."""
    for name in folder.list_files(UNFINISHED):
        try:
            yield ExportedShard.model_validate_json(folder.read_bytes(f"{UNFINISHED}/{name}") or b"")
        except ValueError:  # of another version: the shard is written again
            continue


def _is_current(folder: Storage, entry: ExportedShard, work: "_Shard", gone: Withdrawn) -> bool:
    """Tell whether a shard's file is whole, holds today's programs, and no document that was withdrawn since."""
    path = entry.file
    if entry.identity != work.identity or not folder.exists(path) or sha256_of(folder, path)[0] != entry.sha256:
        return False
    names = ["doc_id", "url", "raw_hash"]
    return not gone or not any(gone.of(*row.values()) for row in rows_of(folder, path, work.settings, names))


@dataclass(frozen=True)
class _Shard:
    """The programs of a refined shard in a dialect."""

    refined: RefinedShard
    settings: ExportSettings

    @property
    def identity(self) -> str:
        settings = self.settings.model_dump(mode="json")
        return fingerprint([_FILES, self.refined.execution.outcomes.identity, settings])

    def write(self, folder: Storage) -> ExportedShard:
        path = f"{self.refined.key}{SUFFIXES[self.settings.format]}"
        left_out = Counter[str]()
        with new_file(folder, path, self.settings) as file:
            for row in self._rows(left_out):
                file.write(row)
        sha256, size = sha256_of(folder, path)
        counts = counted(rows_of(folder, path, self.settings, ["outcome", "fidelity", "unsaid"]))
        return ExportedShard(
            shard=self.refined.key,
            file=path,
            bytes=size,
            sha256=sha256,
            left_out=left_out,
            policy=self.refined.policy_key,
            identity=self.identity,
            **counts,
        )

    def _rows(self, left_out: Counter[str]) -> Iterator[Row]:
        dialect = DIALECTS[self.settings.dialect]
        of_text, of_program = self.settings.columns
        for document in self.refined.documents(left_out):
            said = expressed(document, self.refined, dialect)
            if said.fidelity is Fidelity.INEXACT and self.settings.inexact != "keep":
                if self.settings.inexact == "fail":
                    raise ProgramsError(
                        f"no program of {dialect.name} gives the refined text of document {document.place['doc_id']} "
                        f"in shard {self.refined.key!r}: {', '.join(sorted(said.unsaid))}. `--inexact keep` exports "
                        "the program that comes closest, `--inexact drop-document` leaves such documents out"
                    )
                left_out[INEXACT] += 1
                continue
            row: Row = {
                **document.place,
                "outcome": document.fate.outcome.value,
                of_program: said.program,
                "fidelity": said.fidelity.value,
                "unsaid": sorted(said.unsaid),
                "refined_hash": None if said.text is None else text_hash(said.text),
            }
            if self.settings.has_text:
                lines = document.document["text"].split("\n")
                row[of_text] = _numbered(lines, dialect) if of_text == "input" else document.document["text"]
            yield row


def expressed(document: RefinedDocument, refined: RefinedShard, dialect: Dialect) -> Expressed:
    """Say in a dialect what was done to a document."""
    text = document.document["text"]
    changes = changes_of_document(text, document.chunks, document.fate, refined.policy)
    return express(text, document.fate.text, changes, dialect)


def _numbered(lines: Sequence[str], dialect: Dialect) -> str:
    """Return the shown lines of a document with their markers."""
    shown = whole_document(lines, dialect)
    numbers = range(shown.first_number, shown.first_number + len(shown.lines))
    return "\n".join(
        f"{dialect.marker.format(number=number)}{' '.join(lines[line].split())}"
        for number, line in zip(numbers, shown.lines, strict=True)
    )
