"""`manifest.json` of a programs data set: what its files are, who wrote the programs, and how they are executed."""

import hashlib
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prox_assets.lake.errors import LakeError
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.programs.errors import ProgramsError

MANIFEST = "manifest.json"
_HASH_BYTES = 1 << 20


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Refiner(_Part):
    """Who wrote the programs of a level."""

    name: str
    fingerprint: str = Field(description="Of model, tokenizer, prompts and decoding.")
    revision: str | None = Field(default=None, description="Of the model, where a hub names one.")


class Policy(_Part):
    """How programs are executed, and who wrote them."""

    settings: dict[str, Any] = Field(description="ExecutionPolicy.as_dict(), the executor's version included.")
    doc: Refiner
    chunk: Refiner


class ProgramShard(_Part):
    """The programs of one shard."""

    shard: str
    file: str = Field(description="Relative to the manifest.")
    bytes: int
    sha256: str
    documents: int = Field(description="Rows in the file.")
    outcomes: dict[str, int] = Field(description="Rows by outcome.")
    left_out: dict[str, int] = Field(description="Documents of the shard without a row, by why.")
    policy: str = Field(description="Key in `policies`.")
    row_start: int | None = Field(description="First row of the original file; null where the shard is all of it.")
    row_end: int | None = Field(description="Row after the last one.")
    characters_raw: int = Field(description="Of the original texts.")
    characters_refined: int = Field(description="Of the texts that come out.")
    characters_of_programs: int
    characters_of_strings: int = Field(description="Of the strings that calls name or put in: all text there is.")
    identity: str = Field(description="Changes when the programs may have; tells a later version what to write anew.")


class ProgramsManifest(_Part):
    """All of it; written last, so a folder without one is not complete."""

    kind: Literal["prox-programs"] = "prox-programs"
    version: Literal[1] = 1
    corpus: str
    format: str = Field(description="Format of the original files, as `prox apply --format` takes it.")
    prox_assets: str = Field(description="Version that wrote it.")
    policies: dict[str, Policy]
    shards: tuple[ProgramShard, ...]

    def write(self, folder: Storage, corpus: str) -> str:
        """Write it; return its path relative to the folder."""
        path = f"{corpus}/{MANIFEST}"
        folder.write_bytes(path, self.model_dump_json(indent=1).encode())
        return path

    @classmethod
    def read(cls, folder: Storage, corpus: str) -> Self | None:
        """Return the manifest of a corpus, or None if there is none.

        Raises:
            ProgramsError: It is damaged, or of another version.
        """
        path = f"{corpus}/{MANIFEST}"
        data = folder.read_bytes(path)
        if data is None:
            return None
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            what = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:3])
            raise ProgramsError(
                f"{folder.uri(path)} is no manifest of programs that this version can read ({what}). Get it again, or "
                "use the version of prox_assets that wrote it"
            ) from error


def corpora_of(folder: Storage) -> list[str]:
    """Return the corpora that a folder has programs of."""
    return [name for name in folder.list_folders("") if folder.exists(f"{name}/{MANIFEST}")]


def sha256_of(folder: Storage, path: str) -> tuple[str, int]:
    """Return a file's sha256 and its size in bytes.

    Raises:
        LakeError: It is not there, or cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with folder.open(path) as file:
            while block := file.read(_HASH_BYTES):
                digest.update(block)
                size += len(block)
    except FileNotFoundError as error:
        raise LakeError(f"{folder.uri(path)} is not there") from error
    return digest.hexdigest(), size
