"""The ledger: every answer from the server, one JSON object per line, written as it arrives.

Each run judges the answers afresh, so a better parser needs no new requests, and raising `attempts` by one asks each
unsettled question only once more. If a run is killed, at most its last line is incomplete; the next run cuts that line
off. Server and network failures are never recorded, so those questions stay open.
"""

import dataclasses
import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from prox_assets.training.annotation.chat import ChatAnswer
from prox_assets.training.annotation.config import Tokens
from prox_assets.training.annotation.errors import AnnotationError

LEDGER_NAME = "answers.jsonl"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One answer, found by the question's key (`AnnotationPlan.key`).

    `doc_id`, `prompt`, `prompt_version` and `model` are there for people who read the file.
    """

    key: str
    level: str
    doc_id: str
    prompt: str
    prompt_version: str
    model: str
    answer: ChatAnswer


class Ledger:
    """The answers in one folder; `open_ledger` opens it.

    Attributes:
        spent: Tokens of all answers in the file, including answers to other questions.
        count: Number of answers in the file.
    """

    def __init__(self, file: BinaryIO, entries: Sequence[LedgerEntry]) -> None:
        self._file = file
        self._answers: defaultdict[str, list[ChatAnswer]] = defaultdict(list)
        self.spent = Tokens()
        self.count = 0
        for entry in entries:
            self._count(entry)

    def answers(self, key: str) -> list[ChatAnswer]:
        """Return the answers to a question, in order of arrival."""
        return list(self._answers.get(key, ()))

    def add(self, entry: LedgerEntry) -> None:
        """Record an answer; once this returns, the answer survives a kill of the process."""
        line = json.dumps(dataclasses.asdict(entry), ensure_ascii=False) + "\n"
        # The file is unbuffered, so this is a single write at its end.
        self._file.write(line.encode())
        self._count(entry)

    def _count(self, entry: LedgerEntry) -> None:
        self._answers[entry.key].append(entry.answer)
        self.spent += entry.answer.tokens
        self.count += 1


@contextmanager
def open_ledger(folder: Path, level: str) -> Iterator[Ledger]:
    """Open the ledger of a folder on a local disk, creating both if needed; only one run may have it open.

    A ledger of the other level is refused, because both levels write a table of the same name.

    Raises:
        AnnotationError: Another run is working in the folder, it belongs to the other level, or a line is damaged.
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LEDGER_NAME
    with path.open("ab+", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AnnotationError(
                f"another run is annotating in {folder}; wait for it, or use another folder"
            ) from error
        entries = _read(file, path)
        other = next((entry.level for entry in entries if entry.level != level), None)
        if other is not None:
            raise AnnotationError(f"{folder} holds annotation at level {other}; use another folder for level {level}")
        try:
            yield Ledger(file, entries)
        finally:
            os.fsync(file.fileno())


def _read(file: BinaryIO, path: Path) -> list[LedgerEntry]:
    file.seek(0)
    data = file.read()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        # A run was killed while writing its last line; the next line must not be appended to the fragment.
        file.truncate(whole)
    return [_entry(line, path, number) for number, line in enumerate(data[:whole].splitlines(), 1)]


def _entry(line: bytes, path: Path, number: int) -> LedgerEntry:
    try:
        values: dict[str, Any] = json.loads(line)
        return LedgerEntry(**{**values, "answer": ChatAnswer(**values["answer"])})
    except (ValueError, TypeError, KeyError) as error:
        raise AnnotationError(
            f"line {number} of {path} is no answer ({error}); delete the line, and its question will be asked again"
        ) from error
