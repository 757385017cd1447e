"""Writes a data set: documents of the lake become a folder that a hub takes as it is.

A killed run goes on where it stopped: data files that are there and fit are kept. The manifest comes last.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from prox_assets import __version__
from prox_assets.lake.errors import RetryableLakeError
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export, export_of, record_export, url_of
from prox_assets.lake.records.withdrawn import withdrawn
from prox_assets.lake.storage.lease import Lease
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.about.languages import language_codes
from prox_assets.publishing.about.notes import config_notes, proof_tables
from prox_assets.publishing.about.samples import edit_samples
from prox_assets.publishing.data_files import DATA, features, identity_of, write_data
from prox_assets.publishing.errors import PublishError
from prox_assets.publishing.folder import PUBLISHED, finish, folder_of, history, programs_of, published_paths
from prox_assets.publishing.manifest import MANIFEST, PROGRAMS, UNFINISHED, Change, PublishedManifest, read_manifest
from prox_assets.publishing.programs.forget import rows_of
from prox_assets.publishing.programs.write import write_programs
from prox_assets.publishing.settings import PublishSettings
from prox_assets.publishing.survey import Survey, survey
from prox_assets.stages.run import LEASE_WAIT_SECONDS, Progress, silent


@dataclass(frozen=True)
class Published:
    """A data set that was written.

    Attributes:
        storage: Its folder.
        manifest: What is in it.
        changed: Whether anything had to be written.
    """

    storage: Storage
    manifest: PublishedManifest
    changed: bool


def publish(
    lake: Lake, settings: PublishSettings, log: Callable[[str], None] = lambda _: None, progress: Progress = silent
) -> Published:
    """Write a data set's folder, unless all of it is there and current.

    Args:
        lake: The lake.
        settings: The data set.
        log: Is told what is found and done.
        progress: Called with (rows written, total rows).

    Raises:
        PublishError: The settings do not fit the lake, a shard is not refined, or the folder holds something else.
        RetryableLakeError: Documents were withdrawn meanwhile; the folder is not finished.
        LakeError: The lake cannot be read, or the folder not written.
    """
    storage = folder_of(lake, settings)
    run_id = f"prox-publish-{uuid.uuid4().hex[:12]}"
    with Lease(lake.storage, PUBLISHED, "publish", settings.name, run_id, wait_seconds=LEASE_WAIT_SECONDS) as lease:
        before = _check_folder(lake, settings, storage)
        found = survey(lake, settings, log)
        languages = language_codes(found.languages, settings.min_language_share, settings.languages)
        earlier = _earlier(storage)
        if earlier is not None and earlier.identity == found.identity and _is_whole(storage, found):
            return Published(storage, earlier, changed=False)
        record_export(
            lake,
            Export(
                "dataset",
                settings.name,
                url_of(storage),
                tuple(settings.corpora),
                replicas=before.replicas if before else (),
            ),
        )
        manifest = _manifest(lake, storage, settings, found, languages, progress)
        lease.check()
        if withdrawn(lake).identity != found.rows.withdrawn.identity:
            raise RetryableLakeError(
                f"documents were withdrawn while data set {settings.name} was written; run `prox publish` again, "
                "without them"
            )
        finish(storage, manifest)
        storage.remove(UNFINISHED)
    return Published(storage, manifest, changed=True)


def _manifest(
    lake: Lake, storage: Storage, settings: PublishSettings, found: Survey, languages: list[str], progress: Progress
) -> PublishedManifest:
    """Write the data files and return what they are."""
    text = _has_text(found)
    files = write_data(storage, settings, found, progress) if text else []
    program_files = _programs(lake, settings, storage) if "programs" in settings.include else []
    _remove_others(storage, settings)
    samples = [
        sample
        for corpus in (found.corpora if text else ())
        for sample in edit_samples(
            lake,
            corpus.name,
            [shard.refined.shard for shard in corpus.shards],
            settings.samples,
            found.rows.withdrawn,
        )
    ]
    done = history(storage)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return PublishedManifest(
        name=settings.name,
        prox_assets=__version__,
        identity=found.identity,
        history=(*done, Change(at=now, what="Written again." if done else "First written.")),
        settings=settings.model_dump(mode="json", exclude={"to"}),
        features=features(settings, found.metadata) if text else (),
        languages=tuple(languages),
        configs=tuple(config_notes(lake, corpus) for corpus in found.corpora),
        files=tuple(files),
        program_files=tuple(program_files),
        program_rows=sum(_program_rows(storage, corpus) for corpus in settings.corpora) if program_files else 0,
        samples=tuple(samples),
        proof=proof_tables(lake, settings.proof) if settings.proof else None,
    )


def _is_whole(storage: Storage, found: Survey) -> bool:
    """Tell whether every file is there and follows from what was surveyed: a killed run may have replaced some."""
    if not all(storage.exists(path) for path in published_paths(storage)):
        return False
    planned = [file for corpus in found.corpora for file in corpus.files] if _has_text(found) else []
    return all(identity_of(storage, file.path) == file.identity for file in planned)


def _has_text(found: Survey) -> bool:
    return "text" in found.rows.settings.include


def _earlier(storage: Storage) -> PublishedManifest | None:
    """Return the manifest of the folder; None where there is none that can be used."""
    try:
        return read_manifest(storage)
    except PublishError:
        return None


def _check_folder(lake: Lake, settings: PublishSettings, storage: Storage) -> Export | None:
    """Return the earlier record of a data set.

    Raises:
        PublishError: It was written to another folder, or this one holds something else, which would be removed.
    """
    before = export_of(lake, "dataset", settings.name)
    if before is not None and before.url != url_of(storage):
        raise PublishError(
            f"data set {settings.name} was written to {before.url}, which withdrawals must reach: write it "
            "there again, or give this one another name"
        )
    if before is None and (storage.list_folders(DATA) or storage.list_folders(PROGRAMS) or storage.exists(MANIFEST)):
        raise PublishError(
            f"{storage.url} holds data that were not published as {settings.name} from the lake {lake.url}: choose an "
            "empty folder"
        )
    return before


def _programs(lake: Lake, settings: PublishSettings, storage: Storage) -> list[str]:
    """Write the programs of all corpora; return the paths of their files."""
    folder = programs_of(storage)
    return [f"{PROGRAMS}/{path}" for corpus in settings.corpora for path in write_programs(lake, corpus, folder)]


def _program_rows(storage: Storage, corpus: str) -> int:
    return rows_of(programs_of(storage), corpus)[0].total()


def _remove_others(storage: Storage, settings: PublishSettings) -> None:
    """Remove text and programs that an earlier version had and this one has not."""
    if "text" not in settings.include:
        storage.remove(DATA)
    for corpus in storage.list_folders(PROGRAMS):
        if "programs" not in settings.include or corpus not in settings.corpora:
            storage.remove(f"{PROGRAMS}/{corpus}")
