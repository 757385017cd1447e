"""The folder of a published data set: where it is, and the files in it that are made from the manifest."""

import json
from collections.abc import Sequence

from prox_assets.lake.lake import Lake
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.about.card import CARD, render_card
from prox_assets.publishing.about.croissant import CROISSANT, croissant
from prox_assets.publishing.about.provenance import PROVENANCE, provenance
from prox_assets.publishing.data_files import sha256_of
from prox_assets.publishing.errors import PublishError
from prox_assets.publishing.manifest import MANIFEST, PROGRAMS, Change, PublishedManifest, write_manifest
from prox_assets.publishing.settings import PublishSettings

CHECKSUMS = "checksums.txt"
PUBLISHED = "_published"


def folder_of(lake: Lake, settings: PublishSettings) -> Storage:
    """Return the folder that a data set is written to."""
    url = settings.to or lake.storage.uri(f"{PUBLISHED}/{settings.name}")
    return Storage(url, lake.storage.storage_options if settings.to is None else None)


def programs_of(storage: Storage) -> Storage:
    """Return the folder of programs inside a published folder; it need not be there."""
    return Storage(f"{storage.url}/{PROGRAMS}", storage.storage_options)


def finish(storage: Storage, manifest: PublishedManifest) -> None:
    """Write all that follows from the manifest, and at last the manifest itself.

    Raises:
        LakeError: The folder cannot be written.
    """
    storage.write_bytes(CROISSANT, _json(croissant(manifest)))
    storage.write_bytes(PROVENANCE, _json(provenance(manifest)))
    storage.write_bytes(CARD, render_card(manifest).encode())
    hashes = {file.path: file.sha256 for file in manifest.files}
    for path in (*manifest.program_files, CARD, CROISSANT, PROVENANCE):
        hashes[path] = hash_of(storage, path)
    storage.write_bytes(CHECKSUMS, "".join(f"{hashes[path]}  {path}\n" for path in sorted(hashes)).encode())
    write_manifest(storage, manifest)


def checksums(storage: Storage) -> dict[str, str]:
    """Return the SHA-256 of every file that is published, the list itself and the manifest left out.

    Raises:
        PublishError: There is no list, or it cannot be read.
        LakeError: The folder cannot be read.
    """
    data = storage.read_bytes(CHECKSUMS)
    try:
        lines = (data or b"").decode().splitlines()
        found = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    except ValueError:
        found = {}
    if not found:
        raise PublishError(f"{storage.uri(CHECKSUMS)} is not there or no list of files: run `prox publish` again")
    return found


def published_paths(storage: Storage) -> list[str]:
    """Return the files to upload, in order: the manifest is the last.

    Raises:
        PublishError: The list of files cannot be read.
        LakeError: The folder cannot be read.
    """
    return [*sorted(checksums(storage), key=lambda path: (path == CARD, path)), CHECKSUMS, MANIFEST]


def hash_of(storage: Storage, path: str) -> str:
    """Return the SHA-256 of a file.

    Raises:
        PublishError: It is not there.
        LakeError: It cannot be read.
    """
    try:
        with storage.open(path) as file:
            return sha256_of(file)
    except FileNotFoundError as error:
        raise PublishError(f"{storage.uri(path)} is not there: run `prox publish` again") from error


def history(storage: Storage) -> Sequence[Change]:
    """Return when the folder was written before; provenance.json remembers it where a killed run left no manifest.

    Raises:
        LakeError: The folder cannot be read.
    """
    try:
        record = json.loads(storage.read_bytes(PROVENANCE) or b"{}")
        revisions = record["set"]["tracking"]["revision-history"]
        return [Change(at=each["date"], what=each["summary"]) for each in revisions]
    except (ValueError, KeyError, TypeError):
        return []


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
