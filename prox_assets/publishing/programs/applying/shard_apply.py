"""The programs of one shard, applied to the original files by place: file and row."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from itertools import groupby

from prox_assets.corpora.document import Document, text_hash
from prox_assets.corpora.errors import CorpusError, SourceUnavailableError
from prox_assets.corpora.listing.raw_files import RawFile
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.errors import LakeError
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.programs.applying.applied import Applied
from prox_assets.publishing.programs.applying.executing import DifferentResultError, policy_of, refined_row
from prox_assets.publishing.programs.applying.originals import Originals, documents_of
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.publishing.programs.manifest import ProgramShard, ProgramsManifest, sha256_of
from prox_assets.publishing.programs.reading import read_programs
from prox_assets.publishing.programs.tables import REFINED, UNMATCHED, UNUSED, Row, RowWriter

# Increment when the same programs and originals would give other files.
_FILES = 1
WORK = "_apply"
"""Folder, in that of the results, for what is left to match by hash, and for how far a run has come."""

Place = tuple[str, int]


@dataclass(frozen=True)
class ShardTask:
    """A shard to apply; it can be sent to another process.

    Attributes:
        programs: The folder with the programs.
        manifest: What it says about them, but for the shards.
        shard: The shard.
        source: Where the originals are, and how they are read.
        files: Those of them that the shard's programs name, by the name that they have there.
        out: Where the results go.
        row_start: First row of the file that is the shard's; None for the whole file.
        row_end: Row after the last one; None for the end of the file.
    """

    programs: Storage
    manifest: ProgramsManifest
    shard: ProgramShard
    source: CorpusSource
    files: dict[str, RawFile]
    out: Storage
    row_start: int | None
    row_end: int | None

    def __str__(self) -> str:
        return f"shard {self.shard.shard!r}"

    @property
    def identity(self) -> str:
        """A hash of what the results follow from."""
        files = sorted((name, file.url, file.size, file.version) for name, file in self.files.items())
        reader = self.source.model_dump(mode="json", include={"format", "columns"})
        return fingerprint([_FILES, self.shard.model_dump(mode="json"), files, reader, self.row_end])

    @property
    def result(self) -> str:
        """Path of the refined documents."""
        return f"{self.manifest.corpus}/{self.shard.shard}.parquet"

    @property
    def unmatched(self) -> str:
        """Path of the original documents without a program at their place."""
        return f"{self.manifest.corpus}/{WORK}/{self.shard.shard}.documents.parquet"

    @property
    def unused(self) -> str:
        """Path of the programs whose document was not at its place."""
        return f"{self.manifest.corpus}/{WORK}/{self.shard.shard}.programs.parquet"

    @property
    def _state(self) -> str:
        return f"{self.manifest.corpus}/{WORK}/{self.shard.shard}.json"

    def done(self) -> Applied | None:
        """Return what an earlier run came to, if its results are there and current."""
        data = self.out.read_bytes(self._state)
        try:
            state = json.loads(data or b"{}")
        except ValueError:
            return None
        if state.get("identity") != self.identity or not self.out.exists(self.result):
            return None
        return Applied(**state["applied"])

    def run(self) -> Applied:
        """Apply the shard; results are put in place when all of them are complete.

        Raises:
            ProgramsError: The file of programs is not the one that the manifest names.
        SourceUnavailableError: An original file could not be read; trying again later may help.
            LakeError: A folder cannot be read or written.
        """
        if (applied := self.done()) is not None:
            return applied
        self._check()
        applied = Applied()
        with self.out.new_files([self.result, self.unmatched, self.unused, self._state]) as paths, ExitStack() as open_:
            result = open_.enter_context(closing(RowWriter(paths[0], REFINED)))
            unmatched = open_.enter_context(closing(RowWriter(paths[1], UNMATCHED)))
            unused = open_.enter_context(closing(RowWriter(paths[2], UNUSED)))
            _Walk(self, applied, result, unmatched, unused).run()
            open_.close()
            paths[3].write_text(json.dumps({"identity": self.identity, "applied": asdict(applied)}))
        return applied

    def rows(self) -> Iterator[Row]:
        """Yield the shard's programs."""
        return read_programs(self.programs, self._path)

    @property
    def _path(self) -> str:
        return f"{self.manifest.corpus}/{self.shard.file}"

    def _check(self) -> None:
        try:
            sha256, _ = sha256_of(self.programs, self._path)
        except LakeError as error:
            raise ProgramsError(f"{error}. Get the file again") from error
        if sha256 != self.shard.sha256:
            raise ProgramsError(
                f"{self.programs.uri(self._path)} is not the file that {self.manifest.corpus}/manifest.json names: its "
                f"sha256 is {sha256}. Get both again"
            )


class _Walk:
    """Programs and original documents side by side."""

    def __init__(
        self, task: ShardTask, applied: Applied, result: RowWriter, unmatched: RowWriter, unused: RowWriter
    ) -> None:
        self._task = task
        self._applied = applied
        self._result = result
        self._unmatched = unmatched
        self._unused = unused
        self._policy = policy_of(task.manifest, task.shard.policy)

    def run(self) -> None:
        for name, programs in groupby(self._task.rows(), key=lambda row: row["source_file"]):
            file = self._task.files.get(name)
            if file is None:
                for program in programs:
                    self._leave(program, "not_given")
            else:
                self._file(file, programs)

    def _file(self, file: RawFile, programs: Iterator[Row]) -> None:
        program = next(programs, None)
        for document in self._documents(file):
            while program is not None and program["source_row"] < document.source_row:
                self._leave(program, "missing")
                program = next(programs, None)
            here = program is not None and program["source_row"] == document.source_row
            found = text_hash(document.text)
            if program is not None and here and program["raw_hash"] == found:
                self._apply(program, document)
            else:
                self._unmatched.write(
                    {
                        "source_file": file.source_file,
                        "source_row": document.source_row,
                        "raw_hash": found,
                        "expected_file": program["source_file"] if program is not None and here else None,
                        "is_named": True,
                    }
                )
                if program is not None and here:
                    self._leave(program, "changed")
            if here:
                program = next(programs, None)
        while program is not None:
            self._leave(program, "missing")
            program = next(programs, None)

    def _documents(self, file: RawFile) -> Iterator[Document]:
        task = self._task
        try:
            yield from documents_of(task.source, file, task.row_start, task.row_end)
        except SourceUnavailableError:
            raise  # a later run may find it
        except CorpusError as error:
            self._applied.problems.append(str(error))

    def _apply(self, program: Row, document: Document) -> None:
        try:
            row = refined_row(program, document, self._policy)
        except DifferentResultError as error:
            self._applied.different += 1
            self._applied.problems.append(f"{program['source_file']}, row {program['source_row']}: {error}")
            return
        if row is None:
            self._applied.dropped += 1
        else:
            self._applied.refined += 1
            self._result.write(row)

    def _leave(self, program: Row, problem: str) -> None:
        self._unused.write({**program, "policy": self._task.shard.policy, "problem": problem})


def tasks_of(
    programs: Storage, manifest: ProgramsManifest, originals: Originals, out: Storage
) -> Iterator[ShardTask | ProgramsError]:
    """Yield a task for each shard, or why there is none."""
    # A task is sent to another process, and there may be as many tasks as shards.
    rest = manifest.model_copy(update={"shards": ()})
    named: list[tuple[ProgramShard, set[str]]] = []
    for shard in manifest.shards:
        try:
            rows = read_programs(programs, f"{manifest.corpus}/{shard.file}", ["source_file"])
            named.append((shard, {row["source_file"] for row in rows}))
        except ProgramsError as error:
            yield error
    ends: dict[str, int] = {}
    for shard, names in named:
        for name in names:
            ends[name] = max(ends.get(name, 0), shard.row_end or 0)
    found = originals.of(ends)
    for shard, names in named:
        files = {name: found[name] for name in names if name in found}
        # Rows may have moved behind the last one that the file had.
        is_last = any(ends[name] == shard.row_end for name in names)
        row_end = None if is_last else shard.row_end
        yield ShardTask(programs, rest, shard, originals.source, files, out, shard.row_start, row_end)
