"""What has changed since a proof was made: in the lake since its arms were, in its folder since the report was."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from prox_assets.lake.footers import Footers
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.settings import ProofSettings
from prox_assets.proof.texts.documents import DocumentTable

NAMED = 5


def changes_since(lake: Lake, settings: ProofSettings, folder: ProofFolder) -> list[str]:
    """Return what has changed since the proof was made, a sentence each; [] if it is up to date.

    Only the identities of documents and the executions that manifests name are compared: a corpus that was refined
    again has changed, also where its text came out the same.

    Raises:
        LakeError: The lake cannot be read.
    """
    if not folder.documents().is_file():
        return ["the arms have not been made yet"]
    if not folder.report().is_file():
        return ["the report has not been written yet"]
    return [*_of_lake(lake, settings, folder), *_of_folder(settings, folder)]


def _of_lake(lake: Lake, settings: ProofSettings, folder: ProofFolder) -> Iterator[str]:
    notes = DocumentTable(folder).notes
    if not notes.read:
        yield "an earlier release made the arms, and did not note which executions they are of"
        return
    for corpus in settings.corpora:
        documents = Footers(lake, corpus, [Table.DOCUMENTS])
        shards = lake.shards(corpus, Table.DOCUMENTS)
        infos = {shard: documents.info(Table.DOCUMENTS, shard) for shard in shards}
        now = {shard: info.identity for shard, info in infos.items() if info is not None}
        yield from _differences(corpus, notes.read.get(corpus, {}), now, "read")
    for corpus, before in notes.executed.items():
        manifests = Footers(lake, corpus, [])
        now = {shard: execution for shard in before if (execution := manifests.execution(shard)) is not None}
        yield from _differences(corpus, before, now, "executed")


def _differences(corpus: str, before: Mapping[str, str], now: Mapping[str, str], what: str) -> Iterator[str]:
    for shards, how in (
        (sorted(now.keys() - before.keys()), "are new"),
        (sorted(before.keys() - now.keys()), "are gone"),
        (sorted(shard for shard in before.keys() & now.keys() if before[shard] != now[shard]), f"were {what} again"),
    ):
        if shards:
            more = f" and {len(shards) - NAMED} more" if len(shards) > NAMED else ""
            yield f"shards of {corpus} {how}: {', '.join(shards[:NAMED])}{more}"


def _of_folder(settings: ProofSettings, folder: ProofFolder) -> Iterator[str]:
    written = folder.report().stat().st_mtime_ns
    for name, files in (
        ("arms were made", [folder.documents(), *(folder.arm(arm.name) for arm in settings.arms)]),
        ("models were scored", (folder.root / "scores").rglob("*.parquet")),
    ):
        if any(_is_newer(file, written) for file in files):
            yield f"{name} again since the report was written"


def _is_newer(file: Path, than: int) -> bool:
    return file.is_file() and file.stat().st_mtime_ns > than
