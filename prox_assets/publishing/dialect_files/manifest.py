"""`manifest.json` of an export of programs in a dialect: what its files are, and what the dialect could not say."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.dialect_files.settings import ExportSettings
from prox_assets.publishing.programs.errors import ProgramsError
from prox_assets.publishing.programs.manifest import MANIFEST, Policy


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExportedShard(_Part):
    """The programs of one shard."""

    shard: str
    file: str = Field(description="Relative to the manifest.")
    bytes: int
    sha256: str
    documents: int = Field(description="Rows in the file.")
    outcomes: dict[str, int] = Field(description="Rows by what refining did.")
    fidelity: dict[str, int] = Field(description="Rows by how the text that their program leaves compares with ours.")
    unsaid: dict[str, int] = Field(description="Rows by why their program leaves changes out; a row may count twice.")
    left_out: dict[str, int] = Field(description="Documents of the shard without a row, by why.")
    policy: str = Field(description="Key in `policies`.")
    identity: str = Field(description="Changes when the file may have to; tells a later run what to write anew.")


class ExportManifest(_Part):
    """All of it; written last, so a folder without one is not complete."""

    kind: Literal["prox-dialect-programs"] = "prox-dialect-programs"
    version: Literal[1] = 1
    settings: ExportSettings
    prox_assets: str = Field(description="Version that wrote it.")
    policies: dict[str, Policy] = Field(description="How documents were refined, and by which refiners.")
    shards: tuple[ExportedShard, ...]

    @property
    def documents(self) -> int:
        """Rows in all files."""
        return sum(shard.documents for shard in self.shards)

    def total(self, counts: str) -> Counter[str]:
        """Return counts of all shards: `outcomes`, `fidelity`, `unsaid` or `left_out`."""
        total = Counter[str]()
        for shard in self.shards:
            total.update(getattr(shard, counts))
        return total

    def write(self, folder: Storage) -> None:
        """Write it.

        Raises:
            LakeError: The folder cannot be written.
        """
        folder.write_bytes(MANIFEST, self.model_dump_json(indent=1).encode())

    @classmethod
    def read(cls, folder: Storage) -> Self | None:
        """Return the manifest of a folder, or None if there is none.

        Raises:
            ProgramsError: It is damaged, or something else's.
            LakeError: The folder cannot be read.
        """
        data = folder.read_bytes(MANIFEST)
        if data is None:
            return None
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise ProgramsError(
                f"{folder.uri(MANIFEST)} is no manifest of exported programs that this version can read: choose an "
                "empty folder, or remove this one"
            ) from error


def counted(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the fields of ExportedShard that follow from the rows of its file."""
    outcomes, fidelity, unsaid = Counter[str](), Counter[str](), Counter[str]()
    documents = 0
    for row in rows:
        documents += 1
        outcomes[row["outcome"]] += 1
        fidelity[row["fidelity"]] += 1
        unsaid.update(row["unsaid"])
    return {"documents": documents, "outcomes": outcomes, "fidelity": fidelity, "unsaid": unsaid}
