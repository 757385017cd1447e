"""Are token files what their manifest says, do they add up with the lake, and is nothing withdrawn inside?"""

import hashlib
from collections import Counter

import polars as pl

from prox_assets.lake.lake import Lake
from prox_assets.lake.records.exports import export_of
from prox_assets.lake.records.withdrawn import withdrawn
from prox_assets.lake.storage.storage import Storage
from prox_assets.tokens.errors import TokensError
from prox_assets.tokens.folder import folder_of, read_manifest, read_record
from prox_assets.tokens.forget import documents_of
from prox_assets.tokens.manifest import MANIFEST, TokenManifest
from prox_assets.tokens.settings import TokenSettings
from prox_assets.tokens.sources import ShardName, open_source

BLOCK_BYTES = 1 << 20


def file_problems(folder: Storage) -> list[str]:
    """Return what is wrong with the files: one that is missing, or is not what the manifest says.

    Raises:
        TokensError: There is no manifest.
        LakeError: They cannot be read.
    """
    problems: list[str] = []
    for shard in _manifest(folder).shards:
        for file in shard.files:
            try:
                size, sha256 = _measure(folder, file.path)
            except FileNotFoundError:
                problems.append(f"{file.path} is missing")
                continue
            if size != file.bytes:
                problems.append(f"{file.path} has {size:,} bytes instead of {file.bytes:,}")
            elif sha256 != file.sha256:
                problems.append(f"{file.path} does not have the contents that its sha256 stands for")
    return problems


def count_problems(lake: Lake, settings: TokenSettings, proofs: str | None = None) -> list[str]:
    """Return which shards do not add up with the lake: documents = those of the text, but empty and withdrawn ones.

    Args:
        lake: The lake.
        settings: All settings of the token files.
        proofs: Folder of all proofs, for an arm.

    Raises:
        TokensError: There is no manifest, or no text.
        LakeError: Text or files cannot be read.
    """
    folder = folder_of(lake, settings)
    source = open_source(lake, settings.source, proofs)
    written: Counter[ShardName] = Counter()
    for shard in _manifest(folder).shards:
        written[shard.corpus, shard.shard] += shard.documents
    gone, problems = withdrawn(lake), []
    names = source.shards()
    for name in names:
        expected = 0
        text = source.text(name)
        for frame in source.frames(name, text, ["text"]):
            rows = frame.filter(pl.col("text") != "").select("doc_id", "url", "text_hash").iter_rows()
            expected += sum(1 for row in rows if gone.of(*row) is None)
        if written[name] != expected:
            problems.append(
                f"{'/'.join(name)} has {written[name]:,} documents in the token files, and {expected:,} in the lake"
            )
    problems += [f"{'/'.join(name)} is not in the lake" for name in written.keys() - set(names)]
    for name in names:
        record = read_record(folder, name)
        if record is None or not record.is_complete:
            problems.append(f"{'/'.join(name)} is being written, or its writer died")
    return problems


def withdrawn_inside(lake: Lake, settings: TokenSettings) -> list[str]:
    """Return the documents of token files that a withdrawal covers, each in a sentence.

    Raises:
        TokensError: The lake knows no token files of that name.
        LakeError: A withdrawal or a file cannot be read.
    """
    gone = withdrawn(lake)
    export = export_of(lake, "tokens", settings.name)
    if export is None:
        raise TokensError(f"the lake {lake.url} knows no token files {settings.name}: run `prox tokens`")
    if not gone:
        return []
    found = []
    for frame in documents_of(export):
        for corpus, shard, doc_id, url, text_hash in frame.iter_rows():
            withdrawal = gone.of(doc_id, url, text_hash)
            if withdrawal is not None:
                found.append(f"{doc_id} of {corpus}/{shard} was withdrawn by {withdrawal.by} {withdrawal.value}")
    return found


def _manifest(folder: Storage) -> TokenManifest:
    manifest = read_manifest(folder)
    if manifest is None:
        raise TokensError(f"{folder.uri(MANIFEST)} is not there: the token files are not complete; run `prox tokens`")
    return manifest


def _measure(folder: Storage, path: str) -> tuple[int, str]:
    """Return bytes and sha256 of a file."""
    digest, size = hashlib.sha256(), 0
    with folder.open(path) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()
