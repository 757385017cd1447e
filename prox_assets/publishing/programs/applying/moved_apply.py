"""Programs applied to the documents of one original file that were found by their hash, and the files to look in."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass

import xxhash

from prox_assets.corpora.document import Document, text_hash
from prox_assets.corpora.errors import CorpusError, SourceUnavailableError
from prox_assets.corpora.listing.raw_files import RawFile
from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.identity import fingerprint
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.programs.applying.applied import Applied
from prox_assets.publishing.programs.applying.executing import DifferentResultError, policy_of, refined_row
from prox_assets.publishing.programs.applying.originals import documents_of
from prox_assets.publishing.programs.applying.shard_apply import WORK
from prox_assets.publishing.programs.manifest import ProgramsManifest
from prox_assets.publishing.programs.tables import MOVED, REFINED, UNMATCHED, Row, RowWriter, read_rows

MOVED_FILE = re.compile(r"moved-[0-9a-f]{16}\.parquet")
"""Name of a result of MovedTask."""


@dataclass(frozen=True)
class HashTask:
    """An original file that no program names: its documents may still be those of some.

    Attributes:
        source: How files are read.
        file: The file.
        out: Where the results go.
    """

    source: CorpusSource
    file: RawFile
    out: Storage

    def __str__(self) -> str:
        return self.file.source_file

    @property
    def unmatched(self) -> str:
        """Path of the hashes of its documents."""
        return f"{self.source.name}/{WORK}/{_name(self.file)}.documents.parquet"

    @property
    def _state(self) -> str:
        return f"{self.source.name}/{WORK}/{_name(self.file)}.json"

    def run(self) -> Applied:
        """Hash the file's documents, unless an earlier run did.

        Raises:
            CorpusError: The file cannot be read, or only in part.
            LakeError: The folder of the results cannot be written.
        """
        reader = self.source.model_dump(mode="json", include={"format", "columns"})
        identity = fingerprint([self.file.url, self.file.size, self.file.version, reader]).encode()
        if self.out.read_bytes(self._state) == identity:
            return Applied()
        with self.out.new_files([self.unmatched, self._state]) as [path, state]:
            with closing(RowWriter(path, UNMATCHED)) as writer:
                for document in documents_of(self.source, self.file):
                    writer.write(
                        {
                            "source_file": self.file.source_file,
                            "source_row": document.source_row,
                            "raw_hash": text_hash(document.text),
                            "expected_file": None,
                            "is_named": False,
                        }
                    )
            state.write_bytes(identity)
        return Applied()


@dataclass(frozen=True)
class MovedTask:
    """An original file with documents whose programs expected them elsewhere.

    Attributes:
        manifest: Of the programs; its shards do not matter.
        source: How files are read.
        file: The file.
        out: Where the results go.
        contents: Hash of the programs for it.
    """

    manifest: ProgramsManifest
    source: CorpusSource
    file: RawFile
    out: Storage
    contents: int

    def __str__(self) -> str:
        return f"documents that moved to {self.file.source_file}"

    @property
    def result(self) -> str:
        """Path of the refined documents."""
        return f"{self.source.name}/moved-{_name(self.file)}.parquet"

    @property
    def _programs(self) -> str:
        return f"{self.source.name}/{WORK}/moved-{_name(self.file)}.programs.parquet"

    @property
    def _state(self) -> str:
        return f"{self.source.name}/{WORK}/moved-{_name(self.file)}.json"

    @property
    def _identity(self) -> str:
        return fingerprint([self.file.url, self.file.size, self.file.version, str(self.contents)])

    def done(self) -> Applied | None:
        """Return what an earlier run came to, if its results are there and current."""
        data = self.out.read_bytes(self._state)
        state = json.loads(data or b"{}")
        if state.get("identity") != self._identity or not self.out.exists(self.result):
            return None
        return Applied(**state["applied"])

    def prepare(self, programs: Iterator[Row]) -> None:
        """Put the programs where the task finds them, in whatever process it runs."""
        with self.out.new_files([self._programs]) as [path], closing(RowWriter(path, MOVED)) as writer:
            for row in programs:
                writer.write(row)

    def run(self) -> Applied:
        """Apply the programs.

        Raises:
            SourceUnavailableError: The file could not be read; trying again later may help.
            LakeError: A folder cannot be read or written.
        """
        if (applied := self.done()) is not None:
            return applied
        applied = Applied()
        policies = {key: policy_of(self.manifest, key) for key in self.manifest.policies}
        with self.out.new_files([self.result, self._state]) as [path, state]:
            with closing(RowWriter(path, REFINED)) as writer, self.out.open(self._programs) as file:
                programs = read_rows(file, MOVED)
                program = next(programs, None)
                for document in self._documents(applied):
                    if program is None:
                        break
                    if program["original_row"] != document.source_row:
                        continue
                    try:
                        row = refined_row(program, document, policies[program["policy"]])
                    except DifferentResultError as error:
                        applied.different += 1
                        applied.problems.append(f"{self.file.source_file}, row {document.source_row}: {error}")
                    else:
                        applied.moved += 1
                        applied.refined += row is not None
                        applied.dropped += row is None
                        if row is not None:
                            writer.write(row)
                    program = next(programs, None)
            state.write_text(json.dumps({"identity": self._identity, "applied": asdict(applied)}))
        return applied

    def _documents(self, applied: Applied) -> Iterator[Document]:
        try:
            yield from documents_of(self.source, self.file)
        except SourceUnavailableError:
            raise
        except CorpusError as error:
            applied.problems.append(str(error))


def _name(file: RawFile) -> str:
    return xxhash.xxh3_64_hexdigest(file.source_file.encode())
