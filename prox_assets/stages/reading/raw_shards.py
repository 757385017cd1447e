"""Asset `raw_shards`: reads one shard of raw files into the tables `documents` and `rejects`."""

from collections import Counter
from dataclasses import dataclass, fields, replace

from prox_assets.corpora.document import Document, Reject, text_hash
from prox_assets.corpora.shards import read_shard, relist_shard
from prox_assets.lake.errors import RetryableLakeError
from prox_assets.lake.identity import source_version
from prox_assets.lake.records.withdrawal_marks import Doomed
from prox_assets.lake.records.withdrawn import Withdrawal, Withdrawn, withdrawn
from prox_assets.lake.schemas import Table
from prox_assets.stages.reading.discovery import known_shard, record_shard
from prox_assets.stages.run import ShardRun
from prox_assets.stages.states.identities import documents_identity
from prox_assets.stages.withdrawal.documents import (
    finish,
    has_documents,
    remove_before_reading,
    remove_documents,
    withdrawn_row,
)

ASSET = "raw_shards"

_DOCUMENT_COLUMNS = [field.name for field in fields(Document)]
_REJECT_COLUMNS = [field.name for field in fields(Reject)]


@dataclass(frozen=True)
class RawShardSummary:
    """What was read: documents, rejected rows by reason, and the size of the text."""

    documents: int
    rejects: dict[str, int]
    characters: int
    source_changed: bool


def read_raw_shard(run: ShardRun, limit: int | None = None) -> RawShardSummary:
    """Read one shard's raw rows into the lake, even if its documents are current.

    Rows that a withdrawal covers become rejects.

    Args:
        run: The shard and its run.
        limit: Stop after this many documents; the result then has a different identity from the complete shard.

    Raises:
        CorpusError: The file cannot be read; nothing is written then.
        StageError: The shard was never discovered.
    """
    shard = known_shard(run.lake, run.corpus, run.shard)
    # Documents go last, because they tell whether the shard is current: after a kill between the two files, the shard
    # would otherwise lack its rejects forever (found with kill -9 at random moments).
    tables = [Table.REJECTS, Table.DOCUMENTS]
    now = relist_shard(run.plan.source, shard)
    if now.files is not None:  # what has left the source cannot be read again
        now = now.of_files([file for file in now.files if file.gone_since is None] or now.files)
    stamp = run.stamp(run.plan.ingest_fingerprint, documents_identity(run.plan, now, limit))
    rejected: Counter[str] = Counter()
    characters = 0
    first_rows: dict[str, int] = {}
    known = has_documents(run.lake, run.corpus, run.shard)
    remove_before_reading(run.lake, run.corpus, run.shard, run.run_id)
    asked = withdrawn(run.lake)
    left_out: list[Doomed] = []

    def before_publish() -> None:
        lease.check()
        if withdrawn(run.lake).identity != asked.identity:
            raise RetryableLakeError(
                f"documents were withdrawn while shard {run.shard!r} was read; run raw_shards again, without them"
            )

    with (
        run.lease(ASSET) as lease,
        run.lake.write(run.corpus, run.shard, tables, stamp, before_publish) as [rejects, documents],
    ):
        for read in read_shard(run.plan.source, now):
            row: Document | Reject = read
            first_rows.setdefault(row.source_file, row.source_row)
            if isinstance(row, Document) and (by := _covering(asked, row)) is not None:
                left_out.append(Doomed(row.doc_id, by.name, text_hash(row.text)))
                row = withdrawn_row(row.source_file, row.source_row, by.name)
            if isinstance(row, Document):
                characters += len(row.text)
                document = {name: getattr(row, name) for name in _DOCUMENT_COLUMNS}
                documents.write({**document, "text_hash": text_hash(row.text)})
            else:
                rejected[row.reason] += 1
                rejects.write({name: getattr(row, name) for name in _REJECT_COLUMNS})
            done = documents.rows + rejects.rows
            if done % 1000 == 0:
                run.progress(done, shard.rows or 0)
            if limit is not None and documents.rows >= limit:
                break
        documents.notes.update(source_version=source_version(*now.version), limit=limit)
    if withdrawn(run.lake).identity != asked.identity:  # asked for while the files were put in place
        remove_before_reading(run.lake, run.corpus, run.shard, run.run_id)
    if left_out and not known:  # programs of documents that were lost may be there
        finish(run.lake, [remove_documents(run.lake, run.corpus, run.shard, run.run_id, left_out)], run.run_id)
    total = documents.rows + rejects.rows
    run.progress(total, total)
    if now.files is not None:
        files = [replace(file, first_row=first_rows.get(file.source_file)) for file in now.files]
        now = replace(now, files=files)
    record_shard(run.lake, run.corpus, now if limit else replace(now, rows=total), run.run_id)
    return RawShardSummary(documents.rows, dict(rejected), characters, source_changed=now.version != shard.version)


def _covering(asked: Withdrawn, document: Document) -> Withdrawal | None:
    return asked.of(document.doc_id, document.url, text_hash(document.text)) if asked else None
