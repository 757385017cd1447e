"""What a training that was begun leaves beside its checkpoints: which one it is, and how long it has run."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

STARTED = "started.json"
"""File in the folder of a training that has not ended."""


class Attempts:
    """The seconds of all attempts at a training, in a file that also says what was begun."""

    def __init__(self, folder: Path, writes: bool) -> None:
        self._path = folder / STARTED
        self._began = time.monotonic()
        self._written = self._began
        self._writes = writes
        self._noted: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))

    @staticmethod
    def open(folder: Path, identity: str) -> None:
        """Make the folder ready: empty, unless the same training was begun in it."""
        path = folder / STARTED
        try:
            begun = json.loads(path.read_text(encoding="utf-8"))["identity"]
        except (OSError, ValueError, KeyError):
            begun = None
        if begun == identity:
            return
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        _write(path, {"identity": identity, "seconds": 0.0})

    def seconds(self) -> float:
        """Return the seconds of all attempts, this one until now."""
        return self._noted["seconds"] + time.monotonic() - self._began

    def note(self) -> None:
        """Write the seconds down, at most once a second."""
        now = time.monotonic()
        if self._writes and now - self._written > 1:
            self._written = now
            _write(self._path, {**self._noted, "seconds": self.seconds()})


def _write(path: Path, values: dict[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(values), encoding="utf-8")
    temporary.replace(path)
