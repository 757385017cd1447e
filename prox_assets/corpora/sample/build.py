"""Builds the sample's shards from its pages: `python -m prox_assets.corpora.sample.build`.

The output depends only on the pages (no clock, no random numbers), so a diff in review always means a changed page.
"""

import gzip
import json
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from prox_assets.corpora.sample.extremes import extreme_pages
from prox_assets.corpora.sample.page_files import Page, read_pages

SHARDS_FOLDER = Path(__file__).parent / "shards"
C4_SHARDS = ("c4-00000.json.gz", "c4-00001.json.gz")
FINEWEB_SHARD = "fineweb-00000.parquet"

# A record that was cut off when its writer died, so no reader can turn it into a document.
_CORRUPT_ROW = '{"text": "Harbour webcam, updated every five minutes\\nThe picture is late because the wind has tur'
_CORRUPT_ROW_AT = 20
_FINEWEB_SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("id", pa.string()),
        ("dump", pa.string()),
        ("url", pa.string()),
        ("date", pa.string()),
        ("file_path", pa.string()),
        ("language", pa.string()),
        ("language_score", pa.float64()),
        ("token_count", pa.int64()),
    ]
)


def sample_pages() -> list[list[Page]]:
    """Return the pages of the three shards, shuffled by a hash of their URL to mix sites as a crawl does."""
    pages = sorted([*read_pages(), *extreme_pages()], key=lambda page: _hash(page.url))
    return [pages[start::3] for start in range(3)]


def c4_lines(pages: list[Page]) -> list[str]:
    """Return the lines of a C4 shard: text, url and timestamp."""
    return [
        json.dumps({"text": page.text, "url": page.url, "timestamp": f"{page.date}T12:00:00Z"}, ensure_ascii=False)
        for page in pages
    ]


def fineweb_rows(pages: list[Page]) -> list[dict[str, Any]]:
    """Return the rows of a FineWeb shard.

    The native id, the language score and the token count (a quarter of the characters) are synthetic, derived from the
    page.
    """
    return [
        {
            "text": page.text,
            "id": f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, page.url)}>",
            "dump": "CC-MAIN-2024-51",
            "url": page.url,
            "date": f"{page.date}T12:00:00Z",
            "file_path": "s3://sample/crawl-data/CC-MAIN-2024-51/segments/0/warc/sample-00000.warc.gz",
            "language": page.language,
            "language_score": (8000 + _hash(page.url) % 1900) / 10_000,
            "token_count": len(page.text) // 4,
        }
        for page in pages
    ]


def build(folder: Path = SHARDS_FOLDER) -> list[Path]:
    """Write the three shards and return their paths.

    Args:
        folder: Target folder; created if it does not exist.
    """
    first, second, third = sample_pages()
    second_lines = c4_lines(second)
    second_lines.insert(_CORRUPT_ROW_AT, _CORRUPT_ROW)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in (*C4_SHARDS, FINEWEB_SHARD)]
    for path, lines in zip(paths, (c4_lines(first), second_lines), strict=False):
        text = "".join(f"{line}\n" for line in lines)
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    table = pa.Table.from_pylist(fineweb_rows(third), schema=_FINEWEB_SCHEMA)
    pq.write_table(table, paths[2], compression="zstd", row_group_size=16)
    return paths


def _hash(url: str) -> int:
    return xxhash.xxh3_64_intdigest(url.encode())


if __name__ == "__main__":
    for built in build():
        print(f"{built}: {built.stat().st_size} bytes")
