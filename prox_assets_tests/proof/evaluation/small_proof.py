"""A proof over a few documents: its lake, its table of documents and its settings."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.table_files import FileStamp
from prox_assets.proof.folder import ProofFolder
from prox_assets.proof.settings import ProofSettings
from prox_assets.proof.tables import DOCUMENTS
from prox_assets.proof.texts.documents import NOTES, write_documents
from prox_assets_tests.lakes import lake_at

PAGES = (
    ("a.org", "Home | About us | Photosynthesis turns light into sugar.", "Photosynthesis turns light into sugar."),
    ("b.org", "Accept all cookies. The quick brown fox jumps.", "The quick brown fox jumps over it."),
    ("c.org", "Share this. Grüße aus Köln, und so weiter.", "Grüße aus Köln, und so weiter."),
    ("a.org", "Login | Carbon dioxide and oxygen, and much more.", None),
    ("d.org", "Kurz.", "Kurz."),
    *((f"{name}.org", "Nothing of this page is scored.", None) for name in "efgh"),
)
"""Site, raw text and gold."""
TRAINING = ("b.org", "e.org", "f.org", "g.org", "h.org")
SPLIT_SEED = 2  # with which there are sites on both sides


def small_settings(**changes: Any) -> ProofSettings:
    return ProofSettings.model_validate(
        {
            "corpora": ["web"],
            "arms": [{"kind": "raw"}, {"kind": "rules", "name": "c4", "rules": ["c4"]}],
            "models": [{"kind": "llama", "name": "tiny", "preset": "1m"}],
            "text": {"gold": "gold", "site": "site", "held_out": 0.5, "shortest": 20, "held_out_characters": 100},
            **changes,
        }
    )


def make_proof(tmp_path: Path, held_out: Sequence[bool] | None = None) -> tuple[ProofFolder, Lake]:
    """Write the pages into a lake of two shards, and the table of documents with the sites held out that are wanted."""
    lake, folder = lake_at(tmp_path / "lake"), ProofFolder(tmp_path / "proof")
    for shard in ("one", "two"):
        with lake.write("web", shard, [Table.DOCUMENTS], FileStamp("f", "i", "run", "1")) as [writer]:
            for number, (site, text, gold) in enumerate(PAGES):
                if (number % 2 == 0) != (shard == "one"):
                    continue
                metadata = json.dumps({"site": site, "gold": gold})
                writer.write(
                    {
                        "doc_id": f"doc{number}",
                        "source_row": number,
                        "text": text,
                        "url": f"https://{site}/{number}",
                        "source_file": shard,
                        "metadata": metadata,
                        "text_hash": "0" * 32,
                    }
                )
    write_documents(lake, small_settings(seed=SPLIT_SEED), folder)
    table = pq.read_table(folder.documents())
    wanted = [
        site in TRAINING if held_out is None else not held_out[number]
        for number, site in zip(table["source_row"].to_pylist(), table["site"].to_pylist(), strict=True)
    ]
    notes = {NOTES: pq.read_metadata(folder.documents()).metadata[NOTES]}
    place = table.schema.get_field_index("held_out")
    changed = table.set_column(place, DOCUMENTS.field("held_out"), pa.array([not kept for kept in wanted]))
    pq.write_table(changed.replace_schema_metadata(notes), folder.documents())
    return folder, lake
