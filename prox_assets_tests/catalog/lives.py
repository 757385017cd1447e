"""A refined shard in which every fate of a document occurs, with hostile text, for tests of trace and replay."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prox_assets.catalog.document_index import DocumentPlace
from prox_assets.catalog.trace.read import read_trace
from prox_assets.catalog.trace.record import DocumentTrace
from prox_assets.lake.schemas import Table
from prox_assets.refiners.protocol import ChunkProgramRow, ChunkPrograms, RefinerInput
from prox_assets.stages.execution.refined_shards import refine_shard
from prox_assets.stages.run import ShardRun
from prox_assets_tests.lakes import table_file
from prox_assets_tests.stages.fake_refiners import Fake, FakeDocuments
from prox_assets_tests.stages.shard_runs import infer, read_shard_of, rows, with_floor, with_policy

HOSTILE = "</pre><script>alert('text')</script> & \x1b[31mred\x1b[0m \u202emirrored"
TEXTS = {
    "kept": "A fine page.\nWith two lines.",
    "edited": "menu\nA page[1] with a menu.\nshare\nThe end.",
    "doc-dropped": "spam spam spam",
    "emptied": "only a menu",
    "doc-failed": "a page that no document refiner can read",
    "chunk-failed": "a page that no chunk refiner can read",
    "blank": "  \n ",
    "bad-program": "menu\nA page whose program is broken.",
    "cut-off": "menu\nA page whose program was cut off.",
    "skipped-chunk": "menu\nA page.\nA line that is longer than the window.\nshare",
    "hostile": f"menu\n{HOSTILE}\nThe end.",
}


def _answer(index: int, lines: tuple[int, int], program: str | None, finish_reason: str = "stop") -> ChunkProgramRow:
    skipped = finish_reason == "skipped"
    return ChunkProgramRow(
        chunk_index=index,
        line_start=lines[0],
        line_end=lines[1],
        program=program,
        line_keep_probabilities=None,
        prompt_tokens=0 if skipped else 100,
        completion_tokens=0 if skipped else 9,
        finish_reason=finish_reason,
        skip_reason="line_longer_than_window" if skipped else None,
    )


ANSWERS = {
    "edited": [
        _answer(0, (0, 1), 'remove_lines(0, 0)\nnormalize(source_str="[1]", target_str="")'),
        _answer(1, (2, 3), 'remove_lines(2, 2)\nnormalize("end", "finish")'),
    ],
    "emptied": [_answer(0, (0, 0), "remove_lines(0, 0)")],
    "bad-program": [_answer(0, (0, 1), "remove_lines(0, 0)\nremove_lines(7, 9)\nremove_lines(1, 0)")],
    "cut-off": [_answer(0, (0, 1), "remove_lines(0, 0)\nremove_li", "length")],
    "skipped-chunk": [
        _answer(0, (0, 1), "remove_lines(0, 0)"),
        _answer(1, (2, 2), None, "skipped"),
        _answer(2, (3, 3), "remove_lines(3, 3)"),
    ],
    "hostile": [_answer(0, (0, 2), "remove_lines(0, 0)\n<script>alert('program')</script>\nnormalize('x', '\x1b[2J')")],
}
NAMES = {text: name for name, text in TEXTS.items()}


@dataclass
class Chunks(Fake):
    """Answers each document with the rows that a function gives."""

    rows: Callable[[str], list[ChunkProgramRow]] = lambda text: ANSWERS.get(
        NAMES[text], [_answer(0, (0, text.count("\n")), "keep_chunk()")]
    )

    def write_programs(self, documents: Iterable[RefinerInput]) -> Iterator[ChunkPrograms]:
        for document in self.answered(documents):
            error = self.error(document.text)
            yield ChunkPrograms(document.doc_id, () if error else tuple(self.rows(document.text)), error)


def all_fates(folder: Path, **policy: Any) -> ShardRun:
    """Read, infer and refine a shard with a document for each of TEXTS; what is emptied is dropped."""
    rules = {"error_limit": 2, "on_empty": "drop", **policy}
    run = with_policy(read_shard_of(folder, list(TEXTS.values())), **rules)
    infer(
        run,
        FakeDocuments(
            program=lambda text: "drop_doc()  # too much spam" if text.startswith("spam") else "keep_doc()",
            error=lambda text: "boom" if text == TEXTS["doc-failed"] else None,
        ),
        Chunks(error=lambda text: "bang" if text == TEXTS["chunk-failed"] else None),  # type: ignore[arg-type]
    )
    refine_shard(run)
    return run


KEEP_ALL = {"ultrax": "keep_all()", "rescraper": "<keep>\n<extract>\n<keep>"}


def in_dialect(folder: Path, dialect: str, answers: dict[str, list[ChunkProgramRow]], **policy: Any) -> ShardRun:
    """Refine a shard with a document for each of TEXTS, with programs of another dialect for some, by name."""
    run = read_shard_of(folder, list(TEXTS.values()), refiners=with_floor(0.0, dialect))
    run = with_policy(run, **policy)

    def rows_of(text: str) -> list[ChunkProgramRow]:
        return answers.get(NAMES[text], [_answer(0, (0, text.count("\n")), KEEP_ALL[dialect])])

    infer(run, FakeDocuments(), Chunks(rows=rows_of))  # type: ignore[arg-type]
    refine_shard(run)
    return run


SCORED = ("menu[1]\nA sentence.\nshare\nAnother[2] sentence.", "A page of doubtful worth.", "Spam.")


def scored(folder: Path, floor: float = 0.5, **policy: Any) -> ShardRun:
    """Refine documents whose lines are scored; their P(keep) is 0.9, 0.4 and 0.1."""
    run = read_shard_of(folder, list(SCORED), refiners=with_floor(floor, dialect="line-labels"))
    run = with_policy(run, **{"dialect": "line-labels", "doc_keep_threshold": max(floor, 0.5), **policy})
    probabilities = dict(zip(SCORED, (0.9, 0.4, 0.1), strict=True))

    def lines(text: str) -> list[ChunkProgramRow]:
        scores = (0.1, 0.95, 0.6, 0.8) if "\n" in text else (0.9,)
        program = 'normalize("[1]", "")\nnormalize("[2]", "")' if "\n" in text else None
        return [
            ChunkProgramRow(
                chunk_index=0,
                line_start=0,
                line_end=text.count("\n"),
                program=program,
                line_keep_probabilities=scores,
                prompt_tokens=100,
                completion_tokens=0,
                finish_reason="scored",
            )
        ]

    infer(run, FakeDocuments(probability=lambda text: probabilities[text]), Chunks(rows=lines))  # type: ignore[arg-type]
    refine_shard(run)
    return run


def place_of(run: ShardRun, name: str) -> DocumentPlace:
    """Return the place of one of TEXTS."""
    number = list(TEXTS).index(name)
    row = rows(run, Table.DOCUMENTS)[number]
    assert row["text"] == TEXTS[name]
    return DocumentPlace(run.corpus, run.shard, row["doc_id"], row["source_row"])


def life_of(run: ShardRun, name: str) -> DocumentTrace:
    return read_trace(run.lake, place_of(run, name))


def damage(run: ShardRun, table: Table, *, footer: bool = True) -> str:
    """Overwrite a table's footer, or all of its data and not the footer; return the file's path."""
    file = table_file(run.lake, run.corpus, table, run.shard)
    data = bytearray(file.read_bytes())
    footer_start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    start, end = (footer_start, len(data)) if footer else (4, footer_start)
    data[start:end] = bytes(end - start)
    file.write_bytes(bytes(data))
    return str(file)
