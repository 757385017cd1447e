"""What the released tools of others make of exported programs, against the refined text of the lake.

`python -m benchmarks.released_tools --lake LAKE --corpus NAME --work DIR --ultrax CHECKOUT --rescraper CHECKOUT`

The programs of a corpus are exported for UltraX's post-processing (run as its own command) and for ReScraper's executor
(its library, in a process of its own), and what they leave of every document is compared with what refining left.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl

from prox_assets.lake.lake import Lake
from prox_assets.lake.schemas import Table
from prox_assets.lake.storage.storage import Storage
from prox_assets.publishing.dialect_files.settings import RELEASED_COLUMNS, ExportSettings
from prox_assets.publishing.dialect_files.write import export_programs
from prox_assets.training.evaluation.table import markdown

Tool = Literal["ultrax", "rescraper"]

POST_PROCESSING = "stage2_large_scale_execution/post_processing/post_process_and_execute.py"
# The released reader of answers that begin with the decision; what it prints is read back below.
READ_ANSWERS = """
import json, sys
sys.path.insert(0, sys.argv[1] + "/lib")
import rescraper_ops
for line in sys.stdin:
    row = json.loads(line)
    tag, text = rescraper_ops.body_from_prediction_dfirst(row["input"], row["output"])
    print(json.dumps({"dropped": tag == "<delete>", "text": text}))
"""
OTHER_LINE_BREAKS = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""What the released UltraX takes for a line break beside "\\n", when it executes and not when it prompts."""


@dataclass
class Compared:
    """Documents by how what a tool left compares with the refined text.

    Attributes:
        same: Equal, or dropped by both.
        white_space: The same words in the same lines.
        different: All others, by why.
    """

    same: int = 0
    white_space: int = 0
    different: Counter[str] = field(default_factory=Counter)

    def add(self, row: dict[str, Any], refined: str | None, left: str | None) -> None:
        """Count a document: its exported row, what refining left, and what the tool left; None if it is dropped."""
        if refined == left:
            self.same += 1
        elif refined is not None and left is not None and _lines(refined) == _lines(left):
            self.white_space += 1
        elif not row["original_text"].strip():
            self.different["blank, which the tool never drops"] += 1
        elif row["fidelity"] == "inexact":
            self.different[f"cannot be said: {', '.join(row['unsaid'])}"] += 1
        elif any(mark in row["original_text"] for mark in OTHER_LINE_BREAKS):
            self.different["has other line breaks than \\n, which the tool counts as lines"] += 1
        else:
            self.different["unexplained"] += 1


def main() -> int:
    """Print the table; return the process's exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.released_tools", description=__doc__)
    parser.add_argument("--lake", required=True)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--work", required=True, metavar="FOLDER", help="for the exports, which stay, and the results")
    parser.add_argument("--ultrax", metavar="CHECKOUT", help="a checkout of openbmb/UltraX")
    parser.add_argument("--rescraper", metavar="CHECKOUT", help="a checkout of cxcscmu/ReScraper")
    options = parser.parse_args()
    rows = []
    checkouts: dict[Tool, str | None] = {"ultrax": options.ultrax, "rescraper": options.rescraper}
    for tool, checkout in checkouts.items():
        if checkout is None:
            continue
        done = compared(
            Lake(options.lake), options.corpus, tool, Path(checkout), Path(options.work) / options.corpus / tool
        )
        why = "; ".join(f"{number}: {reason}" for reason, number in done.different.most_common())
        documents = done.same + done.white_space + done.different.total()
        counts = (documents, done.same, done.white_space, done.different.total())
        rows.append((tool, *(f"{count:,}" for count in counts), why))
    print(markdown(("tool", "documents", "same text", "same but for white space", "different", "why"), rows))
    return 0


def compared(lake: Lake, corpus: str, tool: Tool, checkout: Path, folder: Path) -> Compared:
    """Export a corpus for a released tool, run it, and compare what it left with the refined text.

    Args:
        lake: The lake.
        corpus: The corpus.
        tool: The tool.
        checkout: The repository that it is in.
        folder: A folder for the export and for what the tool writes.
    """
    settings = ExportSettings(corpus=corpus, dialect=tool, layout="released")
    exported = export_programs(lake, settings, Storage(str(folder / "export")), f"released-tools-{corpus}-{tool}")
    if tool == "ultrax":
        command = [sys.executable, str(checkout / POST_PROCESSING), "--num_workers", "1"]
        shutil.rmtree(folder / "out", ignore_errors=True)  # the tool skips files that are there
        paths = ["--input_dir", str(folder / "export"), "--output_dir", str(folder / "out")]
        subprocess.run([*command, *paths], check=True, capture_output=True)
    done = Compared()
    for shard in exported.manifest.shards:
        rows = pl.read_parquet(folder / "export" / shard.file).to_dicts()
        raw, refined = (
            {row["doc_id"]: row["text"] for row in lake.rows(corpus, table, shard.shard, ["doc_id", "text"])}
            for table in (Table.DOCUMENTS, Table.REFINED)
        )
        left = _ultrax(folder / "out" / shard.file) if tool == "ultrax" else _rescraper(checkout, rows)
        for row, text in zip(rows, left, strict=True):
            doc_id = row["doc_id"]
            done.add({**row, "original_text": raw[doc_id]}, refined.get(doc_id), text)
    return done


def _ultrax(path: Path) -> Iterator[str | None]:
    for row in pl.read_parquet(path).to_dicts():
        yield None if row["processed_functions"] == "remove_all()" else row["cleaned"]


def _rescraper(checkout: Path, rows: list[dict[str, Any]]) -> Iterator[str | None]:
    names = RELEASED_COLUMNS["rescraper"]
    asked = "".join(json.dumps({name: row[name] for name in names}) + "\n" for row in rows)
    command = [sys.executable, "-c", READ_ANSWERS, str(checkout)]
    done = subprocess.run(command, input=asked, check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        answer = json.loads(line)
        yield None if answer["dropped"] else answer["text"]


def _lines(text: str) -> list[list[str]]:
    return [words for words in (line.split() for line in text.split("\n")) if words]


if __name__ == "__main__":
    sys.exit(main())
