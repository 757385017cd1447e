"""Writing token files: shards one by one, current ones kept, and the manifest after all of them."""

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from prox_assets import __version__
from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export, export_of, exports, record_export, url_of
from prox_assets.lake.records.withdrawn import withdrawn
from prox_assets.lake.storage.storage import Storage
from prox_assets.proof.tokens.tokenizer import CONFIGURATION, FILE
from prox_assets.stages.run import silent
from prox_assets.stages.running.pipeline import Report
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.folder import (
    ShardRecord,
    folder_of,
    put_manifest,
    read_manifest,
    read_record,
    recorded_shards,
    remove_shard,
)
from prox_assets.tokens.manifest import MANIFEST, TokenManifest, TokenShard
from prox_assets.tokens.settings import TokenSettings
from prox_assets.tokens.sources import ShardName, open_source
from prox_assets.tokens.tokenizer import open_tokenizer
from prox_assets.tokens.writing.shard import TokenJob, is_current, shard_lease, wanted, write_shard

STEP = "tokens"
"""What progress is reported of."""


@dataclass(frozen=True)
class WrittenShard:
    """What has become of a shard.

    Attributes:
        corpus: Its corpus.
        shard: Its key.
        splits: What it gave to each split; empty if it has no document.
        withdrawn: Documents that were left out because they are withdrawn.
        was_current: Whether there was nothing to do.
    """

    corpus: str
    shard: str
    splits: tuple[TokenShard, ...]
    withdrawn: int
    was_current: bool


def open_job(lake: Lake, settings: TokenSettings, proofs: str | None = None) -> TokenJob:
    """Open everything that shards are written from.

    Args:
        lake: The lake.
        settings: All settings.
        proofs: Folder of all proofs, for an arm; by default the environment's PROX_PROOFS, or `proofs`.

    Raises:
        TokensError: The tokenizer cannot be used.
        LakeError: A withdrawal cannot be read.
    """
    return TokenJob(
        lake=lake,
        settings=settings,
        folder=folder_of(lake, settings),
        source=open_source(lake, settings.source, proofs),
        tokenizer=open_tokenizer(settings),
        withdrawn=withdrawn(lake),
    )


def write_tokens(
    lake: Lake,
    settings: TokenSettings,
    *,
    only: ShardName | None = None,
    proofs: str | None = None,
    run_id: str | None = None,
    report: Report | None = None,
) -> tuple[WrittenShard, ...]:
    """Write the token files of every shard, or of one; those that are current are kept.

    It may be killed at any time, and run in several processes at once: a shard's files count once they are complete.
    The manifest is removed as soon as a shard changes; `write_manifest` writes it again.

    Args:
        lake: The lake.
        settings: All settings.
        only: (corpus, shard); None for all.
        proofs: Folder of all proofs, for an arm; by default the environment's PROX_PROOFS, or `proofs`.
        run_id: Named to others who want to write the same shard.
        report: Shows progress, given the step and a shard.

    Raises:
        TokensError: The source or the tokenizer cannot be used, the name is that of files elsewhere, or others are in
            the folder.
        LakeError: The lake or the folder cannot be read or written.
    """
    job = open_job(lake, settings, proofs)
    names = job.source.shards()
    if only is not None and only not in names:
        raise TokensError(f"the source has no shard {only[1]!r} of corpus {only[0]}; `prox shards` lists them")
    remember_export(job, names)
    return write_shards(job, names if only is None else [only], run_id, report)


def write_shards(
    job: TokenJob, names: Iterable[ShardName], run_id: str | None = None, report: Report | None = None
) -> tuple[WrittenShard, ...]:
    """Write some shards of an export that `remember_export` has recorded; for the errors see `write_tokens`."""
    run_id = run_id or f"prox-tokens-{uuid.uuid4().hex[:12]}"
    done: list[WrittenShard] = []
    for name in names:
        progress = report(STEP, "/".join(name)) if report is not None else silent
        record, is_new = write_shard(job, name, run_id, progress)
        done.append(WrittenShard(*name, record.shards, record.withdrawn, not is_new))
    return tuple(done)


def write_manifest(lake: Lake, settings: TokenSettings, *, proofs: str | None = None) -> TokenManifest:
    """Write the manifest of complete token files, and remove files of shards that the source no longer has.

    Raises:
        TokensError: A shard is missing or out of date.
        LakeError: The lake or the folder cannot be read or written.
    """
    job = open_job(lake, settings, proofs)
    names = job.source.shards()
    found = {name: read_record(job.folder, name) for name in names}
    missing = [name for name, record in found.items() if not is_current(job.folder, record, wanted(job, name).identity)]
    if missing:
        raise TokensError(
            f"{len(missing)} of {len(names)} shards of the token files {settings.name} are missing or out of date, "
            f"among them {'/'.join(missing[0])}: run `prox tokens`, or materialize them, and then the manifest"
        )
    _earlier(job)
    _remove_others(job, set(names))
    _put_tokenizer(job)
    manifest = manifest_of(job, [record for record in found.values() if record is not None])
    before = read_manifest(job.folder)
    if before is not None and before.model_copy(update={"written_at": manifest.written_at}) == manifest:
        return before
    remember_export(job, names, is_new=True)
    put_manifest(job.folder, manifest)
    return manifest


def manifest_of(job: TokenJob, records: Iterable[ShardRecord]) -> TokenManifest:
    """Return the manifest of some shards."""
    return TokenManifest(
        name=job.settings.name,
        prox_assets=__version__,
        written_at=datetime.now(UTC).isoformat(),
        settings=job.settings.model_dump(mode="json"),
        tokenizer=job.tokenizer.notes,
        dtype=job.tokenizer.dtype.name,
        shards=tuple(shard for record in records for shard in record.shards),
    )


def remember_export(job: TokenJob, names: Iterable[ShardName], *, is_new: bool = False) -> None:
    """Record in the lake where the files are; an equal record stays as it is, unless the files are new.

    Raises:
        TokensError: Files of this name are elsewhere, or others are in the folder.
    """
    url = url_of(job.folder)
    corpora = tuple(dict.fromkeys(corpus for corpus, _ in names))
    before = _earlier(job)
    same_place = before is not None and before.url == url
    if before is not None and same_place:
        # Corpora that are no longer in the source may still have files.
        corpora = tuple(dict.fromkeys((*before.corpora, *corpora)))
        if corpora == before.corpora and not is_new:
            return
    replicas = before.replicas if before is not None else ()
    record_export(job.lake, Export("tokens", job.settings.name, url, corpora, replicas=replicas))


def _earlier(job: TokenJob) -> Export | None:
    """Return what the lake knows of token files of this name; the folder is theirs, or empty."""
    url, name = url_of(job.folder), job.settings.name
    before = export_of(job.lake, "tokens", name)
    if before is not None and before.url != url and _has_files(before.open()):
        raise TokensError(f"token files {name} are at {before.url}: take another name, or the same place (--to)")
    here = [f"{each.kind} {each.name}" for each in exports(job.lake) if each.url == url]
    others = [each for each in here if each != f"tokens {name}"]
    # Looked up again: another process may just have recorded it, and written its first file.
    if not here and _has_files(job.folder) and export_of(job.lake, "tokens", name) == before:
        others = ["files that are not of this lake"]
    if others:
        raise TokensError(f"{job.folder.url} holds {', '.join(others)}: choose an empty folder (--to)")
    return before


def _has_files(folder: Storage) -> bool:
    return bool(recorded_shards(folder)) or folder.exists(MANIFEST)


def _remove_others(job: TokenJob, names: set[ShardName]) -> None:
    for name in recorded_shards(job.folder):
        if name in names:
            continue
        with shard_lease(job.lake, job.settings.name, name, "prox-tokens"):
            remove_shard(job.folder, name)


def _put_tokenizer(job: TokenJob) -> None:
    configuration = json.dumps(dict(job.tokenizer.configuration), indent=1, ensure_ascii=False).encode()
    for name, data in ((FILE, job.tokenizer.file), (CONFIGURATION, configuration)):
        path = f"tokenizer/{name}"
        if job.folder.read_bytes(path) != data:
            job.folder.write_bytes(path, data)
