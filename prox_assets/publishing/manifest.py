"""`manifest.json` of a published data set: all that its card, Croissant file and provenance say, counted exactly.

The other files are made from it and from the data alone, so that a document can be taken out without the lake.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prox_assets.lake.storage.storage import Storage
from prox_assets.programs import Outcome
from prox_assets.publishing.errors import PublishError
from prox_assets.publishing.settings import PublishSettings

MANIFEST = "manifest.json"
UNFINISHED = "_unfinished.json"
"""The documents that are being taken out, as long as that is not finished."""
PROGRAMS = "programs"
"""Folder of the programs."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Feature(_Part):
    """A column."""

    name: str
    dtype: str = Field(description="As the hub names it: string, int64, float64 or bool.")
    description: str


class DataFile(_Part):
    """A Parquet file."""

    path: str = Field(description="Relative to the folder.")
    config: str
    split: str
    rows: int
    table_bytes: int = Field(description="Bytes of its columns before compression, which the hub calls num_bytes.")
    bytes: int
    sha256: str


class ShardNotes(_Part):
    """What one shard of a corpus gave."""

    shard: str
    execution: str = Field(description="The execution whose text it is.")
    rejected: int = Field(description="Raw rows that could not become documents.")
    outcomes: dict[str, int] = Field(description="Documents by outcome.")
    withheld: int = Field(description="Kept documents that were left out because they are withdrawn.")
    published: int = Field(description="Documents in the data files; without any, in the programs.")


class RefinerNotes(_Part):
    """A refiner that wrote programs of a corpus."""

    level: str = Field(description="document or chunk.")
    name: str
    kind: str
    model: str | None
    revision: str | None
    fingerprint: str = Field(description="Inference fingerprint: weights, tokenizer, prompts, decoding.")
    shards: int


class PolicyNotes(_Part):
    """Rules under which programs of a corpus were executed."""

    fingerprint: str
    settings: dict[str, Any]
    shards: int


class ConfigNotes(_Part):
    """A configuration of the data set: the text of one corpus."""

    name: str
    shards: tuple[ShardNotes, ...]
    left_out: dict[str, str] = Field(description="Shards that are not in it, and why.")
    refiners: tuple[RefinerNotes, ...]
    policies: tuple[PolicyNotes, ...]
    languages: dict[str, int] = Field(description="Documents by language or script, of those that were measured.")
    removed: int = Field(default=0, description="Documents that were withdrawn since it was written.")

    def outcomes(self) -> Counter[str]:
        """Return the documents of all shards by outcome."""
        return sum((Counter(shard.outcomes) for shard in self.shards), Counter())

    @property
    def documents(self) -> int:
        """Documents that went in."""
        return self.outcomes().total()

    @property
    def dropped(self) -> int:
        """Documents that refining dropped."""
        counts = self.outcomes()
        return counts[Outcome.DROPPED_BY_DOCUMENT] + counts[Outcome.DROPPED_BY_CHUNKS]

    @property
    def rejected(self) -> int:
        """Raw rows that could not become documents."""
        return sum(shard.rejected for shard in self.shards)

    @property
    def withheld(self) -> int:
        """Kept documents that were left out because they are withdrawn."""
        return sum(shard.withheld for shard in self.shards)

    @property
    def published(self) -> int:
        """Documents in the data files."""
        return sum(shard.published for shard in self.shards)


class SampleLine(_Part):
    """A line of a comparison: ' ' kept, '-' removed, '+' put in, '@' a note on lines that are not shown."""

    sign: str
    text: str


class Sample(_Part):
    """An edited document before and after."""

    config: str
    doc_id: str
    lines: tuple[SampleLine, ...]


class ProofTables(_Part):
    """What the proof says that is attached."""

    proof: str
    contrasts: tuple[dict[str, Any], ...]
    scores: tuple[dict[str, Any], ...]
    arms: tuple[dict[str, Any], ...]


class Change(_Part):
    """A time at which the folder was written."""

    at: str = Field(description="UTC, ISO 8601.")
    what: str


class PublishedManifest(_Part):
    """All of it; written last, so a folder without one is not complete."""

    name: str
    prox_assets: str = Field(description="Version that wrote it.")
    identity: str = Field(description="Hash of settings, text and withdrawals that the data follow from.")
    history: tuple[Change, ...] = Field(min_length=1, description="The first is the first time.")
    settings: dict[str, Any]
    features: tuple[Feature, ...]
    languages: tuple[str, ...] = Field(description="Codes that the card names.")
    configs: tuple[ConfigNotes, ...]
    files: tuple[DataFile, ...]
    program_files: tuple[str, ...] = Field(default=(), description="Files of the programs, relative to the folder.")
    program_rows: int = Field(default=0, description="Rows of these: documents, those that were dropped included.")
    samples: tuple[Sample, ...] = ()
    proof: ProofTables | None = None

    @property
    def written_with(self) -> PublishSettings:
        """The settings that it was written with."""
        return PublishSettings.model_validate(self.settings)

    @property
    def rows(self) -> int:
        """Rows of all data files; of the programs where there are none."""
        return sum(file.rows for file in self.files) if self.files else self.program_rows

    def splits(self, config: str) -> dict[str, list[DataFile]]:
        """Return a configuration's files by split, train first."""
        found: dict[str, list[DataFile]] = {}
        for file in self.files:
            if file.config == config:
                found.setdefault(file.split, []).append(file)
        return dict(sorted(found.items(), key=lambda item: item[0] != "train"))


def read_manifest(storage: Storage) -> PublishedManifest | None:
    """Return the manifest of a published folder; None if it is not complete.

    Raises:
        PublishError: It cannot be read.
        LakeError: The folder cannot be read.
    """
    data = storage.read_bytes(MANIFEST)
    if data is None:
        return None
    try:
        return PublishedManifest.model_validate_json(data)
    except ValidationError as error:
        raise PublishError(
            f"{storage.uri(MANIFEST)} is no manifest of this version: run `prox publish` again ({_first(error)})"
        ) from error


def write_manifest(storage: Storage, manifest: PublishedManifest) -> None:
    """Write the manifest, which says that all else is there.

    Raises:
        LakeError: The folder cannot be written.
    """
    storage.write_bytes(MANIFEST, (manifest.model_dump_json(indent=1) + "\n").encode())


def _first(error: ValidationError) -> str:
    item: Mapping[str, Any] = error.errors()[0]
    return f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
