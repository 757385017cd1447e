"""Programs written from a small lake, and applied to its original."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from prox_assets.corpora.source import CorpusSource
from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.programs.applying.applied import Applied
from prox_assets.publishing.programs.applying.apply import REFUSALS, SUMMARY, apply_programs
from prox_assets.publishing.programs.manifest import ProgramsManifest
from prox_assets.publishing.programs.write import write_programs

SAME = ["doc_id", "source_row", "text", "url", "metadata", "raw_hash", "refined_hash"]


@dataclass(frozen=True)
class Programs:
    """The programs of a corpus, beside its lake or in a folder that has outlived it."""

    folder: Storage
    corpus: str

    @property
    def manifest(self) -> ProgramsManifest:
        manifest = ProgramsManifest.read(self.folder, self.corpus)
        assert manifest is not None
        return manifest

    def apply(self, originals: str, out: Storage, **options: Any) -> Applied:
        recorded = {
            "format": self.manifest.format,
            **{k: options.pop(k) for k in ("format", "columns") if k in options},
        }
        source = CorpusSource(name=self.corpus, urls=[originals], **recorded)
        return apply_programs(self.folder, self.manifest, source, out, **options)

    def rows(self) -> list[dict[str, Any]]:
        return [row for shard in self.manifest.shards for row in table(self.folder, f"{self.corpus}/{shard.file}")]

    def file(self, shard: str) -> bytes:
        data = self.folder.read_bytes(f"{self.corpus}/{shard}.parquet")
        assert data is not None
        return data


def written(lake: Lake, corpus: str, name: str = "programs") -> Programs:
    """Write the programs of a corpus beside its lake."""
    folder = Storage(f"{lake.url}-{name}")
    files = write_programs(lake, corpus, folder)
    assert files[-1] == f"{corpus}/manifest.json"
    assert all(folder.exists(file) for file in files)
    return Programs(folder, corpus)


def out_of(lake: Lake, name: str = "out") -> Storage:
    return Storage(f"{lake.url}-{name}")


def table(folder: Storage, path: str) -> list[dict[str, Any]]:
    with folder.open(path) as file:
        return pl.read_parquet(file.read()).to_dicts()


def refined(out: Storage, corpus: str) -> list[dict[str, Any]]:
    """Return all documents that applying wrote, in order of their places."""
    assert out.exists(f"{corpus}/{SUMMARY}")
    names = [name for name in out.list_files(corpus) if name.endswith(".parquet")]
    rows = [row for name in names for row in table(out, f"{corpus}/{name}")]
    return sorted(rows, key=lambda row: (row["source_file"], row["source_row"]))


def in_lake(lake: Lake, corpus: str) -> list[dict[str, Any]]:
    """Return the lake's refined documents, as far as applying programs gives them."""
    rows = [row for shard in lake.shards(corpus, Table.REFINED) for row in lake.rows(corpus, Table.REFINED, shard)]
    return [{name: row[name] for name in SAME} for row in rows]


def same(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in SAME} for row in rows]


def refusals(out: Storage, corpus: str) -> list[dict[str, Any]]:
    data = out.read_bytes(f"{corpus}/{REFUSALS}")
    assert data is not None
    return [json.loads(line) for line in data.splitlines()]


def rewrite(pages: Path, change: Any) -> None:
    """Change the lines of a file of JSON lines."""
    lines = [json.loads(line) for line in pages.read_text().splitlines()]
    pages.write_text("".join(json.dumps(row) + "\n" for row in change(lines)))
