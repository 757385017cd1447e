"""Uploads a published folder to a hub, in commits of some files each; the manifest is in the last.

An upload that stops is gone on with by the same call: files that the hub has are not sent again. HF_ENDPOINT names
another hub, HF_TOKEN who uploads.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export, Replica, export_of, record_export
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.about.card import CARD
from prox_assets.publishing.errors import PublishError
from prox_assets.publishing.folder import CHECKSUMS, published_paths
from prox_assets.publishing.manifest import MANIFEST
from prox_assets.publishing.release import refuse_unless_sound, release_checks

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, CommitOperationDelete, HfApi

FILES_PER_COMMIT = 25
# Written by the hub itself.
_OF_THE_HUB = (".gitattributes",)


def upload(lake: Lake, export: Export, repo_id: str, log: Callable[[str], None], *, private: bool = False) -> Replica:
    """Check a folder and upload it as a data set; files of an earlier version that it has no more are deleted.

    Files that somebody else put into the repository stay there. The lake remembers the upload from its first commit on.

    Args:
        lake: The lake, which remembers where the folder was uploaded to.
        export: The folder.
        repo_id: owner/name on the hub; the repository is made if it is not there.
        log: Is told what is done.
        private: Whether a new repository is private.

    Returns:
        Where it is, and the hub's revision.

    Raises:
        PublishError: The folder does not pass the release checks, the repository holds something else, or the hub
            refuses or does not answer.
        LakeError: The lake or the folder cannot be read.
    """
    refuse_unless_sound(release_checks(lake, export))
    from huggingface_hub import CommitOperationDelete, HfApi

    storage, api = export.open(), HfApi(library_name="prox_assets")
    paths = published_paths(storage)
    with _errors(repo_id):
        who = api.whoami()["name"]
        api.create_repo(repo_id, repo_type="dataset", private=private, exist_ok=True)
        there = set(api.list_repo_files(repo_id, repo_type="dataset"))
        earlier = _listed(api, repo_id, export) if {MANIFEST, CHECKSUMS} <= there else None
    log(f"uploading {len(paths)} files to {repo_id} as {who}")
    # What readers go by comes with the last commit: until then they see the earlier version, or nothing.
    last = [path for path in paths if path in (CARD, CHECKSUMS, MANIFEST)]
    others = [path for path in paths if path not in last]
    where = f"hf://datasets/{repo_id}"
    # An upload that was cut short has left no manifest.
    begun = any(replica.where == where for replica in export.replicas) or there <= {*others, *_OF_THE_HUB}
    if earlier is None and (MANIFEST in there or not begun):
        raise PublishError(
            f"{repo_id} holds files that are not those of data set {export.name}, such as "
            f"{min(there.difference(_OF_THE_HUB))}: name a new repository, or remove its files on the hub first"
        )
    replica: Replica | None = None
    for start in range(0, len(others), FILES_PER_COMMIT):
        part = others[start : start + FILES_PER_COMMIT]
        text = f"Data files {start + 1} to {start + len(part)} of {len(others)}"
        replica = _remember(lake, export, where, _commit(api, storage, repo_id, part, [], text), replica)
        log(f"{start + len(part)} of {len(paths)} files are there")
    stale = [path for path in there.difference(paths) if path in (earlier or ()) or _is_data_of(export, path)]
    deletions = [CommitOperationDelete(path) for path in sorted(stale)]
    done = _commit(api, storage, repo_id, last, deletions, f"{export.name}: card, checksums and manifest")
    return _remember(lake, export, where, done, replica)


def _listed(api: "HfApi", repo_id: str, export: Export) -> set[str] | None:
    """Return the files of the version that the hub has; None if its manifest is not of this data set."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="prox-upload-") as folder:
        for path in (MANIFEST, CHECKSUMS):
            copy = api.hf_hub_download(repo_id, path, repo_type="dataset", local_dir=folder)
            found[path] = Path(copy).read_bytes()
    try:
        manifest = json.loads(found[MANIFEST])
        lines = found[CHECKSUMS].decode().splitlines()
        is_ours = manifest["name"] == export.name and "prox_assets" in manifest
    except (ValueError, KeyError, TypeError):
        return None
    return {line.partition("  ")[2] for line in lines} if is_ours else None


def _is_data_of(export: Export, path: str) -> bool:
    """Tell whether a file can only be one of the data set's, which an upload that was cut short has left."""
    match = re.fullmatch(r"data/([^/]+)/\w+-\d{5}-of-\d{5}\.parquet", path)
    return match is not None and match[1] in export.corpora


def _remember(lake: Lake, export: Export, where: str, done: "CommitInfo", before: Replica | None) -> Replica:
    """Write down the newest commit of an upload, in place of the one before."""
    replica = Replica(where, done.oid, datetime.now(UTC))
    now = export_of(lake, export.kind, export.name) or export
    replaced = {(each.where, each.revision) for each in (before, replica) if each is not None}
    others = [each for each in now.replicas if (each.where, each.revision) not in replaced]
    record_export(lake, replace(now, replicas=(*others, replica)))
    return replica


def _commit(
    api: "HfApi",
    storage: Storage,
    repo_id: str,
    paths: list[str],
    deletions: list["CommitOperationDelete"],
    message: str,
) -> "CommitInfo":
    from huggingface_hub import CommitOperationAdd

    with ExitStack() as stack:
        files = stack.enter_context(_local(storage, paths))
        additions = [CommitOperationAdd(path, files[path]) for path in paths]
        stack.enter_context(_errors(repo_id))
        return api.create_commit(repo_id, [*additions, *deletions], commit_message=message, repo_type="dataset")


@contextmanager
def _local(storage: Storage, paths: list[str]) -> Iterator[dict[str, Path]]:
    """Yield the files on this machine's disk, copied there if they are on a store."""
    if storage.is_local:
        yield {path: Path(storage.path(path)) for path in paths}
        return
    with tempfile.TemporaryDirectory(prefix="prox-upload-") as folder:
        copies = {path: Path(folder) / str(number) for number, path in enumerate(paths)}
        for path, copy in copies.items():
            with storage.open(path) as source, copy.open("wb") as target:
                while block := source.read(8 << 20):
                    target.write(block)
        yield copies


@contextmanager
def _errors(repo_id: str) -> Iterator[None]:
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    try:
        yield
    except LocalTokenNotFoundError as error:
        raise PublishError("the hub does not know you: log in with `hf auth login`, or set HF_TOKEN") from error
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError, RuntimeError) as error:
        detail = " ".join(str(error).split())
        raise PublishError(
            f"{repo_id} was not uploaded: {type(error).__name__}: {detail}. Run the same command again: what the hub "
            "has is not sent again"
        ) from error
