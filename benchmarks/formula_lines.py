"""What refiners do to formulas: the maths sample refined by each, without and with protection, line by line.

`python -m benchmarks.formula_lines [--refiners rules,lines,bundled,cascade]` refines the sample with `prox refine`,
executes the same programs again with `protect_formulas`, and prints a row for each. `--web FILE` also counts how many
lines of labelled web pages the protection would keep, which take no refiner.
"""

import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.support.arguments import command_parser
from benchmarks.support.commands import CommandFailedError, prox
from prox_assets.corpora.sample.maths.build import SHARD, MathsPage, maths_pages
from prox_assets.lake import schemas
from prox_assets.lake.lake import Lake
from prox_assets.programs.formulas import find_formulas

_OPENS_DISPLAY = ("$$", "\\[", "\\begin{")
_DISPLAY = "display"
# Refiners that protect formulas by themselves, so there is no "without".
_ALWAYS = ("rules-math", "prox-math")


@dataclass
class Counts:
    """Lines of the sample after refining.

    Attributes:
        lines: Lines by label; `display` are those of displays of three and more lines, formulas as well.
        removed: Those removed from documents that stayed.
        dropped: Those of documents that were dropped.
        sound: Documents with content that were dropped.
        worthless: Documents of noise alone that were dropped.
    """

    lines: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    sound: int = 0
    worthless: int = 0

    def cut(self, label: str) -> str:
        """Return the share of lines that was removed from the documents that stayed."""
        there = self.lines[label] - self.dropped[label]
        return f"{self.removed[label] / there:.1%}" if there else "-"


def count(lake: Lake, corpus: str) -> Counts:
    """Count what became of the sample's lines in a corpus of a lake."""
    documents = lake.scan(corpus, schemas.Table.DOCUMENTS).select("doc_id", "url")
    outcomes = lake.scan(corpus, schemas.Table.OUTCOMES).select("doc_id", "outcome")
    kept = {
        url: outcome in schemas.KEPT_OUTCOMES
        for url, outcome in documents.join(outcomes, on="doc_id").select("url", "outcome").collect().iter_rows()
    }
    removed: dict[str, set[int]] = {}
    chunks = lake.scan(corpus, schemas.Table.CHUNK_OUTCOMES).select("doc_id", "removed_lines")
    for url, ranges in documents.join(chunks, on="doc_id").select("url", "removed_lines").collect().iter_rows():
        for lines in ranges:
            removed.setdefault(url, set()).update(range(lines["line_start"], lines["line_end"] + 1))
    counts = Counts()
    for page in maths_pages():
        if not kept[page.url]:
            counts.sound += not page.is_worthless
            counts.worthless += page.is_worthless
        for number, names in enumerate(_names(page)):
            counts.lines.update(names)
            if not kept[page.url]:
                counts.dropped.update(names)
            elif number in removed.get(page.url, ()):
                counts.removed.update(names)
    return counts


def _names(page: MathsPage) -> list[tuple[str, ...]]:
    """Return what each line counts as: its label, and whether it stands in a display of several lines."""
    names: list[tuple[str, ...]] = []
    inside = False
    for line, label in zip(page.lines, page.labels, strict=True):
        opens = line.startswith(_OPENS_DISPLAY) and not _is_whole(line)
        names.append((label, _DISPLAY) if label == "formula" and (inside or opens) else (label,))
        closes = inside and (line in ("$$", "\\]") or line.startswith("\\end{"))
        inside = (inside or opens) and not closes
    return names


def _is_whole(line: str) -> bool:
    closing = {"$": "$$", "[": "\\]", "b": "\\end{"}[line[1]]
    return closing in line[2:]


def web_lines(path: Path) -> str:
    """Say how many lines of labelled pages would be protected, by their label."""
    lines, protected = Counter[int](), Counter[int]()
    for row in pq.read_table(path, columns=["text_full", "keep_full"]).to_pylist():
        texts = row["text_full"].split("\n")
        found = find_formulas(texts)
        for number, label in enumerate(row["keep_full"]):
            if texts[number].strip():
                lines[label] += 1
                protected[label] += number in found
    parts = [
        f"{protected[label]:,} of {lines[label]:,} lines that are {name} ({protected[label] / lines[label]:.3%})"
        for label, name in ((0, "noise"), (1, "main content"))
    ]
    return f"protected on web pages: {', '.join(parts)}"


def table(rows: dict[str, Counts]) -> Table:
    """Return the table: shares of lines cut in documents that stay, and documents dropped."""
    shown = Table(box=box.MARKDOWN, title_justify="left")
    columns = ("formulas cut", "in displays", "prose cut", "noise cut", "formulas in dropped pages", "sound dropped")
    shown.add_column("refiner")
    for column in (*columns, "worthless dropped"):
        shown.add_column(column, justify="right")
    pages = maths_pages()
    worthless = sum(page.is_worthless for page in pages)
    for name, counts in rows.items():
        shown.add_row(
            name,
            counts.cut("formula"),
            counts.cut(_DISPLAY),
            counts.cut("prose"),
            counts.cut("noise"),
            f"{counts.dropped['formula'] / counts.lines['formula']:.1%}",
            f"{counts.sound} of {len(pages) - worthless}",
            f"{counts.worthless} of {worthless}",
        )
    return shown


def main() -> int:
    """Print the table; return the process's exit code."""
    parser = command_parser("formula_lines", __doc__, pages=False)
    parser.add_argument("--refiners", default="rules,rules-math,lines", help="comma-separated presets or folders")
    parser.add_argument("--web", type=Path, help="Parquet file of labelled web pages")
    parser.add_argument("--lake", help="lake to keep; a temporary one by default")
    options = parser.parse_args()
    rows: dict[str, Counts] = {}
    with tempfile.TemporaryDirectory(prefix="prox-bench-") as temporary:
        place = options.lake or temporary
        for refiner in options.refiners.split(","):
            corpus = f"maths_{refiner.replace('-', '_')}".replace("/", "_").replace(".", "_")
            for protected in (True,) if refiner in _ALWAYS else (False, True):
                policy = f"protect_formulas={json.dumps(protected)}"
                try:
                    prox("refine", SHARD, "--lake", place, "--corpus", corpus, "--refiner", refiner, "--policy", policy)
                except CommandFailedError as error:
                    print(f"{refiner}: {error}", file=sys.stderr)
                    break
                name = f"{refiner}, protected" if protected and refiner not in _ALWAYS else refiner
                rows[name] = count(Lake(place), corpus)
    Console(width=140).print(table(rows))
    if options.web is not None:
        print(web_lines(options.web))
    return 0


if __name__ == "__main__":
    sys.exit(main())
