"""Evaluation sets that are texts: gold and raw text of held-out sites, and files that the settings name.

- `raw`: the text of held-out documents as the corpora have it. Refined arms should lose here, and it is shown.
- `gold`: their main content as people see it, where it is known (`text.gold`). This is the target. Without it there is
  no such set, and `raw` alone cannot say that refining helps.
- Each of `evaluation.texts`: other clean text.

All are cut at `text.held_out_characters`; texts with fewer than `text.shortest` characters are left out.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import polars as pl

from prox_assets.lake.lake import Lake
from prox_assets.proof.errors import ProofError
from prox_assets.proof.evaluation.stamps import is_current, stamped
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.settings import ProofSettings, TextFile, TextSettings
from prox_assets.proof.tables import TEXTS
from prox_assets.proof.texts.documents import DocumentTable, with_columns_of_the_lake
from prox_assets.proof.texts.gold import GoldTexts, gold_identity
from prox_assets.refiners.model.files import file_hash
from prox_assets.training.data.tables import write_table

GOLD = "gold"
RAW = "raw"

_SITES_NAMED = 3

Row = Mapping[str, str]
"""A row of tables.TEXTS."""


def evaluation_texts(settings: ProofSettings, folder: ProofFolder, lake: Lake) -> dict[str, Path]:
    """Return the paths of a proof's evaluation texts by name; those that are missing or out of date are made.

    Raises:
        ProofError: A set shares sites with training or is empty, or a file lacks its column.
        LakeError: The lake cannot be read.
    """
    documents = folder.documents()
    if not documents.is_file():
        raise ProofError(f"{documents} is not there: the arms are made before models are scored")
    given = f"{file_hash(documents)} {settings.text.model_dump_json()} {gold_identity(settings.text)}"
    paths = {}
    names = [RAW] if settings.text.gold is None else [GOLD, RAW]
    for name in names:
        paths[name] = folder.evaluation(name)
        if not is_current(paths[name], given):
            _write(paths[name], name, given, _held_out(settings, folder, lake, name), _training_sites(documents))
    for file in settings.evaluation.texts:
        if file.name in (GOLD, RAW):
            raise ProofError(f"{file.path} needs another name: {file.name} is text of the held-out sites")
        path = paths[file.name] = folder.evaluation(file.name)
        stamp = f"{given} {_hash_of(file)} {file.model_dump_json()}"
        if not is_current(path, stamp):
            _write(path, file.name, stamp, texts_of(file, settings.text), _training_sites(documents))
    return paths


def texts_of(file: TextFile, settings: TextSettings) -> Iterator[Row]:
    """Yield the texts of a file as rows of tables.TEXTS; without a column of sites each text is its own site.

    Args:
        file: A Parquet or JSON Lines file and its columns.
        settings: Where texts are cut, and which are too short.

    Raises:
        ProofError: The file is not there, cannot be read, or lacks a column.
    """
    path = Path(file.path).expanduser()
    columns = [file.column, *([file.site] if file.site else [])]
    try:
        frame = pl.scan_parquet(path, glob=False) if path.suffix == ".parquet" else pl.scan_ndjson(path)
        present = frame.collect_schema().names()
        missing = [name for name in columns if name not in present]
        if missing:
            raise ProofError(f"{path} has no column {', '.join(missing)}; it has {', '.join(present)}")
        rows = frame.select(columns).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ProofError(f"{path} cannot be read as Parquet or JSON Lines: {error}") from error
    for number, row in enumerate(rows.iter_rows(named=True)):
        item = f"{file.name}/{number}"
        site = item if file.site is None or row[file.site] is None else str(row[file.site])
        yield from _text(item, site, row[file.column], settings)


def _held_out(settings: ProofSettings, folder: ProofFolder, lake: Lake, name: str) -> Iterator[Row]:
    """Yield the raw or the gold texts of held-out documents, in the order that all arms share."""
    table, gold = DocumentTable(folder), GoldTexts(settings.text)
    found = False
    for shard in table.notes.shards:
        rows = table.rows(shard, held_out=True)
        for frame in with_columns_of_the_lake(lake, shard, rows, ["text", *gold.columns]):
            for row in frame.iter_rows(named=True):
                text = row["text"] if name == RAW else gold.of(row)
                for kept in _text(f"{shard.corpus}/{row['doc_id']}", row["site"], text, settings.text):
                    found = True
                    yield kept
    if name == GOLD and not found:
        raise ProofError(
            f"no held-out document has a gold text of {settings.text.shortest} characters or more (text.gold: "
            f"{settings.text.gold}); native columns of the documents: {', '.join(sorted(gold.seen)) or 'none'}"
        )


def _text(item: str, site: str, text: object, settings: TextSettings) -> Iterator[Row]:
    if isinstance(text, str) and len(text) >= settings.shortest:
        yield {"item": item, "site": site, "context": "", "text": text[: settings.held_out_characters]}


def _training_sites(documents: Path) -> set[str]:
    return set(pl.read_parquet(documents, columns=["site", "held_out"]).filter(~pl.col("held_out"))["site"])


def _write(path: Path, name: str, identity: str, rows: Iterable[Row], training: Collection[str]) -> None:
    kept = list(rows)
    if not kept:
        raise ProofError(f"evaluation set {name} has no text: see text.held_out and text.shortest")
    shared = sorted({row["site"] for row in kept}.intersection(training))
    if shared:
        few = ", ".join(shared[:_SITES_NAMED])
        raise ProofError(
            f"evaluation set {name} shares {len(shared)} sites with training, among them {few}: its scores would show "
            "what models remember. Leave these sites out of the set or of the corpora."
        )
    write_table(path, stamped(TEXTS, identity), map(dict, kept))


def _hash_of(file: TextFile) -> str:
    path = Path(file.path).expanduser()
    if not path.is_file():
        raise ProofError(f"{path} of evaluation set {file.name} is not there")
    return file_hash(path)
