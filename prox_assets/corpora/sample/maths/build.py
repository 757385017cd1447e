"""Builds the shard of the maths sample and its gold: `python -m prox_assets.corpora.sample.maths.build`.

The page files are those of the sample (`sample/page_files.py`), and every line begins with its label and a space:
f for a formula or a sentence that holds one, p for everything else that belongs to the page (sentences, headings, code,
tables), n for what a reader would not miss (menus, names of users, votes, "Related"). A page of noise only should go.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from prox_assets.corpora.sample.page_files import Page, read_pages

Label = Literal["formula", "prose", "noise"]

FOLDER = Path(__file__).parent
SHARD = FOLDER / "train-00000-of-00001.parquet"
GOLD = FOLDER / "gold.jsonl"
# huggingface.co/datasets/open-web-math/open-web-math
_SCHEMA = pa.schema([("url", pa.string()), ("text", pa.string()), ("date", pa.string()), ("metadata", pa.string())])
_LABELS: dict[str, Label] = {"f": "formula", "p": "prose", "n": "noise"}


@dataclass(frozen=True, slots=True)
class MathsPage:
    """A page of the maths sample.

    Attributes:
        url: Its address.
        date: When it was crawled, an ISO 8601 day.
        lines: Its lines, as an extractor would return them.
        labels: The label of each line.
    """

    url: str
    date: str
    lines: tuple[str, ...]
    labels: tuple[Label, ...]

    @property
    def text(self) -> str:
        """The whole text."""
        return "\n".join(self.lines)

    @property
    def gold(self) -> str:
        """What a reader would keep."""
        kept = (line for line, label in zip(self.lines, self.labels, strict=True) if label != "noise")
        return "\n".join(kept)

    @property
    def is_worthless(self) -> bool:
        """Whether nothing on the page is worth keeping."""
        return set(self.labels) == {"noise"}


def maths_pages() -> list[MathsPage]:
    """Return the pages, in the order of the shard's rows.

    Raises:
        ValueError: A line has no label.
    """
    return [_labelled(page) for page in read_pages(FOLDER)]


def _labelled(page: Page) -> MathsPage:
    marked = [line.partition(" ") for line in page.text.split("\n")]
    wrong = [line for mark, space, line in marked if mark not in _LABELS or not space]
    if wrong:
        raise ValueError(f"{page.url}: a line has no label: {wrong[0]!r}")
    return MathsPage(
        page.url, page.date, tuple(line for _, _, line in marked), tuple(_LABELS[mark] for mark, _, _ in marked)
    )


def build(path: Path = SHARD) -> Path:
    """Write the shard and return its path."""
    rows = [
        {
            "url": page.url,
            "text": page.text,
            "date": f"{page.date} 12:00:00",
            "metadata": json.dumps({"extraction_info": {"found_math": "formula" in page.labels}}),
        }
        for page in maths_pages()
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), path, compression="zstd")
    return path


def gold_lines() -> list[str]:
    """Return the lines of gold.jsonl, for the proof on the sample: url and text without noise."""
    pages = [page for page in maths_pages() if not page.is_worthless]
    return [json.dumps({"url": page.url, "text": page.gold}, ensure_ascii=False) for page in pages]


if __name__ == "__main__":
    GOLD.write_text("".join(f"{line}\n" for line in gold_lines()), encoding="utf-8")
    built = build()
    print(f"{built}: {built.stat().st_size} bytes")
