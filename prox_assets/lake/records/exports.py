"""What was written from the lake for others: `_exports/{kind}.{name}.json` says where it is.

Token files, published folders and exported programs may lie anywhere. The lake remembers them, so that a withdrawal
finds every file that holds the document, garbage collection keeps what they were made from, and a report can list them.
A folder inside the lake is remembered by its place there: a copy of the lake then names its own folders, not those of
the original.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from prox_assets.lake.errors import LakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.storage import Storage

FOLDER = "_exports"

ExportKind = Literal["tokens", "dataset", "programs"]


@dataclass(frozen=True)
class Replica:
    """A copy somewhere that the platform cannot change.

    Attributes:
        where: Such as hf://datasets/owner/name.
        revision: What was uploaded, as the other side names it.
        uploaded_at: When, in UTC.
    """

    where: str
    revision: str
    uploaded_at: datetime


@dataclass(frozen=True)
class Export:
    """A folder that was written from the lake.

    Attributes:
        kind: What it holds.
        name: Its name, unique among its kind.
        url: Folder or URL, as `url_of` gives it.
        corpora: Corpora that it was made from.
        written_at: When it was last written, in UTC.
        replicas: Where it was uploaded to, each place and revision once.
    """

    kind: ExportKind
    name: str
    url: str
    corpora: tuple[str, ...]
    written_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    replicas: tuple[Replica, ...] = ()

    def open(self) -> Storage:
        """Return its folder."""
        return Storage(self.url)


_ONE = TypeAdapter(Export)
_INSIDE = "./"
"""Beginning of the url, in a record, of a folder inside the lake."""


def url_of(folder: Storage) -> str:
    """Return the one name of a folder that an export is recorded under, however it was written."""
    return folder.root if folder.is_local else folder.fs.unstrip_protocol(folder.root)


def record_export(lake: Lake, export: Export) -> None:
    """Write down an export, before its first file is written; an earlier record of the same name is replaced.

    Raises:
        LakeError: The lake cannot be written.
    """
    folder = Storage(export.url, lake.storage.storage_options)
    inside = lake.storage.relative(folder.fs, folder.root)
    stored = replace(export, url=f"{_INSIDE}{inside}" if inside else url_of(folder))
    data = json.dumps(asdict(stored), default=str, indent=1).encode()
    lake.storage.write_bytes(_path(export.kind, export.name), data)


def exports(lake: Lake) -> list[Export]:
    """Return what was written from a lake, by kind and name.

    Raises:
        LakeError: A record is damaged, or the lake cannot be read.
    """
    names = sorted(name for name in lake.storage.list_files(FOLDER) if name.endswith(".json"))
    return [_read(lake, f"{FOLDER}/{name}") for name in names]


def export_of(lake: Lake, kind: ExportKind, name: str) -> Export | None:
    """Return an export by its name, or None.

    Raises:
        LakeError: The record is damaged, or the lake cannot be read.
    """
    path = _path(kind, name)
    return _read(lake, path) if lake.storage.exists(path) else None


def _path(kind: ExportKind, name: str) -> str:
    return f"{FOLDER}/{kind}.{name}.json"


def _read(lake: Lake, path: str) -> Export:
    try:
        export = _ONE.validate_json(lake.storage.read_bytes(path) or b"")
    except ValidationError as error:
        raise LakeError(f"{lake.storage.uri(path)} is no record of an export that can be read: {error}") from error
    if not export.url.startswith(_INSIDE):
        return export
    return replace(export, url=lake.storage.uri(export.url.removeprefix(_INSIDE)))
