"""Whether a published folder may be released: every check with what is wrong, if anything.

The asset shows them as blocking checks; `prox publish` makes them before it says that a folder is ready, and again
before it uploads one.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl
from pydantic import ValidationError

from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import Export
from prox_assets.lake.records.withdrawn import Withdrawn, withdrawn
from prox_assets.lake.schemas import KEPT_OUTCOMES, Outcome, Table
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.data_files import data_paths
from prox_assets.publishing.errors import PublishError
from prox_assets.publishing.folder import CHECKSUMS, checksums, hash_of
from prox_assets.publishing.forget import documents_in, programs_in
from prox_assets.publishing.manifest import MANIFEST, ConfigNotes, PublishedManifest, read_manifest

EXAMPLES = 3


@dataclass(frozen=True)
class ReleaseCheck:
    """A check of a folder.

    Attributes:
        name: Its name.
        problems: What is wrong, in sentences; empty if the folder passes.
        numbers: What was compared.
    """

    name: str
    problems: tuple[str, ...]
    numbers: Mapping[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


DESCRIPTIONS = {
    "documents_allowed": "No document is withdrawn, quarantined or dropped; each stands in the data once.",
    "counts_reconcile": "Documents in = kept + dropped + quarantined, as in the lake; published = kept - withdrawn.",
    "licences_named": "Every corpus has a source, and every source a licence.",
    "hashes_right": "Every file has the SHA-256 that is listed, and no data file lies beside them.",
    "executions_published": "The text is of the executions that the lake publishes, and no shard of them is missing.",
}


def release_checks(lake: Lake, export: Export) -> list[ReleaseCheck]:
    """Check a folder against the lake.

    Raises:
        PublishError: It is not complete: it has no manifest.
        LakeError: The lake or the folder cannot be read.
    """
    storage = export.open()
    manifest = read_manifest(storage)
    if manifest is None:
        raise PublishError(f"{storage.uri(MANIFEST)} is not there, so the folder is not complete: run `prox publish`")
    found = _documents(lake, export, withdrawn(lake))
    checks: dict[str, Callable[[], ReleaseCheck]] = {
        "documents_allowed": lambda: found.allowed,
        "counts_reconcile": lambda: _counts(lake, manifest, found.rows),
        "licences_named": lambda: _licences(manifest),
        "hashes_right": lambda: _hashes(storage, manifest),
        "executions_published": lambda: _executions(lake, manifest),
    }
    return [check() for check in checks.values()]


def refuse_unless_sound(checks: list[ReleaseCheck]) -> None:
    """Raise an error if any check has failed.

    Raises:
        PublishError: One has; the message says what is wrong.
    """
    failed = [f"{check.name}: {'; '.join(check.problems)}" for check in checks if not check.passed]
    if failed:
        raise PublishError("this must not be released. " + ". ".join(failed))


@dataclass(frozen=True)
class _Documents:
    allowed: ReleaseCheck
    rows: Counter[tuple[str, str]]


def _documents(lake: Lake, export: Export, gone: Withdrawn) -> _Documents:
    """Look at every document of the folder, a shard of the lake at a time."""
    problems: dict[str, list[str]] = {}
    rows: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str, str], int] = {}
    storage = export.open()

    @lru_cache(maxsize=2)
    def fates(corpus: str, shard: str) -> pl.DataFrame:
        frame = lake.scan(corpus, Table.OUTCOMES, [shard]).select("doc_id", "outcome").collect()
        return frame.with_row_index("position")

    for path in data_paths(storage):
        split = path.rpartition("/")[2].split("-")[0]
        for frame in documents_in(storage, path):
            for part in frame.partition_by("shard", maintain_order=True):
                corpus, shard = part.row(0)[:2]
                rows[corpus, shard] += part.height
                found = part.join(fates(corpus, shard), on="doc_id", how="left", maintain_order="left")
                for what, ids in _not_allowed(found, gone).items():
                    problems.setdefault(what, []).extend(ids)
                # Rows are in the order of the shard, so that one which does not come after the last is there twice.
                at = found["position"].drop_nulls()
                if at.len():
                    before = last.get((corpus, split, shard), -1)
                    if int(at[0]) <= before or (at.len() > 1 and not (at.diff().drop_nulls() > 0).all()):
                        problems.setdefault("twice in it or out of order, after", []).append(part["doc_id"][0])
                    last[corpus, split, shard] = int(at[-1])
    programs = 0
    for frame in programs_in(export):
        programs += frame.height
        for what, ids in _withdrawn(frame, gone).items():
            problems.setdefault(what, []).extend(ids)
    said = tuple(_said(what, ids) for what, ids in problems.items())
    return _Documents(ReleaseCheck("documents_allowed", said, {"documents": rows.total() or programs}), rows)


def _not_allowed(documents: pl.DataFrame, gone: Withdrawn) -> dict[str, list[str]]:
    """Return the documents that must not be published, by what they are."""
    problems = _withdrawn(documents, gone)
    withdrawn_ids = {doc_id for ids in problems.values() for doc_id in ids}
    wrong = documents.filter(~pl.col("outcome").is_in([outcome.value for outcome in KEPT_OUTCOMES]).fill_null(False))
    for doc_id, outcome in wrong.select("doc_id", "outcome").iter_rows():
        if doc_id not in withdrawn_ids:
            problems.setdefault(outcome or "not in the lake any more", []).append(doc_id)
    return problems


def _withdrawn(documents: pl.DataFrame, gone: Withdrawn) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    for doc_id, url, text_hash in documents.select("doc_id", "url", "text_hash").iter_rows() if gone else ():
        if (found := gone.of(doc_id, url, text_hash)) is not None:
            problems.setdefault(f"withdrawn ({found.reason})", []).append(doc_id)
    return problems


def _said(what: str, ids: list[str]) -> str:
    return f"{len(ids):,} document{'' if len(ids) == 1 else 's'} {what}, such as {', '.join(ids[:EXAMPLES])}"


def _counts(lake: Lake, manifest: PublishedManifest, rows: Counter[tuple[str, str]]) -> ReleaseCheck:
    problems: list[str] = []
    for config in manifest.configs:
        kept = sum(config.outcomes()[outcome] for outcome in KEPT_OUTCOMES)
        quarantined = config.outcomes()[Outcome.QUARANTINED]
        if config.documents != kept + config.dropped + quarantined:
            problems.append(f"{config.name}: {config.documents} documents are not kept + dropped + quarantined")
        if kept != config.published + config.withheld + config.removed:
            problems.append(
                f"{config.name}: {kept} kept documents are not {config.published} published + {config.withheld} and "
                f"{config.removed} withdrawn"
            )
        if manifest.files:
            problems += _rows_that_differ(config, rows)
        problems += _outcomes_that_differ(lake, config)
    numbers = {
        "documents": sum(config.documents for config in manifest.configs),
        "published": sum(config.published for config in manifest.configs),
        "withdrawn": sum(config.withheld + config.removed for config in manifest.configs),
        "rows": rows.total(),
    }
    return ReleaseCheck("counts_reconcile", tuple(problems), numbers)


def _rows_that_differ(config: ConfigNotes, rows: Counter[tuple[str, str]]) -> list[str]:
    return [
        f"{config.name}/{shard.shard}: {rows[config.name, shard.shard]} rows in the data files, {shard.published} in "
        "the manifest"
        for shard in config.shards
        if rows[config.name, shard.shard] != shard.published
    ]


def _outcomes_that_differ(lake: Lake, config: ConfigNotes) -> list[str]:
    """Compare with the lake, which may have lost documents to withdrawals since, and only to these."""
    problems = []
    for shard in config.shards:
        frame = lake.scan(config.name, Table.OUTCOMES, [shard.shard]).group_by("outcome").agg(pl.len()).collect()
        now = Counter(dict(frame.iter_rows()))
        then = Counter(shard.outcomes)
        gained = now - then
        lost = sum((then - now)[outcome] for outcome in KEPT_OUTCOMES)
        if gained or lost > shard.withheld + config.removed:
            problems.append(
                f"{config.name}/{shard.shard}: the lake has {dict(sorted(now.items()))}, the manifest "
                f"{dict(sorted(then.items()))}"
            )
    return problems


def _licences(manifest: PublishedManifest) -> ReleaseCheck:
    try:
        settings = manifest.written_with
    except ValidationError as error:
        return ReleaseCheck("licences_named", tuple(item["msg"] for item in error.errors()))
    return ReleaseCheck("licences_named", (), {"sources": len(settings.sources), "corpora": len(settings.corpora)})


def _hashes(storage: Storage, manifest: PublishedManifest) -> ReleaseCheck:
    problems: list[str] = []
    listed = checksums(storage)
    for path, digest in listed.items():
        if not storage.exists(path):
            problems.append(f"{path} is not there")
        elif hash_of(storage, path) != digest:
            problems.append(f"{path} is not what {CHECKSUMS} says: remove it and run `prox publish` again")
    in_manifest = {file.path: file.sha256 for file in manifest.files}
    problems += [f"{path} is not in {CHECKSUMS}" for path in data_paths(storage) if path not in listed]
    problems += [
        f"{path} has another hash in the manifest" for path in in_manifest if listed.get(path) != in_manifest[path]
    ]
    return ReleaseCheck("hashes_right", tuple(problems), {"files": len(listed)})


def _executions(lake: Lake, manifest: PublishedManifest) -> ReleaseCheck:
    problems: list[str] = []
    for config in manifest.configs:
        for shard in config.shards:
            now = lake.execution(config.name, shard.shard)
            if now != shard.execution:
                problems.append(f"{config.name}/{shard.shard} was executed again since: run `prox publish` again")
        known = {shard.shard for shard in config.shards} | config.left_out.keys()
        problems += [
            f"{config.name}/{shard} is not in it: run `prox publish` again"
            for shard in lake.shards(config.name, Table.OUTCOMES)
            if shard not in known
        ]
    return ReleaseCheck(
        "executions_published", tuple(problems), {"shards": sum(len(c.shards) for c in manifest.configs)}
    )
